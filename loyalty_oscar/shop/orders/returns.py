"""
What a return would do to money and points, before anybody confirms it.

Every order effect is asked what it would post for the order as it would be; the ledger looks ahead and writes nothing,
so that looking at a page keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from loyalty_oscar.kernel.facts import LineState, OrderFacts
from loyalty_oscar.kernel.left import as_if
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger.models import Kind
from loyalty_oscar.ledger.operations import beside, foreseen
from loyalty_oscar.program import words
from loyalty_oscar.program.hooks import order_effects
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import to_minor

from ..models import OrderSync
from .facts import gather_orders, marks_of
from .sync import set_codes
from .went_back import OWN, ran_out_at_once


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

    Of those taken, `owed` would be to make up, and `forgiven` (not counted in `taken`) the shop would bear; `because`
    says of those that the order did not bring itself why they go (a level's gift), by reason. Of those returned,
    `made_up` would pay at once what was to be made up.
    """

    unit: Unit
    taken: int = 0
    returned: int = 0
    owed: int = 0
    forgiven: int = 0
    why: str = ""
    made_up: int = 0
    because: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnPreview:
    """
    What would happen: `minor` units of `currency` back, the changes of each account, oldest account first, and in words
    (`beside`) what changes beside points.
    """

    currency: str
    minor: int
    lines: tuple[ReturnLine, ...]
    changes: tuple[Change, ...]
    beside: tuple[str, ...] = ()

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """An order as it is, and whether everything that it caused is posted already."""

    facts: OrderFacts
    is_in_line: bool


def look_at(*, order: Any, at: datetime, mark: OrderSync | None = None) -> Look | None:
    """
    Look at an order for one preview or several; None where it is gone. Three queries, and no more for these; two where
    the caller has read its mark.
    """
    marks = {order.pk: mark} if mark else marks_of(order_ids=[order.pk])
    found = gather_orders(order_ids=[order.pk], set_codes=set_codes(), at=at, marks=marks)
    if not found:
        return None
    mark = marks.get(order.pk)
    is_in_line = mark is not None and mark.fingerprint == found[0].fingerprint and not mark.failed
    return Look(facts=found[0], is_in_line=is_in_line)


def preview(
    *, order: Any, quantities: Mapping[int, int] | None = None, at: datetime, seen: Look | None = None
) -> ReturnPreview:
    """
    Return what it would do if so many more units of these lines (by id) came back; None: all that are left.

    More than what is left of a line counts as what is left, lines of other orders as nothing. Changes nothing.
    """
    seen = seen or look_at(order=order, at=at)
    if seen is None:
        return ReturnPreview(currency=order.currency, minor=0, lines=(), changes=())
    facts = seen.facts
    lines = tuple(_line(row, quantities) for row in facts.rows)
    rows = [replace(row, gone=row.gone + line.chosen) for row, line in zip(facts.rows, lines, strict=True)]
    is_any = any(line.chosen for line in lines)
    changes, beside = _changes(seen, as_if(order=facts, rows=rows), at) if is_any else ((), ())
    minor = sum(line.minor for line in lines)
    return ReturnPreview(currency=facts.purchase.currency, minor=minor, lines=lines, changes=changes, beside=beside)


def preview_undone(*, order: Any, quantities: Mapping[int, int], at: datetime) -> ReturnPreview:
    """Return what it would do if so many units of these lines (by id) had not come back after all. Changes nothing."""
    seen = look_at(order=order, at=at)
    if seen is None:
        return ReturnPreview(currency=order.currency, minor=0, lines=(), changes=())
    rows = [replace(row, gone=max(0, row.gone - quantities.get(row.line_id, 0))) for row in seen.facts.rows]
    changes, beside = _changes(seen, as_if(order=seen.facts, rows=rows), at)
    currency = seen.facts.purchase.currency
    return ReturnPreview(currency=currency, minor=0, lines=(), changes=changes, beside=beside)


