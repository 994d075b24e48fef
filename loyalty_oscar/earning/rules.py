"""
Earning rules: pure, frozen, and refusing nonsense when they are built, hence when they are saved.

A rule says at which stage it counts. `amount` rules give an exact share for each line, `multiplier` rules
scale those, `unit` rules give whole points for each unit of a line, `every` rules for every so many units of an order,
`bonus` rules whole points for an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.kernel.limits import MOST_BUDGET, MOST_MINOR, MOST_PERCENT, MOST_POINTS, MOST_RATE
from loyalty_oscar.kernel.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """
    What the program itself says about counting.

    `rounding` is a mode of `kernel.rounding` or `block`; `stage` is `order` or `line`.
    """

    rounding: str = "floor"
    stage: str = "order"
    zone: str = "UTC"
    excluded_set: str | None = None


class EarningRule(Protocol):
    """What a store's own rule looks like, a dataclass; which method counts depends on `stage`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    stage: ClassVar[str]

    def because(self) -> Because: ...


class Condition(Protocol):
    """What narrows a rule down, a dataclass: to orders (`admits`) and to lines (`covers`)."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool: ...

    def covers(self, *, line: LineFacts) -> bool: ...


class SaysItself(Protocol):
    """
    Of a condition that says itself in the sentence of a rule ("…, on Tuesdays"), by the words that are registered for
    its code as a reason; without them a sentence says that there is a condition, not which.
    """

    def because(self) -> Because: ...


#: No ladder has more levels.
MOST_RANK = 20
#: Pieces that a rule may ask for in one order.
MOST_PIECES = 10_000

earning_rules: Registry[type[EarningRule]] = Registry("earning rule", EarningRule, of_classes=True)
conditions: Registry[type[Condition]] = Registry("condition", Condition, also=[SaysItself], of_classes=True)


def build(*, registry: Registry[Any], code: str, params: Mapping[str, Any]) -> Any:
    """
    Return the rule or condition of a code with these parameters.

    Raises `UnknownCode` for a code that nobody registered and `BadRule` for parameters that do not fit.
    """
    kind = registry.get(code)
    names = {f.name for f in fields(kind)}
    if unknown := set(params) - names:
        raise BadRule(f"{code} knows no {', '.join(sorted(unknown))}; it takes {', '.join(sorted(names))}")
    without = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in without if name not in params]:
        raise BadRule(f"{code} needs {', '.join(missing)}")
    try:
        return kind(**params)
    except TypeError as error:
        raise BadRule(f"{code}: {error}") from error


def whole(*, most: int, **numbers: Any) -> None:
    """Raise `BadRule` unless every number is an integer from 1 to `most`."""
    for name, value in numbers.items():
        if type(value) is not int or not 1 <= value <= most:
            raise BadRule(f"{name} must be a whole number from 1 to {most:,}, not {value!r}")


def a_currency(value: Any) -> None:
    """Raise `BadRule` unless this is a currency code of three capital letters."""
    if not (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()):
        raise BadRule(f"a currency is a code of three capital letters such as EUR, not {value!r}")


@earning_rules.register("per-amount")
@dataclass(frozen=True, kw_only=True, slots=True)
class PerAmount:
    """
    Give `points` for each `step_minor` (minor units of `currency`) paid for goods, and with `delivery` for that too in
    orders in which something counts. Rounded with the whole order, once.
    """

    stage: ClassVar[str] = "amount"
    currency: str
    points: int
    step_minor: int
    delivery: bool = False

    def __post_init__(self) -> None:
        a_currency(self.currency)
        if type(self.delivery) is not bool:
            raise BadRule("delivery is true or false")
        whole(most=MOST_POINTS, points=self.points)
        whole(most=MOST_MINOR, step_minor=self.step_minor)
        if self.points > MOST_RATE * self.step_minor:
            raise BadRule(f"points must be at most {MOST_RATE:,} for the smallest coin of {self.currency}")

    def share(self, *, amount_minor: int) -> Fraction:
        """Return the exact points for an amount."""
        return Fraction(self.points * amount_minor, self.step_minor)

    def because(self) -> Because:
        return Because("per_amount", points=self.points, step_minor=self.step_minor, currency=self.currency)


@earning_rules.register("multiplier")
@dataclass(frozen=True, kw_only=True, slots=True)
class Multiplier:
    """Multiply the points per amount: `percent` 200 doubles them. Within one `group` the best counts, groups add up."""

    stage: ClassVar[str] = "multiplier"
    percent: int
    group: str = "campaign"

    def __post_init__(self) -> None:
        whole(most=MOST_PERCENT, percent=self.percent)
        if self.percent <= 100:
            raise BadRule("a multiplier gives more than 100 percent; 200 doubles the points")

    def because(self) -> Because:
        return Because("multiplier", percent=self.percent)


@earning_rules.register("per-unit")
@dataclass(frozen=True, kw_only=True, slots=True)
class PerUnit:
    """Give `points` for every unit bought of the products in the rule's product set; no multiplier touches them."""

    stage: ClassVar[str] = "unit"
    points: int

    def __post_init__(self) -> None:
        whole(most=MOST_POINTS, points=self.points)

    def because(self) -> Because:
        return Because("per_unit", points=self.points)


