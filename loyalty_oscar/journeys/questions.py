"""The questions that letters ask, and what may be answered. A store registers its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.registry import Registry

PROBLEM, HAPPY, AWAY, FAREWELL = "problem", "happy", "away", "farewell"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What may be answered, as members read it; one that `opens` a case names its kind (`cases.case_kinds`)."""

    text: str | Promise
    opens: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """
    What a letter asks, in words: `text` is the question, `choices` the answers by code, in the order in which they
    stand. With `asks_text` members may write a few words beside it. `title` is what staff call it.
    """

    title: str | Promise
    text: str | Promise
    choices: Mapping[str, Choice]
    asks_text: bool = True


questions: Registry[Question] = Registry("question", Question)
questions.register(PROBLEM)(
    Question(
        title=pgettext_lazy("loyalty", "Is anything wrong?"),
        text=pgettext_lazy("loyalty", "Is everything all right with your order?"),
        choices={
            "fine": Choice(text=pgettext_lazy("loyalty", "Everything is fine")),
            "wrong": Choice(text=pgettext_lazy("loyalty", "Something is wrong"), opens="problem"),
        },
    )
)
questions.register(HAPPY)(
    Question(
        title=pgettext_lazy("loyalty", "How happy?"),
        text=pgettext_lazy("loyalty", "How happy are you with us?"),
        choices={
            "happy": Choice(text=pgettext_lazy("loyalty", "Happy")),
            "so-so": Choice(text=pgettext_lazy("loyalty", "It could be better")),
            "unhappy": Choice(text=pgettext_lazy("loyalty", "Unhappy"), opens="unhappy"),
        },
    )
)
REASONS = {
    "price": Choice(text=pgettext_lazy("loyalty", "The prices")),
    "choice": Choice(text=pgettext_lazy("loyalty", "I missed something in your range")),
    "delivery": Choice(text=pgettext_lazy("loyalty", "The delivery")),
    "no-need": Choice(text=pgettext_lazy("loyalty", "I don’t need it any more")),
    "other": Choice(text=pgettext_lazy("loyalty", "Something else")),
}
questions.register(AWAY)(
    Question(
        title=pgettext_lazy("loyalty", "Why away?"),
        text=pgettext_lazy("loyalty", "You haven’t ordered for a while. What is the reason?"),
        choices=REASONS,
    )
)
questions.register(FAREWELL)(
    Question(
        title=pgettext_lazy("loyalty", "Why leaving?"),
        text=pgettext_lazy("loyalty", "Why do you leave?"),
        choices=REASONS,
        asks_text=False,
    )
)


def said(*, question: str, choice: str) -> str:
    """Return an answer in words; its code where the question or the choice has left."""
    known = questions.get(question).choices.get(choice) if question in questions else None
    return str(known.text) if known else choice
