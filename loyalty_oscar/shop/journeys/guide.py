"""What brings points besides buying, in plain words: a part of the page "how it works"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import BIRTHDAY, REVIEW, SIGN_UP, WORD, in_time
from loyalty_oscar.journeys.queries import campaigns_of
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.models import Unit

from .goals import cards


def _sign_up(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "%(points)s when you confirm your e-mail address.") % {"points": points}


def _review(campaign: Campaign, points: str) -> str:
    text = pgettext("loyalty", "%(points)s for reviewing something you bought. Stars don't matter.")
    return text % {"points": points}


def _birthday(campaign: Campaign, points: str) -> str:
    days = campaign.told_days
    if not days:
        return pgettext("loyalty", "%(points)s for your birthday.") % {"points": points}
    text = npgettext(
        "loyalty",
        "%(points)s for your birthday, if you tell us at least %(days)s day before.",
        "%(points)s for your birthday, if you tell us at least %(days)s days before.",
        days,
    )
    return text % {"points": points, "days": money.number(days)}


def _word(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "Code words from the shop bring more. Each counts once.")


SAID: Mapping[str, Callable[[Campaign, str], str]] = {
    SIGN_UP: _sign_up, REVIEW: _review, BIRTHDAY: _birthday, WORD: _word,
}  # fmt: skip


@contributions.register("how-it-works:parts", "journeys", order=25)
def more_ways(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what the campaigns in force bring, a line for each occasion."""
    at, lines = clock.now(), []
    open_now = [one for one in campaigns_of(program_id=subject.program_id) if one.has_left]
    open_now = [one for one in open_now if in_time(dated=one, at=at)]
    for occasion, said in SAID.items():
        best = max((one for one in open_now if one.occasion == occasion), key=lambda one: one.weight, default=None)
        if best:
            lines.append(said(best, words.promised(unit=subject, row=best)))
    if not lines:
        return None
    return "loyalty/widgets/guide.html", {"id": "more", "title": pgettext("loyalty", "Earn more"), "lines": lines}


@contributions.register("how-it-works:parts", "goals", order=27)
def goals(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what members can reach by their orders, and what they get for it."""
    rows = [f"{card.goal.name}: {card.asked}. {card.gift}" for card in cards(visit=request.loyalty, at=clock.now())]
    if not rows:
        return None
    return "loyalty/widgets/guide.html", {"id": "goals", "title": pgettext("loyalty", "Goals"), "lines": rows}
