"""What promised campaigns bring, as members read it: a sentence for each occasion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.journeys import occasions as known
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.queries import campaigns_of
from loyalty_oscar.program import money, words

from ..storefront.visit import Visit
from .goals import is_meant


def promised_to(*, visit: Visit, at: datetime) -> list[Campaign]:
    """
    Return the campaigns that promise something to a visitor, also those that begin later or are over; asked once a
    visit, without a query where none is for a level or a group.
    """
    unit = visit.unit
    if unit is None:
        return []
    found = campaigns_of(program_id=unit.program_id)
    return visit.once(key="campaigns", load=lambda: [one for one in found if is_meant(row=one, visit=visit, at=at)])


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


def _joined(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "%(points)s when you join.") % {"points": points}


def _placed(campaign: Campaign, points: str) -> str:
    if campaign.params.get("sets"):
        return pgettext("loyalty", "%(points)s for each order of certain goods.") % {"points": points}
    return pgettext("loyalty", "%(points)s for each order.") % {"points": points}


def _final(campaign: Campaign, points: str) -> str:
    if campaign.params.get("sets"):
        return pgettext("loyalty", "%(points)s for each order of certain goods, once it arrived.") % {"points": points}
    return pgettext("loyalty", "%(points)s for each order, once it arrived.") % {"points": points}


def _level(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "%(points)s for each level that you reach.") % {"points": points}


def _goal(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "%(points)s more for each goal that you reach.") % {"points": points}


def _anniversary(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "%(points)s each year on the day on which you joined.") % {"points": points}


def _day(campaign: Campaign, points: str) -> str:
    kept = words.day(date(2024, campaign.params["month"], campaign.params["day"]), zone="UTC", year=False)
    return pgettext("loyalty", "%(points)s each year on %(day)s.") % {"points": points, "day": kept}


def _warranty(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "%(points)s when the warranty of certain goods ends.") % {"points": points}


def _other(campaign: Campaign, points: str) -> str:
    return pgettext("loyalty", "%(points)s: %(name)s.") % {"points": points, "name": campaign.name}


#: What is told of each occasion; of all others the name of the campaign says it.
SAID: Mapping[str, Callable[[Campaign, str], str]] = {
    known.SIGN_UP: _sign_up,
    known.JOINED: _joined,
    known.ORDER_PLACED: _placed,
    known.ORDER_FINAL: _final,
    known.REVIEW: _review,
    known.BIRTHDAY: _birthday,
    known.ANNIVERSARY: _anniversary,
    known.DAY: _day,
    known.LEVEL: _level,
    known.GOAL: _goal,
    known.WARRANTY: _warranty,
    known.WORD: _word,
}


def brings(*, campaign: Campaign, points: str) -> str:
    """Return what a campaign brings, as members read it; `points` is that in words. A code word is not told."""
    return SAID.get(campaign.occasion, _other)(campaign, points)


def best_of(*, campaigns: Iterable[Campaign]) -> list[Campaign]:
    """
    Return of several campaigns about the very same the one that gives most, which alone counts; none for certain goods
    where one for all goods gives as much.
    """
    found: dict[tuple[Any, ...], Campaign] = {}
    for campaign in campaigns:
        key = campaign.about if campaign.occasion in SAID else (campaign.code,)
        if key not in found or campaign.weight > found[key].weight:
            found[key] = campaign
    of_all = {one.occasion: one.weight for one in found.values() if not one.params.get("sets")}
    shown = (one for one in found.values() if not one.params.get("sets") or one.weight > of_all.get(one.occasion, 0))
    order = {occasion: number for number, occasion in enumerate(SAID)}
    return sorted(shown, key=lambda one: (order.get(one.occasion, len(order)), one.code))
