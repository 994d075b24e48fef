"""
How many points a basket takes: the merchant's limits, decided without a database.

Money is minor units of one currency, as the customer sees prices. Points are charged only for money
really granted: the discount is a whole number of minor units, and the points are the fewest that buy it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.rounding import fewest_points, spread, worth_minor


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Payable:
    """
    A line of a basket as points see it: what is still to pay for it after all other discounts.

    `takes_discounts` is the shop's own word on the product; `sets` are codes of product sets.
    """

    minor: int
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
class Quote:
    """
    The decision: `points` are charged and take `minor` off, `parts` of it off each line (same order).

    `most` is how many points this basket could take at all. `because` says why it is not more than that.
    """

    points: int = 0
    minor: int = 0
    parts: tuple[int, ...] = ()
    most: int = 0
    because: Because = field(default_factory=lambda: Because("as_asked"))


def quote(*, points: int, lines: Sequence[Payable], limits: Limits, worth: Worth, has_voucher: bool) -> Quote:
    """Return what `points` that are set aside bring on these lines."""
    goods = sum(line.minor for line in lines)
    if refused := _refusal(goods, lines, limits, worth, has_voucher):
        return Quote(parts=(0,) * len(lines), because=refused)
    rooms = [line.minor if limits.lets(line) else 0 for line in lines]
    cap = min(sum(rooms), goods * limits.share // 100)
    most = _in_steps(worth.price(cap), limits.step)
    wanted = min(_in_steps(points, limits.step), most)
    minor = min(worth.of(wanted), cap)
    charged = worth.price(minor)
    because = _reason(points, charged, most, goods, sum(rooms), cap, limits, worth)
    if not minor or wanted < limits.minimum:
        low = Because("at_least_points", points=limits.minimum)
        few = most < limits.minimum or 0 < points < limits.minimum
        return Quote(
            parts=(0,) * len(lines), most=0 if most < limits.minimum else most, because=low if few else because
        )
    return Quote(
        points=charged, minor=minor, parts=tuple(spread(total=minor, weights=rooms)), most=most, because=because
    )


def _in_steps(points: int, step: int) -> int:
    return points // step * step


def _refusal(goods: int, lines: Sequence[Payable], limits: Limits, worth: Worth, has_voucher: bool) -> Because | None:
    """Return why points can pay for nothing in this basket, or None."""
    if has_voucher and limits.not_with_vouchers:
        return Because("not_with_vouchers")
    if goods < limits.least_order:
        return Because("at_least_order", minor=limits.least_order, currency=worth.currency)
    if not any(line.minor for line in lines if limits.lets(line)):
        return Because("no_goods_for_points")
    return None


def _reason(
    points: int, charged: int, most: int, goods: int, room: int, cap: int, limits: Limits, worth: Worth
) -> Because:
    """Return what kept the points from being all used."""
    money = {"minor": cap, "currency": worth.currency}
    if charged == points:
        return Because("as_asked")
    if points < most or points < worth.price(cap):
        return Because("in_steps", step=limits.step) if limits.step > 1 else Because("whole_cents")
    if cap < room:
        return Because("share_of_goods", share=limits.share, **money)
    return Because("only_some_goods", **money) if room < goods else Because("all_goods_paid", **money)
