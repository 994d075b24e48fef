"""
Earning rules: pure, frozen, and refusing nonsense when they are built, hence when they are saved.

A rule says at which stage it counts. `amount` rules give an exact share for each line, `multiplier` rules
scale those, `unit` rules give whole points for each unit of a line, `bonus` rules whole points for an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from fractions import Fraction
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.kernel.limits import MOST_MINOR, MOST_PERCENT, MOST_POINTS, MOST_RATE
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
    """What a store's own rule looks like; which method counts depends on `stage`."""

    stage: ClassVar[str]

    def because(self) -> Because: ...


class Condition(Protocol):
    """What narrows a rule down: to orders (`admits`) and to lines (`covers`)."""

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
    """Give `points` for each `step_minor` (minor units of `currency`) paid. Rounded with the whole order, once."""

    stage: ClassVar[str] = "amount"
    currency: str
    points: int
    step_minor: int

    def __post_init__(self) -> None:
        a_currency(self.currency)
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


#: Conditions that never look at single products, so that a rule with no others counts on everything.
WHOLE_ORDER = (MinimumSpend, Dates, AtLeastTier)


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleInForce:
    """A rule with its conditions, as the version in force says."""

    code: str
    name: str
    version_id: int
    rule: Any
    conditions: tuple[Condition, ...] = ()

    def admits(self, *, purchase: Purchase, terms: Terms) -> bool:
        """Return whether this order may count at all."""
        return all(condition.admits(purchase=purchase, terms=terms) for condition in self.conditions)

    def covers(self, *, line: LineFacts) -> bool:
        """Return whether this line may count."""
        return all(condition.covers(line=line) for condition in self.conditions)

    def minimum_minor(self) -> int:
        """Return the least that must stay paid for an order bonus to stay (minor units)."""
        return max((c.minimum_minor for c in self.conditions if isinstance(c, MinimumSpend)), default=1)
