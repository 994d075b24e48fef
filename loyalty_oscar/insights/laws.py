"""What a program says, as a trial plays it: its own settings, and what features that are listed say for their part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, Reward, Unit
from loyalty_oscar.program.queries import expiry_of, worth_of

from .trial import Climber, Earner, Law


class EarningLaw(Protocol):
    """
    The rules of a unit at a moment. `sets` are the codes of the product sets that they ask for, `otherwise` the names
    of rules that a trial can't count as they are.
    """

    sets: set[str]
    otherwise: list[str]

    def __call__(self) -> Earner:
        """Return who counts the orders of one customer."""
        ...


class LevelsLaw(Protocol):
    """The levels of a unit at a moment; false where it has none."""

    def __bool__(self) -> bool: ...

    def __call__(self) -> Climber:
        """Return where one customer stands, who has ordered nothing yet."""
        ...


class Makes(Protocol):
    """Makes either of them."""

    def __call__(self, *, unit: Unit, at: datetime) -> Any: ...


earning: Registry[Makes] = Registry("earning law", Makes)
climbing: Registry[Makes] = Registry("levels law", Makes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A law, the codes of the product sets that it asks for, and the names of rules that count otherwise in it."""

    law: Law
    sets: frozenset[str]
    otherwise: list[str]


def can_try() -> bool:
    """Return whether anything is listed that earns."""
    return bool(list(earning))


def law_of(*, unit: Unit, at: datetime, share: int) -> Tried:
    """
    Return what a program says at a moment, whose members use `share` percent of what they have in one of the ways.

    Raises `NotAllowed` where nothing that earns is listed.
    """
    if not can_try():
        raise NotAllowed("no app is listed that gives points for orders; list loyalty_oscar.earning")
    program = unit.program
    rules: EarningLaw = earning.get("rules")(unit=unit, at=at)
    levels: LevelsLaw | None = climbing.get("levels")(unit=unit, at=at) if list(climbing) else None
    law = Law(
        currency=program.currency,
        hold_days=program.hold_days,
        runs_out=lambda moment: expiry_of(program=program, available_at=moment),
        moves=program.expiry == Program.Expiry.INACTIVITY,
        is_borne=program.debt_policy == Program.Debt.CLAMP,
        price=price_of(unit=unit, at=at),
        share=share,
        earner=rules,
        climber=levels if levels else None,
    )
    return Tried(law=law, sets=frozenset(rules.sets), otherwise=rules.otherwise)


def price_of(*, unit: Unit, at: datetime) -> int:
    """
    Return the points of the first reward at a moment: the cheapest one that is not over, else as many as the worth of
    points is told for.
    """
    rewards = Reward.objects.using(write_db()).filter(program=unit.program_id, is_on=True, price__isnull=False)
    price = rewards.exclude(ends_at__lte=at).order_by("price").values_list("price", flat=True).first()
    worth = worth_of(program_id=unit.program_id).get(unit.program.currency)
    return price or (worth.points if worth else 0)
