"""Orders of which something could not be done, with whose fault it is, and orders that were deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from loyalty_oscar.program.db import write_db

from ...models import OrderSync
from .findings import Finding, Level, doctor_checks

#: So many numbers of orders are named.
NAMED = 3
#: So long a deleted order is told of.
LOOK_BACK = timedelta(days=90)


@doctor_checks.register("orders", order=35)
def orders_failing(*, at: datetime) -> Iterator[Finding]:
    """Which effects failed for which orders; the others did their part."""
    marks = OrderSync.objects.using(write_db())
    found: dict[str, list[OrderSync]] = defaultdict(list)
    for mark in marks.exclude(failed={}).order_by("order_id"):
        for name in mark.failed:
            found[name].append(mark)
    for name, failing in sorted(found.items()):
        text = (
            f"{name.partition('-')[2] or name} could not do its part for {_number(failing)}: {failing[0].failed[name]}"
        )
        hint = "All else of them is done. It is tried again with the sweep, each night where its code has left."
        yield Finding(level=Level.WARNING, about="orders", text=text, hint=hint)
    broken = marks.filter(failures__gt=0, failed={}).order_by("order_id")
    first = broken.first()
    if first:
        text = f"{broken.count():,} could not be looked at; order {_name(first)} says: {first.error}"
        hint = "They are tried again with every sweep; the log tells the whole story."
        yield Finding(level=Level.WARNING, about="orders", text=text, hint=hint)
    if not found and not first:
        yield Finding(level=Level.OK, about="orders", text="none fails")


@doctor_checks.register("orders-deleted", order=35)
def orders_deleted(*, at: datetime) -> Iterator[Finding]:
    """Orders that were deleted in the last 90 days, and what became of their points."""
    marks = OrderSync.objects.using(write_db()).filter(placed__has_key="gone").order_by("-order_id")
    since = (at - LOOK_BACK).isoformat()
    recent = [mark for mark in marks if mark.placed["gone"] >= since]
    said = {
        "nothing": "came to nothing: what they brought was taken back, what they used returned",
        "kept": "keep what they brought: their return period was over",
    }
    for came_to, text in said.items():
        some = [mark for mark in recent if mark.placed["came_to"] == came_to]
        if some:
            hint = "`manage.py loyalty_reconcile --deleted NUMBER --came-to nothing|kept` decides otherwise."
            yield Finding(
                level=Level.NOTE, about="orders", text=f"{_number(some)} deleted in 90 days {text}", hint=hint
            )


def _number(marks: Sequence[OrderSync]) -> str:
    named = ", ".join(map(_name, marks[:NAMED]))
    return f"{len(marks):,} order{'s' if len(marks) != 1 else ''} ({named}{', …' if len(marks) > NAMED else ''})"


def _name(mark: OrderSync) -> str:
    return str(mark.placed.get("number") or mark.order_id)