def preview_cancelled(
    *, order: Any, at: datetime, seen: Look | None = None, all_back: ReturnPreview | None = None
) -> ReturnPreview:
    """
    Return what it would do if the whole order came to nothing now, delivery and surcharges included.

    `all_back` is the preview of all that is left coming back, if the caller has it.
    """
    seen = seen or look_at(order=order, at=at)
    if seen is None or seen.facts.dead:
        return ReturnPreview(currency=order.currency, minor=0, lines=(), changes=())
    facts = seen.facts
    # What every piece that comes back takes along, cancelling takes along.
    dead = replace(facts, dead=True)
    known = (all_back.changes, all_back.beside) if all_back is not None else None
    changes, beside = known or _changes(seen, dead, at)
    lines = tuple(_line(row, None) for row in facts.rows)
    back_already = sum(_share(row, row.gone) for row in facts.rows)
    total = to_minor(amount=order.total_incl_tax, currency=facts.purchase.currency)
    return ReturnPreview(
        currency=facts.purchase.currency,
        minor=max(0, total - back_already),
        lines=lines,
        changes=changes,
        beside=beside,
    )


def _line(line: LineState, quantities: Mapping[int, int] | None) -> ReturnLine:
    left = line.quantity - line.gone
    chosen = left if quantities is None else min(left, max(0, quantities.get(line.line_id, 0)))
    minor = _share(line, line.gone + chosen) - _share(line, line.gone)
    return ReturnLine(line_id=line.line_id, title=line.title, left=left, chosen=chosen, minor=minor)


def _share(line: LineState, gone: int) -> int:
    """Return what so many units of a line cost: cumulative, so that the last unit takes the remainder."""
    return taken_back(points=line.paid_minor, gone=gone, quantity=line.quantity)


def _changes(seen: Look, would_be: OrderFacts, at: datetime) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """
    Return what accounts would meet, and in words what changes beside points; apart from what comes anyway because
    nobody has looked yet.
    """
    found, said = _foreseen(would_be, at)
    if not seen.is_in_line:
        anyway, known = _foreseen(seen.facts, at)
        said = [text for text in said if text not in known]
        for account_id, change in anyway.items():
            one = found.setdefault(account_id, replace(change, taken=0, returned=0, owed=0, forgiven=0))
            one.taken, one.returned = one.taken - change.taken, one.returned - change.returned
            one.owed, one.forgiven = one.owed - change.owed, one.forgiven - change.forgiven
            one.made_up = one.made_up - change.made_up
            for text, points in change.because.items():
                one.because[text] = one.because.get(text, 0) - points
    for change in found.values():
        change.taken, change.returned = max(0, change.taken), max(0, change.returned)
        change.owed, change.forgiven = max(0, change.owed), max(0, change.forgiven)
        change.made_up = max(0, change.made_up)
        change.because = {text: points for text, points in change.because.items() if points > 0}
    return tuple(found[account_id] for account_id in sorted(found)), tuple(said)


def _foreseen(order: OrderFacts, at: datetime) -> tuple[dict[int, Change], list[str]]:
    """Ask every effect what it would post, and read it as changes of accounts; and what it says of other things."""
    with foreseen() as posted:
        said = [text for answer in order_effects.answers("foresee", orders=[order], at=at) for text in answer or ()]
        said += beside()
    found: dict[int, Change] = {}
    for entry in posted:
        is_too_late = ran_out_at_once(entry=entry)
        if entry.kind == Kind.EXPIRE and not is_too_late:
            continue
        why = "" if entry.account.member.user_id == order.user_id else words.why(entry.because)
        change = found.setdefault(entry.account_id, Change(unit=entry.account.unit, why=why))
        moved = entry.d_available + entry.d_pending + entry.d_reserved - entry.d_debt
        if is_too_late:
            change.returned += moved
            continue
        change.taken -= min(0, moved)
        change.returned += max(0, moved)
        change.owed += entry.d_debt
        params = entry.because.get("p", {})
        change.forgiven += params.get("forgiven", 0)
        change.made_up += params.get("made_up", 0) if moved > 0 else 0
        if moved < 0 and not why and entry.because.get("c") not in OWN:
            text = words.why(entry.because)
            change.because[text] = change.because.get(text, 0) - moved
    return found, said