@earning_rules.register("first-order")
@dataclass(frozen=True, kw_only=True, slots=True)
class FirstOrder:
    """Give `points` for somebody's first order, if money was paid for it."""

    stage: ClassVar[str] = "bonus"
    points: int

    def __post_init__(self) -> None:
        whole(most=MOST_POINTS, points=self.points)

    def wanted(self, *, purchase: Purchase) -> bool:
        """Return whether this purchase is one that the bonus is for."""
        return purchase.is_first

    def because(self) -> Because:
        return Because("first_order", points=self.points)


@earning_rules.register("per-order")
@dataclass(frozen=True, kw_only=True, slots=True)
class PerOrder:
    """Give `points` for every order, if money was paid for it."""

    stage: ClassVar[str] = "bonus"
    points: int

    def __post_init__(self) -> None:
        whole(most=MOST_POINTS, points=self.points)

    def wanted(self, *, purchase: Purchase) -> bool:
        """Return that the bonus is for any purchase."""
        return True

    def because(self) -> Because:
        return Because("per_order", points=self.points)


@earning_rules.register("every-nth")
@dataclass(frozen=True, kw_only=True, slots=True)
class EveryNth:
    """Give `points` for every `pieces` pieces in one order; the pieces that stay decide."""

    stage: ClassVar[str] = "every"
    points: int
    pieces: int

    def __post_init__(self) -> None:
        whole(most=MOST_POINTS, points=self.points)
        whole(most=MOST_PIECES, pieces=self.pieces)
        if self.pieces < 2:
            raise BadRule("pieces must be at least 2; for each piece there is a rule of its own")

    def because(self) -> Because:
        return Because("every_nth", points=self.points, pieces=self.pieces)


@conditions.register("minimum-spend")
@dataclass(frozen=True, kw_only=True, slots=True)
class MinimumSpend:
    """At least `minimum_minor` (minor units of `currency`) paid for goods in the order."""

    currency: str
    minimum_minor: int

    def __post_init__(self) -> None:
        a_currency(self.currency)
        whole(most=MOST_MINOR, minimum_minor=self.minimum_minor)

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        paid = sum(line.paid_minor for line in purchase.lines)
        return purchase.currency == self.currency and paid >= self.minimum_minor

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because("spent_at_least", minimum_minor=self.minimum_minor, currency=self.currency)


@conditions.register("product-set")
@dataclass(frozen=True, kw_only=True, slots=True)
class InProductSet:
    """Only lines in one of the product sets (by code), or with `outside` only lines in none of them."""

    sets: tuple[str, ...]
    outside: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.sets, str) or not self.sets or not all(isinstance(code, str) for code in self.sets):
            raise BadRule("name at least one product set")
        if type(self.outside) is not bool:
            raise BadRule("outside is true or false")
        object.__setattr__(self, "sets", tuple(self.sets))

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        # A set that is tied to no range suspends the rule, also an excluding one; the doctor says so.
        return purchase.known_sets.issuperset(self.sets)

    def covers(self, *, line: LineFacts) -> bool:
        return line.sets.isdisjoint(self.sets) == self.outside


@conditions.register("dates")
@dataclass(frozen=True, kw_only=True, slots=True)
class Dates:
    """Orders placed from `first` to `last` (ISO days, both included, either may be empty) in the program's zone."""

    first: str = ""
    last: str = ""

    def __post_init__(self) -> None:
        try:
            days = [date.fromisoformat(day) for day in (self.first, self.last) if day]
        except (TypeError, ValueError):
            raise BadRule("days are written like 2026-05-31") from None
        if not days:
            raise BadRule("give a first day, a last day or both")
        if len(days) == 2 and days[0] > days[1]:
            raise BadRule("the first day lies after the last")

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        day = purchase.placed_at.astimezone(ZoneInfo(terms.zone)).date().isoformat()
        return (self.first or day) <= day <= (self.last or day)

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because("placed_between", first=self.first, last=self.last)


