"""Words of the shop that mean nothing to us: statuses and event types in use, and a status that nobody ever reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program

from ...orders import statuses
from .findings import Finding, Level, doctor_checks

ABOUT = "words"
#: Of a shop without a program the orders of so long are looked at.
LOOK_BACK = timedelta(days=365)
#: So old an order is that should have got somewhere.
PATIENCE = timedelta(days=60)


@doctor_checks.register("words", order=37)
def words(*, at: datetime) -> Iterator[Finding]:
    """Every status and event type in use is known, and orders reach the status that points wait for."""
    found = [*_statuses(at), *_line_statuses(at), *_event_types(), *_never_final(at)]
    yield from found
    if not found:
        yield Finding(level=Level.OK, about=ABOUT, text="every status and event type in use is known")


def _orders(at: datetime) -> QuerySet[Any]:
    """Return the orders that may concern us: since the first program went live, or those of a year."""
    begun = Program.objects.aggregate(first=Min("earns_from"))["first"]
    orders = get_model("order", "Order").objects.using(write_db()).order_by()
    return orders.filter(date_placed__gte=begun or at - LOOK_BACK)


def _unknown(rows: QuerySet[Any], is_known: Callable[..., bool]) -> list[tuple[str, int]]:
    counted = rows.values("status").annotate(times=Count("pk")).order_by("status")
    return [(row["status"], row["times"]) for row in counted if not is_known(status=row["status"])]


def _statuses(at: datetime) -> Iterator[Finding]:
    for status, times in _unknown(_orders(at), statuses.is_known):
        text = f"no pipeline knows the order status {status!r}, in which orders are: {times:,}"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=_say("DEAD_STATUSES", "HARMLESS_STATUSES"))


def _line_statuses(at: datetime) -> Iterator[Finding]:
    lines = get_model("order", "Line").objects.using(write_db()).filter(order__in=_orders(at)).order_by()
    for status, times in _unknown(lines, statuses.is_known_line):
        text = f"no pipeline knows the line status {status!r}, in which lines are: {times:,}"
        hint = _say("DEAD_LINE_STATUSES", "HARMLESS_LINE_STATUSES")
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


def _event_types() -> Iterator[Finding]:
    for kind, setting in (("Shipping", "RETURN_EVENT_CODES"), ("Payment", "REFUND_EVENT_CODES")):
        known = (*getattr(conf, setting), *conf.HARMLESS_EVENT_CODES)
        events = get_model("order", f"{kind}EventQuantity").objects.using(write_db()).order_by()
        used = dict(events.values_list("event__event_type__code").annotate(times=Count("pk")))
        codes = get_model("order", f"{kind}EventType").objects.using(write_db()).order_by("code")
        for code in codes.values_list("code", flat=True):
            if statuses.is_among(word=code, words=known):
                continue
            times, named = used.get(code, 0), f"the {kind.lower()} event type {code!r} means nothing to us"
            text = f"{named}; events of it name lines: {times:,}" if times else f"{named}; it is not used yet"
            level = Level.WARNING if times else Level.NOTE
            yield Finding(level=level, about=ABOUT, text=text, hint=_say(setting, "HARMLESS_EVENT_CODES"))


def _say(gone: str, harmless: str) -> str:
    return f"Add it to LOYALTY_{gone} if what it is about came to nothing, else to LOYALTY_{harmless}."


def _never_final(at: datetime) -> Iterator[Finding]:
    final = statuses.final_statuses()
    waiting = still_waiting(words=final, at=at) if final else 0
    if waiting:
        named = ", ".join(f"“{status}”" for status in sorted(final))
        text = f"no order ever reached {named}, and orders wait for it since more than 60 days: {waiting:,}"
        hint = "Their points, gifts and friends' rewards stay on the way. Set LOYALTY_READY_STATUS to one they reach."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


def still_waiting(*, words: statuses.Words, at: datetime) -> int:
    """Return how many old orders that stand wait for one of these statuses, where no order ever reached one; else 0."""
    history = get_model("order", "OrderStatusChange").objects.using(write_db())
    orders = _orders(at)
    reached = statuses.said(column="status", words=words)
    if orders.filter(reached).exists() or history.filter(statuses.said(column="new_status", words=words)).exists():
        return 0
    return statuses.standing(orders=orders.filter(date_placed__lt=at - PATIENCE)).count()
