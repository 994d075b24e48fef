"""
What to do about a part of a program after a year: keep, change or stop it, or wait; each with its reason. Pure.

Nothing is said to work that was not compared with members who were left out. What was not compared is judged by how
many use it and what it costs, and the reason says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from .effects import Effect, Verdict

#: Nothing is said of what is there for fewer days, or was there for fewer members.
LEAST_DAYS, LEAST_MEMBERS = 90, 30
#: What a smaller part uses is rare; what costs more of what members paid is dear.
RARE, DEAR = Fraction(1, 100), Fraction(1, 10)


class Judgement(StrEnum):
    """What to do."""

    KEEP = "keep"
    CHANGE = "change"
    STOP = "stop"
    WAIT = "wait"


class Reason(StrEnum):
    """Why, in the order in which it is asked."""

    PLANNED = "planned"
    NOT_COUNTED = "not_counted"
    UNKNOWN_AGE = "unknown_age"
    YOUNG = "young"
    FEW = "few"
    UNUSED = "unused"
    FEWER_ORDERS = "fewer_orders"
    DEAR = "dear"
    TOO_LITTLE = "too_little"
    NOTHING_SHOWN = "nothing_shown"
    MORE_ORDERS = "more_orders"
    RARE = "rare"
    USED = "used"


JUDGED = {
    Reason.PLANNED: Judgement.WAIT,
    Reason.NOT_COUNTED: Judgement.WAIT,
    Reason.UNKNOWN_AGE: Judgement.WAIT,
    Reason.YOUNG: Judgement.WAIT,
    Reason.FEW: Judgement.WAIT,
    Reason.UNUSED: Judgement.STOP,
    Reason.FEWER_ORDERS: Judgement.STOP,
    Reason.DEAR: Judgement.CHANGE,
    Reason.TOO_LITTLE: Judgement.WAIT,
    Reason.NOTHING_SHOWN: Judgement.CHANGE,
    Reason.MORE_ORDERS: Judgement.KEEP,
    Reason.RARE: Judgement.CHANGE,
    Reason.USED: Judgement.KEEP,
}
_BY_EFFECT = {
    Verdict.TOO_LITTLE: Reason.TOO_LITTLE,
    Verdict.NOTHING_SHOWN: Reason.NOTHING_SHOWN,
    Verdict.PAYS: Reason.MORE_ORDERS,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PartFacts:
    """
    What is known of a part: for how many `days` it is there (below 0: it begins later; None: nobody knows), its `cost`
    (minor units; None: nobody can say), how many members used it (`uptake`; None: not counted) of those who `could`
    (None: everybody), its `effect` (None: there is no comparison group), and what members `paid` in the year (minor
    units).
    """

    days: int | None
    cost: int | None
    uptake: int | None
    could: int | None
    effect: Effect | None
    paid: int


def judge(*, facts: PartFacts) -> Reason:
    """Return the first reason that holds; `JUDGED` says what follows from it."""
    if facts.days is not None and facts.days < 0:
        return Reason.PLANNED
    if facts.uptake is None:
        return Reason.NOT_COUNTED
    if facts.days is None and not facts.uptake:
        return Reason.UNKNOWN_AGE
    if facts.days is not None and facts.days < LEAST_DAYS:
        return Reason.YOUNG
    if facts.could is not None and facts.could < LEAST_MEMBERS:
        return Reason.FEW
    if not facts.uptake:
        return Reason.UNUSED
    if facts.effect and facts.effect.verdict == Verdict.COSTS:
        return Reason.FEWER_ORDERS
    if facts.cost and facts.paid and Fraction(facts.cost, facts.paid) > DEAR:
        return Reason.DEAR
    if facts.effect:
        return _BY_EFFECT[facts.effect.verdict]
    is_rare = facts.could is not None and Fraction(facts.uptake, facts.could) < RARE
    return Reason.RARE if is_rare else Reason.USED