@conditions.register("tier")
@dataclass(frozen=True, kw_only=True, slots=True)
class AtLeastTier:
    """Only members whose level has at least this rank (1 is the lowest); without levels nobody has one."""

    needs: ClassVar[tuple[str, ...]] = ("tier_rank",)
    rank: int

    def __post_init__(self) -> None:
        whole(most=MOST_RANK, rank=self.rank)

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        """Return whether the customer's level was high enough when the order was placed."""
        return int(purchase.facts.get("tier_rank") or 0) >= self.rank

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because("level_at_least", rank=self.rank)


def local(*, purchase: Purchase, terms: Terms) -> datetime:
    """Return when an order was placed as the clocks of the program's zone showed it, summer or winter."""
    return purchase.placed_at.astimezone(ZoneInfo(terms.zone))


@conditions.register("weekdays")
@dataclass(frozen=True, kw_only=True, slots=True)
class Weekdays:
    """Orders placed on these days of the week (1 is Monday, 7 is Sunday) in the program's zone."""

    days: tuple[int, ...]

    def __post_init__(self) -> None:
        if isinstance(self.days, str) or not self.days or not all(type(day) is int for day in self.days):
            raise BadRule("days are numbers from 1 (Monday) to 7 (Sunday)")
        whole(most=7, **{f"day {place}": day for place, day in enumerate(self.days, start=1)})
        object.__setattr__(self, "days", tuple(sorted(set(self.days))))

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        return local(purchase=purchase, terms=terms).isoweekday() in self.days

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because("on_weekdays", weekdays=list(self.days))


@conditions.register("hours")
@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """Orders placed from `start` on and before `end` (like 18:30; either may be empty) by the program's clocks."""

    start: str = ""
    end: str = ""

    def __post_init__(self) -> None:
        try:
            times = [time.fromisoformat(told) for told in (self.start, self.end) if told]
        except (TypeError, ValueError):
            raise BadRule("times are written like 18:30") from None
        if any(told != found.strftime("%H:%M") for told, found in zip(self._told(), times, strict=True)):
            raise BadRule("times are written like 18:30")
        if not times:
            raise BadRule("give a start, an end or both")
        if len(times) == 2 and times[0] >= times[1]:
            raise BadRule("the end lies before the start; midnight is an empty end")

    def _told(self) -> list[str]:
        return [told for told in (self.start, self.end) if told]

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        clock = local(purchase=purchase, terms=terms).strftime("%H:%M")
        return (self.start or clock) <= clock and (not self.end or clock < self.end)

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because("at_hours", start=self.start, end=self.end)


@conditions.register("order-pieces")
@dataclass(frozen=True, kw_only=True, slots=True)
class OrderPieces:
    """Orders with at least `pieces` pieces for which money is paid, whatever they are."""

    pieces: int

    def __post_init__(self) -> None:
        whole(most=MOST_PIECES, pieces=self.pieces)

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        return sum(line.quantity for line in purchase.lines if line.paid_minor > 0) >= self.pieces

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because("order_pieces", pieces=self.pieces)


@conditions.register("line-pieces")
@dataclass(frozen=True, kw_only=True, slots=True)
class LinePieces:
    """Only products of which an order has at least `pieces` pieces."""

    pieces: int

    def __post_init__(self) -> None:
        whole(most=MOST_PIECES, pieces=self.pieces)

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        return True

    def covers(self, *, line: LineFacts) -> bool:
        return line.quantity >= self.pieces

    def because(self) -> Because:
        return Because("line_pieces", pieces=self.pieces)


@conditions.register("segment")
@dataclass(frozen=True, kw_only=True, slots=True)
class InSegment:
    """Only members who were in this segment (by id) when they ordered."""

    needs: ClassVar[tuple[str, ...]] = ("segments",)
    segment: int

    def __post_init__(self) -> None:
        whole(most=MOST_MINOR, segment=self.segment)

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        return self.segment in (purchase.facts.get("segments") or ())

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because("in_segment", segment=self.segment)


@dataclass(frozen=True, kw_only=True, slots=True)
class AtMost:
    """Admits every order and every line, and lets the rule give at most `points`; of what, each kind says."""

    most: ClassVar[int] = MOST_POINTS
    told: ClassVar[str]
    points: int

    def __post_init__(self) -> None:
        whole(most=self.most, points=self.points)

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        return True

    def covers(self, *, line: LineFacts) -> bool:
        return True

    def because(self) -> Because:
        return Because(self.told, points=self.points)


