"""What is wrong with a sale, whatever its products: ways in that lead nowhere, and what contradicts another sale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.utils.translation import pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.hooks import RAISE, Hook

from . import rules
from .levels import levels
from .models import Door, Sale
from .queries import dates_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong, and what to do about it; with `is_grave` the sale cannot work."""

    text: str
    hint: str
    is_grave: bool = False


class SaleWarning(Protocol):
    """Says on a sale's page in the admin what is wrong with it; nothing once it is over."""

    def __call__(self, *, sale: Sale, at: datetime) -> Iterable[str]:
        """Return a sentence or two for each thing that is wrong."""
        ...


class SaleConsequence(Protocol):
    """Says what closes for whom when a sale is in force, before it is saved."""

    def __call__(self, *, sale: Sale, dates: rules.SaleTerms, at: datetime) -> Iterable[str]:
        """Return a sentence for each thing; nothing where what is on sale now stays so. The sale is not saved yet."""
        ...


sale_consequences: Hook[SaleConsequence] = Hook("sale_consequences", SaleConsequence, on_error=RAISE)
sale_warnings: Hook[SaleWarning] = Hook("sale_warnings", SaleWarning, on_error=RAISE)


def faults(*, sale: Sale, at: datetime) -> Iterator[Fault]:
    """Yield what is wrong with the ways into a sale; nothing once it is over."""
    dates = dates_of(sale=sale)
    if rules.is_over(sale=dates, at=at):
        return
    useless = {door.pk: why for door in sale.doors.all() if (why := _why_useless(door, sale))}
    if sale.public_from is None and len(useless) == len(dates.doors):
        yield Fault(
            text=pgettext("loyalty", "It opens to nobody."),
            hint=pgettext("loyalty", "Say who gets in, or when it is for everybody."),
            is_grave=True,
        )
    for why in useless.values():
        yield Fault(text=why, hint=pgettext("loyalty", "Look at who gets in, and when."))


def _why_useless(door: Door, sale: Sale) -> str:
    """Return why nobody gets in by a door, or nobody earlier than without it; empty where it is well."""
    last = rules.shut_until(sale=dates_of(sale=sale))
    if last and door.buys_from >= last:
        return pgettext("loyalty", "Some get in only when it is over or open to everybody anyway.")
    if door.segment is not None and not door.segment.counted:
        return pgettext("loyalty", "Nobody is in the group “%(segment)s”.") % {"segment": door.segment.name}
    if door.rank and door.rank not in levels(program_id=sale.program_id):
        text = pgettext("loyalty", "There is no level %(rank)s, so nobody gets in by it.")
        return text % {"rank": money.number(door.rank)}
    return ""


def clashing(*, one: Sale, other: Sale, at: datetime) -> Iterator[Fault]:
    """Yield how two sales that share products contradict each other."""
    a, b = dates_of(sale=one), dates_of(sale=other)
    found = {*rules.clashes(one=a, other=b, at=at), *rules.clashes(one=b, other=a, at=at)}
    hint = pgettext("loyalty", "Give both the same doors and dates, or take the products out of one of them.")
    told = {
        "modes": pgettext("loyalty", "It and “%(other)s” share products, which one of them hides and the other shows."),
        "public": pgettext(
            "loyalty", "It and “%(other)s” share products, which one opens to everybody while the other is closed."
        ),
        "door": pgettext(
            "loyalty", "It and “%(other)s” share products: some get in by one of them before the other lets them in."
        ),
    }
    for code, text in told.items():
        if code in found:
            yield Fault(text=text % {"other": other.name}, hint=hint)


@sale_warnings.register("doors", order=10)
def warnings(*, sale: Sale, at: datetime) -> Iterator[str]:
    """Say it on the page of the sale."""
    for fault in faults(sale=sale, at=at):
        yield f"{fault.text} {fault.hint}"
