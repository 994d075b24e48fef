"""The trait `answer`: what members last answered to a question of a letter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.registries import traits

from .models import Answer
from .questions import questions

#: Between the code of a question and that of an answer.
COLON = ":"


class AnswerTrait:
    """
    Members whose last answer to a question is among `answers`, each its code and that of the answer ("problem:fine").

    It is asked only of those who allow personal content.
    """

    label, is_personal = pgettext_lazy("loyalty", "What they answered"), True

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        return {
            "answers": forms.MultipleChoiceField(
                label=pgettext("loyalty", "One of these answers"),
                help_text=pgettext(
                    "loyalty", "The last answer to a question counts, of those who allow personal content."
                ),
                choices=[(str(one.title), list(_answers(code).items())) for code, one in questions.items()],
                widget=forms.CheckboxSelectMultiple,
            )
        }

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        said = (_answers(answer.partition(COLON)[0]).get(answer, answer) for answer in params["answers"])
        return pgettext("loyalty", "last answer: %(answers)s") % {"answers": ", ".join(f"“{text}”" for text in said)}

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        asked = {answer.partition(COLON)[0] for answer in params["answers"]}
        rows = Answer.objects.using(write_db()).filter(
            member__program=program_id, member_id__gt=after, member_id__lte=last, question__in=asked, at__lte=at
        )
        latest: dict[tuple[int, str], str] = {}
        for member_id, question, choice in rows.order_by("at", "pk").values_list("member_id", "question", "choice"):
            latest[member_id, question] = choice
        wanted = set(params["answers"])
        return {member_id for (member_id, question), choice in latest.items() if f"{question}{COLON}{choice}" in wanted}


def _answers(question: str) -> dict[str, str]:
    """Return what may be answered to a question, by its code and that of the answer; nothing where it has left."""
    if question not in questions:
        return {}
    return {f"{question}{COLON}{code}": str(choice.text) for code, choice in questions.get(question).choices.items()}


traits.register("answer")(AnswerTrait())
