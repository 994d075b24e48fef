"""
How many points a basket takes, by the merchant's limits; and who may buy a reward. Decided without a database.

Money is minor units of one currency, as the customer sees prices. Points are charged only for money
really granted: the discount is a whole number of minor units, and the points are the fewest that buy it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from functools import partial

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.rounding import as_shown, falls, fewest_points, full_steps, share_out, worth_minor


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What points buy: `points` points are worth `minor` minor units of `currency`."""

    points: int
    minor: int
    currency: str

    def of(self, points: int) -> int:
        """Return what so many points buy, in whole minor units."""
        return worth_minor(points=points, per_points=self.points, minor=self.minor)

    def price(self, minor: int) -> int:
        """Return the fewest points that buy so many minor units."""
        return fewest_points(wanted=minor, per_points=self.points, minor=self.minor)

    def in_grains(self, grain: int) -> Worth:
        """Return the same worth in amounts of `grain` minor units each."""
        return replace(self, points=self.points * grain)


@dataclass(frozen=True, kw_only=True, slots=True)
class Payable:
    """
    A line of a basket as points see it: what is still to pay for it after all other discounts.

    `minor` may be a fraction of a cent, as shops have them after a percentage or with tax on top. `takes_discounts`
    is the shop's own word on the product; `sets` are codes of product sets.
    """

    minor: Fraction | int
    takes_discounts: bool = True
    is_discounted: bool = False
    has_exclusive: bool = False
    sets: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """
    What the merchant allows. `share` is percent of the goods (1 to 100), `minimum` and `step` are points,
    `least_order` minor units of goods after other discounts, `excluded` codes of product sets.
    """

    share: int = 100
    minimum: int = 1
    step: int = 1
    least_order: int = 0
    excluded: frozenset[str] = frozenset()
    not_on_exclusive: bool = False
    not_on_discounted: bool = False
    not_with_vouchers: bool = False

    def lets(self, line: Payable) -> bool:
        """Return whether points may pay for this line."""
        return (
            line.takes_discounts
            and not (self.excluded & line.sets)
            and not (self.not_on_exclusive and line.has_exclusive)
            and not (self.not_on_discounted and line.is_discounted)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RedemptionQuote:
    """
    The decision: `points` are charged and take `minor` off, `parts` of it off each line (same order).

    `most` is how many points this basket could take at all. `because` says why it is not more than that.
    """

    points: int = 0
    minor: int = 0
    parts: tuple[int, ...] = ()
    most: int = 0
    because: Because = field(default_factory=lambda: Because("as_asked"))


def quote(
    *,
    points: int,
    lines: Sequence[Payable],
    limits: Limits,
    worth: Worth,
    has_voucher: bool,
    grain: int = 1,
    finer: int = 1,
    asked: int = 0,
) -> RedemptionQuote:
    """
    Return what `points` that are set aside bring on these lines; `asked` is what was wanted, where that is more.

    `grain` is the smallest amount that the shop can write, in minor units: all money here is whole grains until it
    is answered. `finer` is how many parts of it the shop's sums are rounded to first (`kernel.rounding.as_shown`).
    """
    goods, rooms = _rooms(lines, limits, grain, finer)
    if refused := _refusal(goods * grain, rooms, limits, worth, has_voucher):
        return RedemptionQuote(parts=(0,) * len(lines), because=refused)
    worth, costs = worth.in_grains(grain), [Fraction(line.minor) / grain for line in lines]
    off = partial(falls, rooms=rooms, exact=costs, finer=finer)
    room = sum(off(total=sum(rooms)))
    cap = sum(off(total=min(room, full_steps(amount=goods * limits.share, step=100))))
    most = _in_steps(worth.price(cap), limits.step)
    fewest = -_in_steps(-limits.minimum, limits.step)
    if cap and most < fewest:
        return RedemptionQuote(parts=(0,) * len(lines), because=Because("at_least_points", points=fewest))
    wanted = min(_in_steps(points, limits.step), most)
    parts = off(total=min(worth.of(wanted), cap) if wanted >= fewest else 0)
    minor = sum(parts)
    charged = worth.price(minor)
    possible = worth.price(min(worth.of(min(_in_steps(asked, limits.step), most)), cap))
    because = _reason(max(points, asked), charged, goods, room, cap, limits, worth, grain)
    if possible > charged and charged:
        because = Because("has_more_room")
    if 0 < points < limits.minimum:
        because = Because("at_least_points", points=fewest)
    return RedemptionQuote(
        points=charged, minor=minor * grain, parts=tuple(part * grain for part in parts), most=most, because=because
    )


def _in_steps(points: int, step: int) -> int:
    return full_steps(amount=points, step=step) * step


def _rooms(lines: Sequence[Payable], limits: Limits, grain: int, finer: int) -> tuple[int, list[int]]:
    """Return the price of all goods, and how much of each line points may pay: together what the total can fall by."""
    goods = as_shown(exact=sum((Fraction(line.minor) for line in lines), Fraction(0)) / grain, finer=finer)
    shut = sum((Fraction(line.minor) for line in lines if not limits.lets(line)), Fraction(0)) / grain
    opened = [Fraction(line.minor) / grain if limits.lets(line) else Fraction(0) for line in lines]
    return goods, share_out(total=goods - as_shown(exact=shut, finer=finer), exact=opened)


def _refusal(goods: int, rooms: Sequence[int], limits: Limits, worth: Worth, has_voucher: bool) -> Because | None:
    """Return why points can pay for nothing in this basket, or None."""
    if has_voucher and limits.not_with_vouchers:
        return Because("not_with_vouchers")
    if goods < limits.least_order:
        return Because("at_least_order", minor=limits.least_order, currency=worth.currency)
    return None if any(rooms) else Because("no_goods_for_points")


def _reason(
    points: int, charged: int, goods: int, room: int, cap: int, limits: Limits, worth: Worth, grain: int
) -> Because:
    """Return what kept the points from being all used."""
    money = {"minor": cap * grain, "currency": worth.currency}
    if charged == points and cap:
        return Because("as_asked")
    if points < worth.price(cap):
        return Because("in_steps", step=limits.step) if limits.step > 1 else Because("whole_cents")
    if cap < room:
        return Because("share_of_goods", share=limits.share, **money)
    return Because("only_some_goods", **money) if room < goods else Because("all_goods_paid", **money)


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardTerms:
    """
    What a reward asks: points (`price` None: it cannot be bought), a level from `rank` on, to be in a segment.

    `left` is how many there are still (None = no end), `per_member` how many one member may buy. It can be had from
    `starts_at` on until `ends_at` (excluded; None = open).
    """

    price: int | None
    rank: int = 0
    segment_id: int | None = None
    left: int | None = None
    per_member: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_on: bool = True

    def is_in_time(self, *, at: datetime) -> bool:
        """Return whether it can be had at a moment."""
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)

    def is_for(self, *, rank: int, segments: frozenset[int]) -> bool:
        """Return whether it is for a member on this level and in these segments."""
        return rank >= self.rank and (self.segment_id is None or self.segment_id in segments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanting:
    """
    A member who wants a reward: points that are `ready` and to make up (`debt`), the rank of the level (0 = none), the
    segments, and how many of this reward were bought before. `stopped` says why nothing can be used now at all.
    """

    ready: int = 0
    debt: int = 0
    rank: int = 0
    segments: frozenset[int] = frozenset()
    had: int = 0
    stopped: Because | None = None


def why_not(*, reward: RewardTerms, who: Wanting, at: datetime) -> Because | None:
    """
    Return why a member cannot buy a reward now, or None. What no patience helps with comes first, and before all whom
    it is for: who is not in its segment is told nothing of it.
    """
    if not reward.is_for(rank=who.rank, segments=who.segments):
        return Because("reward_not_for_you")
    if not reward.is_on or reward.price is None or not reward.is_in_time(at=at):
        return Because("reward_over")
    if reward.left is not None and reward.left < 1:
        return Because("reward_gone")
    if reward.per_member is not None and who.had >= reward.per_member:
        return Because("reward_had_enough", count=reward.per_member)
    if who.stopped:
        return who.stopped
    if who.debt:
        return Because("reward_owes", points=who.debt)
    if who.ready < reward.price:
        return Because("reward_points_missing", points=reward.price - who.ready)
    return None
