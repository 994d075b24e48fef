"""Goals in words: what one asks for, how far somebody is, and the sentence that reads one back."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.registries import metrics

from .goals import Progress
from .models import Goal


def in_words(*, goal: Goal, value: int, unit: Unit | None) -> str:
    """Return what counts for a goal as people read it: "10 pieces", "100.00 €", "500 paws"."""
    metric = metrics.get(goal.metric) if goal.metric in metrics else None
    if metric and metric.is_money:
        return money.in_words(minor=value, currency=goal.program.currency)
    return metric.in_words(value=value, unit=unit) if metric and hasattr(metric, "in_words") else money.number(value)


def so_far(*, goal: Goal, found: Progress, unit: Unit | None) -> str:
    """Return "7 of 10 pieces"; of money "70.00 € of 100.00 €"."""
    whole, bare = in_words(goal=goal, value=goal.target, unit=unit), money.number(goal.target)
    part = in_words(goal=goal, value=found.counted, unit=unit)
    # What holds the bare number says its word once.
    part = money.number(found.counted) if whole.startswith(bare) else part
    return pgettext("loyalty", "%(part)s of %(whole)s") % {"part": part, "whole": whole}


def asked(*, goal: Goal, names: list[str], unit: Unit | None) -> str:
    """Return what a goal asks for: "10 pieces (Coffee) within 60 days"; `names` are those of its product sets."""
    said = in_words(goal=goal, value=goal.target, unit=unit)
    if names:
        said = pgettext("loyalty", "%(what)s (%(sets)s)") % {"what": said, "sets": ", ".join(names)}
    if goal.window_days is None:
        return said
    text = npgettext("loyalty", "%(what)s within %(days)s day", "%(what)s within %(days)s days", goal.window_days)
    return text % {"what": said, "days": money.number(goal.window_days)}


def sentence(*, goal: Goal, names: list[str], unit: Unit) -> str:
    """
    Return "10 pieces (Coffee): 100 paws, each time anew, for level Gold and above, from 1 May 2026, 00:00 (CEST).", as
    it is counted.
    """
    off = "" if goal.is_on else pgettext("loyalty", "Switched off: no further order counts.") + " "
    told = {"asked": asked(goal=goal, names=names, unit=unit), "gift": words.promised(unit=unit, row=goal)}
    return off + ", ".join([pgettext("loyalty", "%(asked)s: %(gift)s") % told, *_limits(goal)]) + "."


def _limits(goal: Goal) -> Iterator[str]:
    zone = goal.program.time_zone
    yield pgettext("loyalty", "each time anew") if goal.repeats else pgettext("loyalty", "once for each member")
    if goal.rank:
        called = levels(program_id=goal.program_id)
        text = pgettext("loyalty", "for level %(level)s and above")
        yield text % {"level": called.get(goal.rank, money.number(goal.rank))}
    if goal.segment:
        yield pgettext("loyalty", "only for the list “%(list)s”") % {"list": goal.segment.name}
    text = pgettext("loyalty", "for orders from %(moment)s on")
    yield text % {"moment": words.moment(goal.starts_at, zone=zone)}
    if goal.ends_at:
        yield pgettext("loyalty", "placed before %(moment)s") % {"moment": words.moment(goal.ends_at, zone=zone)}
