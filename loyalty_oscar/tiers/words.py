"""What the reasons of levels say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.languages import called
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.program.words import say, title

from .models import Ladder
from .queries import tier_name

Params = Mapping[str, Any]


def more(*, percent: int, unit: Unit | None) -> str:
    """Return what a level's percent (110) brings: "Paws: 10 % more"; of money "10 % more back"."""
    told = {"percent": money.number(percent - 100)}
    if unit is not None and unit.is_money:
        return pgettext("loyalty", "%(percent)s %% more back") % told
    told["unit"] = title(unit=unit) if unit else pgettext("loyalty", "Earns")
    return pgettext("loyalty", "%(unit)s: %(percent)s %% more") % told


def _tier(p: Params) -> str:
    return called(name=p.get("tier", ""), names=p.get("names", {}))


@say("tier_up")
def _tier_up(p: Params) -> str:
    return pgettext("loyalty", "%(tier)s reached") % {"tier": _tier(p)}


@say("tier_placed")
def _tier_placed(p: Params) -> str:
    return pgettext("loyalty", "%(tier)s, by what was ordered before") % {"tier": _tier(p)}


@say("tier_everybodys")
def _tier_everybodys(p: Params) -> str:
    return pgettext("loyalty", "Every member has this level")


@say("tier_given")
def _tier_given(p: Params) -> str:
    return pgettext("loyalty", "%(tier)s, given by the shop") % {"tier": _tier(p)}


@say("tier_kept")
def _tier_kept(p: Params) -> str:
    return pgettext("loyalty", "%(tier)s kept") % {"tier": _tier(p)}


@say("tier_merged")
def _tier_merged(p: Params) -> str:
    return pgettext("loyalty", "%(tier)s, from your other account") % {"tier": _tier(p)}


@say("tier_parted")
def _tier_parted(p: Params) -> str:
    return pgettext("loyalty", "Your accounts are two again")


@say("tier_recounted")
def _tier_recounted(p: Params) -> str:
    return pgettext("loyalty", "Counted again, because goods went back")


@say("tier_taken")
def _tier_taken(p: Params) -> str:
    return pgettext("loyalty", "The shop took back the level that it gave")


@say("tier_down")
def _tier_down(p: Params) -> str:
    return pgettext("loyalty", "The level before has ended")


@say("tier_gift")
def _tier_gift(p: Params) -> str:
    return pgettext("loyalty", "A gift for reaching %(tier)s") % {"tier": _tier(p)}


@say("tier_gift_back")
def _tier_gift_back(p: Params) -> str:
    return pgettext("loyalty", "The gift for reaching %(tier)s went back") % {"tier": _tier(p)}


def counted(*, ladder: Ladder, value: int, unit: Unit | None) -> str:
    """Return what counts on a ladder as people read it: "113.60 €", "3 orders", "200 paws"."""
    metric = metrics.get(ladder.metric) if ladder.metric in metrics else None
    if metric and metric.is_money:
        return money.in_words(minor=value, currency=ladder.program.currency)
    return metric.in_words(value=value, unit=unit) if metric and hasattr(metric, "in_words") else money.number(value)


def falls_in_words(*, ladder: Ladder, before: int, after: int) -> str:
    """Say that a level falls from one rank to another (0 = none)."""
    names = {tier.rank: tier_name(tier=tier) for tier in ladder.known_tiers}
    told = {"before": names.get(before, str(before)), "after": names.get(after, str(after))}
    if after:
        return pgettext("loyalty", "The level falls from %(before)s to %(after)s.") % told
    return pgettext("loyalty", "The level %(before)s goes, and none is left.") % told
