"""
What an order is about to bring beside what it earns: features answer, and every page that promises a number asks here.

So the numbers before an order are those after it: what differs (a first order, an invitation, a level that is reached)
is a part of its own with its own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.translation import pgettext

from loyalty_oscar.kernel.facts import Purchase
from loyalty_oscar.program import words
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import worth

from .visit import Visit


@dataclass(frozen=True, kw_only=True, slots=True)
class PromisedPart:
    """
    Points beside those that an order earns, and a line that says what for ("Plus 150 paws for reaching Gold").

    Those that depend on something that nobody knows yet (whether a guest ordered before), or that the purchase does not
    reach yet, are not `is_sure` and stand in no sum.
    """

    points: int
    text: str
    is_sure: bool = True


class PurchaseGifts(Protocol):
    """Tells what a feature gives the customer of an order beside what the order earns."""

    def coming(self, *, purchase: Purchase | None, visit: Visit, at: datetime) -> Sequence[PromisedPart]:
        """Return what this visitor would get for a purchase made now; None: for one that nobody knows yet."""
        ...

    def came(self, *, order: Any, visit: Visit, at: datetime) -> Sequence[PromisedPart]:
        """Return what this visitor got for an order that was looked at."""
        ...


#: Without a part the sum would be wrong, so an error takes the whole line away.
purchase_gifts: Hook[PurchaseGifts] = Hook("purchase_gifts", PurchaseGifts, on_error=RAISE)


def parts_coming(*, purchase: Purchase | None, visit: Visit, at: datetime) -> list[PromisedPart]:
    """Return what a visitor would get for a purchase beside what it earns, as the features tell it."""
    told = purchase_gifts.answers("coming", purchase=purchase, visit=visit, at=at)
    return [part for parts in told for part in parts]


def parts_that_came(*, order: Any, visit: Visit, at: datetime) -> list[PromisedPart]:
    """Return what an order brought its customer beside what it earned, as the features tell it."""
    told = purchase_gifts.answers("came", order=order, visit=visit, at=at)
    return [part for parts in told for part in parts]


def in_all(*, unit: Unit, points: int, parts: Sequence[PromisedPart]) -> dict[str, Any]:
    """Return the lines of the parts, and what all that is sure comes to where that is more than the first number."""
    total = points + sum(part.points for part in parts if part.is_sure)
    found: dict[str, Any] = {"parts": parts}
    if total != points:
        told = {"points": words.points(unit=unit, points=total), "worth": worth(unit=unit, points=total)}
        text = pgettext("loyalty", "%(points)s in all = %(worth)s")
        found["all"] = {
            "value": total,
            "text": (text if told["worth"] else pgettext("loyalty", "%(points)s in all")) % told,
        }
    return found
