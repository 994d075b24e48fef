"""What the customer's pages and tags share: pieces of features, and what goes wrong quietly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.registries import panels

#: feature -> function (order_ids, unit) that tells, for each order, the rows of its why, when it was placed, and
#: how many days after delivery its points are ready.
order_whys: Registry[Callable[..., Mapping[int, Any]]] = Registry("why of an order")
#: feature -> function (order, request) that tells how many points an order is about to bring, and how many days after
#: delivery they are ready; or None.
order_quotes: Registry[Callable[..., tuple[int, int] | None]] = Registry("quote of an order")
#: feature -> function (reasons: key -> because as stored) that says some of them with what only it knows, by key.
speaking: Registry[Callable[..., Mapping[int, str]]] = Registry("speaking of a reason")

#: The same in a few words that stand beside a number ("Priya's first order").
speaking_briefly: Registry[Callable[..., Mapping[int, str]]] = Registry("speaking briefly of a reason")


def said_of(*, reasons: Mapping[int, Mapping[str, Any]], briefly: bool = False) -> dict[int, str]:
    """Return the sentences that features have for reasons, by key, where the code's own words are not enough."""
    found: dict[int, str] = {}
    for _name, say in (speaking_briefly if briefly else speaking).items():
        found.update(say(reasons=reasons))
    return found


def piece(*, name: str, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the template and the context of one feature's piece of a page, or None where there is nothing to show."""
    return panels.get(name)(subject=subject, request=request) if name in panels else None


def whys_of(*, order_ids: Sequence[int], unit: Unit) -> dict[int, Any]:
    """Return, for each order, why it brought what it brought, as the features tell it."""
    found: dict[int, Any] = {}
    for _name, tell in order_whys.items():
        found.update(tell(order_ids=order_ids, unit=unit))
    return found


def brings(*, order: Any, request: Any) -> tuple[int, int]:
    """
    Return how many points an order is about to bring (also a guest's, who could keep them), and how many days after
    delivery they are ready.
    """
    told = [quote(order=order, request=request) or (0, 0) for _name, quote in order_quotes.items()]
    return sum(points for points, _days in told), max((days for _points, days in told), default=0)


def takes_part(*, visit: Any) -> bool:
    """Return whether this visitor is in the program, or will be with the first order. At most one query more."""
    user = getattr(visit.request, "user", None)
    if visit.unit is None or user is None or not user.is_authenticated:
        return False
    program = visit.unit.program
    return program.enrolment == Program.Enrolment.AUTOMATIC or visit.member is not None
