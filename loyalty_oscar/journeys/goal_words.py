"""Goals in words: what one asks for, and how far somebody is."""

from __future__ import annotations

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money
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
