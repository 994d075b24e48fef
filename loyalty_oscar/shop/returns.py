"""
What a return would do to money and points, before anybody confirms it.

Exact by construction: the order is brought up to date, then told to every order effect as it would be, inside a
transaction that is rolled back; the entries they posted are the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import prefetch_related_objects

from loyalty_oscar.kernel.facts import OrderFacts, Row
from loyalty_oscar.kernel.left import as_if
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger.models import Entry, Kind
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import to_minor
from loyalty_oscar.program.registries import order_effects

from .facts import gather_orders
from .sync import set_codes, sync_orders


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnLine:
    """A line of the order: how many units are `left`, how many are `chosen`, and the money back for those."""

    line_id: int
    title: str
    left: int
    chosen: int
    minor: int


@dataclass(kw_only=True, slots=True)
class Change:
    """
    What an account would meet: points `taken` back and `returned`. `why` says it for somebody else's account ("The
    friend's first order went back"); it is empty for the customer's own.

    Of those taken, `owed` would be to make up, and `forgiven` (not counted in `taken`) the shop would bear.
    """

    unit: Unit
    taken: int = 0
    returned: int = 0
    owed: int = 0
    forgiven: int = 0
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What would happen: `minor` units of `currency` back, and the changes of each account, oldest account first."""

    currency: str
    minor: int
    lines: tuple[ReturnLine, ...]
    changes: tuple[Change, ...]

    @property
    def taken(self) -> int:
        """Return the points that would be taken back."""
        return sum(change.taken for change in self.changes)

    @property
    def returned(self) -> int:
        """Return the points that would come back."""
        return sum(change.returned for change in self.changes)

    @property
    def owed(self) -> int:
        """Return the points that would be to make up."""
        return sum(change.owed for change in self.changes)


def preview(*, order: Any, quantities: Mapping[int, int] | None = None, at: datetime) -> Preview:
    """
    Return what it would do if so many more units of these lines (by id) came back; None: all that are left.

    More than what is left of a line counts as what is left, lines of other orders as nothing. Changes nothing.
    """
    with _rolled_back():
        facts = _up_to_date(order, at)
        if facts is None:
            return Preview(currency=order.currency, minor=0, lines=(), changes=())
        lines = tuple(_line(row, quantities) for row in facts.rows)
        rows = [replace(row, gone=row.gone + line.chosen) for row, line in zip(facts.rows, lines, strict=True)]
        changes = _changes(as_if(order=facts, rows=rows), at) if any(line.chosen for line in lines) else ()
    return Preview(
        currency=facts.purchase.currency, minor=sum(line.minor for line in lines), lines=lines, changes=changes
    )


def preview_cancelled(*, order: Any, at: datetime) -> Preview:
    """Return what it would do if the whole order came to nothing now, delivery and surcharges included."""
    with _rolled_back():
        facts = _up_to_date(order, at)
        if facts is None or facts.dead:
            return Preview(currency=order.currency, minor=0, lines=(), changes=())
        changes = _changes(replace(facts, dead=True), at)
    lines = tuple(_line(row, None) for row in facts.rows)
    back_already = sum(_share(row, row.gone) for row in facts.rows)
    total = to_minor(amount=order.total_incl_tax, currency=facts.purchase.currency)
    return Preview(currency=facts.purchase.currency, minor=max(0, total - back_already), lines=lines, changes=changes)


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic(using=write_db()):
        yield
        transaction.set_rollback(True, using=write_db())


def _up_to_date(order: Any, at: datetime) -> OrderFacts | None:
    """Bring the order in line with what it is already (nothing of it stays), and return its facts."""
    sync_orders(order_ids=[order.pk], at=at)
    return next(iter(gather_orders(order_ids=[order.pk], set_codes=set_codes(), at=at)), None)


def _line(line: Row, quantities: Mapping[int, int] | None) -> ReturnLine:
    left = line.quantity - line.gone
    chosen = left if quantities is None else min(left, max(0, quantities.get(line.line_id, 0)))
    minor = _share(line, line.gone + chosen) - _share(line, line.gone)
    return ReturnLine(line_id=line.line_id, title=line.title, left=left, chosen=chosen, minor=minor)


def _share(line: Row, gone: int) -> int:
    """Return what so many units of a line cost: cumulative, so that the last unit takes the remainder."""
    return taken_back(points=line.paid_minor, gone=gone, quantity=line.quantity)


def _changes(order: OrderFacts, at: datetime) -> tuple[Change, ...]:
    """Let every effect post what it would, and read it back. The mark of the order is locked, so nobody else does."""
    posted: list[Entry] = []
    for _name, effect in order_effects.items():
        posted += effect.apply(orders=[order], at=at, batch="") or ()
    found: dict[int, Change] = {}
    prefetch_related_objects(posted, "account__unit__program", "account__member")
    for entry in posted:
        if entry.kind == Kind.EXPIRE:
            continue
        why = "" if entry.account.member.user_id == order.user_id else words.why(entry.because)
        change = found.setdefault(entry.account_id, Change(unit=entry.account.unit, why=why))
        moved = entry.d_available + entry.d_pending + entry.d_reserved - entry.d_debt
        change.taken -= min(0, moved)
        change.returned += max(0, moved)
        change.owed += entry.d_debt
        change.forgiven += entry.because.get("p", {}).get("forgiven", 0)
    for change in found.values():
        change.owed = max(0, change.owed)
    return tuple(found[account_id] for account_id in sorted(found))
