"""The sentence that reads a goal back to staff."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Unit

from .goal_words import asked
from .models import Goal


def goal_sentence(*, goal: Goal, names: list[str], unit: Unit) -> str:
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
        yield pgettext("loyalty", "only for the group “%(group)s”") % {"group": goal.segment.name}
    text = pgettext("loyalty", "for orders from %(moment)s on")
    yield text % {"moment": words.moment(goal.starts_at, zone=zone)}
    if goal.ends_at:
        yield pgettext("loyalty", "placed before %(moment)s") % {"moment": words.moment(goal.ends_at, zone=zone)}