@conditions.register("cap-per-order")
class CapPerOrder(AtMost):
    """At most `points` for one order."""

    told = "cap_per_order"


class CapPerMember(AtMost):
    """At most `points` for a member in a `period` of the program's calendar; "" is for ever."""

    most = MOST_BUDGET
    period: ClassVar[str]


@conditions.register("cap-per-day")
class CapPerDay(CapPerMember):
    """At most `points` for each member's orders of a day."""

    told, period = "cap_per_day", "day"


@conditions.register("cap-per-month")
class CapPerMonth(CapPerMember):
    """At most `points` for each member's orders of a calendar month."""

    told, period = "cap_per_month", "month"


@conditions.register("cap-per-member")
class CapInAll(CapPerMember):
    """At most `points` for each member, once and for all."""

    told, period = "cap_per_member", ""


@conditions.register("budget")
class Budget(AtMost):
    """At most `points` for all members together; `RuleBudget` counts them."""

    most = MOST_BUDGET
    told = "budget_in_all"


#: Conditions that never look at single products, so that a rule with no others counts on everything.
WHOLE_ORDER = (MinimumSpend, Dates, AtLeastTier, Weekdays, Hours, OrderPieces, InSegment, AtMost)


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """
    How many points a rule may give an order, besides what it says itself, and why it may not give more; `had` of them
    the order has already, and `of_budget` are left for all members together (None: no budget).
    """

    points: int
    because: Because
    had: int = 0
    of_budget: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleInForce:
    """
    A rule with its conditions, as the version in force says.

    `room` is what budgets and caps of members leave it; None where it has none, or nobody looked.
    """

    code: str
    name: str
    version_id: int
    rule: Any
    conditions: tuple[Condition, ...] = ()
    rule_id: int = 0
    room: Room | None = None

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        """Return whether this order may count at all."""
        return all(condition.admits(purchase=purchase, terms=terms) for condition in self.conditions)

    def covers(self, *, line: LineFacts) -> bool:
        """Return whether this line may count."""
        return all(condition.covers(line=line) for condition in self.conditions)

    def days(self) -> tuple[str, str]:
        """Return the first and the last day (ISO) on which it counts; "" where there is none."""
        dated = [condition for condition in self.conditions if isinstance(condition, Dates)]
        ends = [condition.last for condition in dated if condition.last]
        return max((condition.first for condition in dated), default=""), min(ends, default="")

    def counts_on(self, *, day: str) -> bool:
        """Return whether a day (ISO) is one of its days."""
        first, last = self.days()
        return first <= day <= (last or day)

    def is_over(self, *, day: str) -> bool:
        """Return whether its last day lies before a day (ISO)."""
        last = self.days()[1]
        return bool(last) and last < day

    def minimum_minor(self) -> int:
        """Return the least that must stay paid for an order bonus to stay (minor units)."""
        return max((c.minimum_minor for c in self.conditions if isinstance(c, MinimumSpend)), default=1)

    def most_of_an_order(self) -> int | None:
        """Return how many points it gives an order at most; None = as many as it comes to."""
        caps = [c.points for c in self.conditions if isinstance(c, CapPerOrder)]
        return min([*caps, *([self.room.points] if self.room else ())], default=None)

    def within(self, *, points: int) -> int:
        """Return as many of these points as it may give an order."""
        most = self.most_of_an_order()
        return points if most is None else min(points, most)

    def budget(self) -> int | None:
        """Return how many points it gives all members together at most; None = as many as it comes to."""
        return min((c.points for c in self.conditions if isinstance(c, Budget)), default=None)

    def caps_of_a_member(self) -> list[CapPerMember]:
        """Return what it gives one member at most, by day, by month and in all."""
        return [c for c in self.conditions if isinstance(c, CapPerMember)]

    def is_counted(self) -> bool:
        """Return whether what it gives is counted over many orders."""
        return any(isinstance(c, (Budget, CapPerMember)) for c in self.conditions)

    def least_pieces(self) -> int:
        """Return how many pieces must stay in an order for its bonus to stay."""
        return max((c.pieces for c in self.conditions if isinstance(c, OrderPieces)), default=0)

    def least_of_a_line(self) -> int:
        """Return how many pieces of one product must stay for a bonus to stay."""
        return max((c.pieces for c in self.conditions if isinstance(c, LinePieces)), default=0)
