"""What a goal costs each time that it is reached, and what is asked before that is a lot."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from django.utils.translation import pgettext

from loyalty_oscar.program import clock, money
from loyalty_oscar.program.models import Reward, Unit
from loyalty_oscar.program.reward_worth import price_minor, reward_minor
from loyalty_oscar.program.second_look import as_percent, dear, given_back, much_each_time, tick


@dataclass(frozen=True, kw_only=True, slots=True)
class GoalGift:
    """What a goal gives each time; `target` is the money that it asks for in minor units (None: something else)."""

    points: int
    reward: Reward | None
    target: int | None

    def minor(self, *, unit: Unit) -> int:
        """Return what it is worth in minor units of the program's currency; 0 where nobody can say."""
        if self.reward is not None:
            return reward_minor(reward=self.reward)
        return price_minor(program=unit.program, price=self.points) or 0

    def part(self, *, unit: Unit) -> Fraction:
        """Return what part of the money that is asked for comes back; 0 where none is."""
        return Fraction(self.minor(unit=unit), self.target) if self.target else Fraction()


def asked_about(*, unit: Unit, gift: GoalGift, before: GoalGift | None) -> list[str]:
    """Return the questions about what a goal gives, where that is a lot and more than it was."""
    asked = _of_money(unit, gift, before) if gift.target else []
    if gift.reward is not None:
        return asked or _of_a_reward(unit, gift, before)
    stored = before.points if before else 0
    return asked or dear(unit=unit, points=gift.points, before=stored, by_orders=not gift.target)


def _of_money(unit: Unit, gift: GoalGift, before: GoalGift | None) -> list[str]:
    program, part = unit.program, gift.part(unit=unit)
    if before is not None and part <= before.part(unit=unit):
        return []
    percent = as_percent(part) + (given_back(program=program, at=clock.now()) or 0)
    if percent <= program.much_percent:
        return []
    text = pgettext("loyalty", "You give back %(percent)s\u00a0%% of the money that it asks for.")
    return [tick(text % {"percent": money.number(percent)})]


def _of_a_reward(unit: Unit, gift: GoalGift, before: GoalGift | None) -> list[str]:
    program, minor = unit.program, gift.minor(unit=unit)
    usual = program.much_minor if gift.target else much_each_time(program=program)
    if minor <= max(usual, before.minor(unit=unit) if before else 0):
        return []
    text = pgettext("loyalty", "Each time brings %(worth)s, more than the usual %(limit)s.")
    told = {"worth": minor, "limit": usual}
    return [tick(text % {name: money.in_words(minor=one, currency=program.currency) for name, one in told.items()})]
