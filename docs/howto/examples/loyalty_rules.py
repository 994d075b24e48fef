"""Points for orders with many different products, on a weekday of your choice."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy, ngettext

from loyalty_oscar import extend

DAYS = {
    "Mon": gettext_lazy("on Mondays"),
    "Tue": gettext_lazy("on Tuesdays"),
    "Wed": gettext_lazy("on Wednesdays"),
    "Thu": gettext_lazy("on Thursdays"),
    "Fri": gettext_lazy("on Fridays"),
    "Sat": gettext_lazy("on Saturdays"),
    "Sun": gettext_lazy("on Sundays"),
}


@extend.earning_rules.register("many-products")
@dataclass(frozen=True, kw_only=True, slots=True)
class ManyProducts:
    """Give `points` for an order with at least `products` different products."""

    stage: ClassVar[str] = "bonus"
    points: int
    products: int = 5

    def __post_init__(self) -> None:
        if self.points < 1 or self.products < 2:
            raise extend.BadRule("give at least 1 point, for at least 2 products")

    def wanted(self, *, purchase: extend.Purchase) -> bool:
        bought = {line.product_id for line in purchase.lines if line.paid_minor > 0}
        return len(bought) >= self.products

    def because(self) -> extend.Because:
        return extend.Because("many_products", points=self.points, products=self.products)


@extend.reasons.register("many_products")
def many_products(params: dict[str, Any]) -> str:
    number = params["products"]
    text = ngettext(
        "For at least %(number)d product in one order", "For at least %(number)d products in one order", number
    )
    return text % {"number": number}


@extend.conditions.register("weekday")
@dataclass(frozen=True, kw_only=True, slots=True)
class Weekday:
    """Only orders placed on this day of the week, in the program's time zone."""

    day: Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    def __post_init__(self) -> None:
        if self.day not in DAYS:
            raise extend.BadRule(f"a weekday is one of {', '.join(DAYS)}")

    def admits(self, *, purchase: extend.Purchase, terms: Any) -> bool:
        return list(DAYS)[purchase.placed_at.astimezone(ZoneInfo(terms.zone)).weekday()] == self.day

    def covers(self, *, line: extend.LineFacts) -> bool:
        return True

    def because(self) -> extend.Because:
        return extend.Because("weekday", day=self.day)


@extend.reasons.register("weekday")
def weekday(params: dict[str, Any]) -> str:
    return str(DAYS[params["day"]])
