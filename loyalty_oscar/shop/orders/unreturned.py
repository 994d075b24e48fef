"""A return that was typed by mistake, taken back: the wrong event goes, and points follow at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db

from . import statuses
from .sync import mark, sync_order

#: Oscar's two kinds of events that say that goods came back, or were refunded: the model, and that of its quantities.
KINDS = {"shipping": ("ShippingEvent", "ShippingEventQuantity"), "payment": ("PaymentEvent", "PaymentEventQuantity")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """An event that says that goods came back (`kind` as in `KINDS`), with the units of each line (by id)."""

    kind: str
    event: Any
    quantities: dict[int, int]

    @property
    def units(self) -> int:
        """How many units it speaks of."""
        return sum(self.quantities.values())


def returns_of(*, order: Any) -> list[Returned]:
    """Return the events of an order that say that goods came back or were refunded, newest first. Two queries."""
    found = []
    for kind, (_event, quantity) in KINDS.items():
        rows = get_model("order", quantity).objects.filter(event__order=order, line__isnull=False)
        rows = rows.filter(statuses.said(column="event__event_type__code", words=_codes(kind)))
        by_event: dict[int, Returned] = {}
        for row in rows.select_related("event__event_type").order_by("pk"):
            told = by_event.setdefault(row.event_id, Returned(kind=kind, event=row.event, quantities={}))
            told.quantities[row.line_id] = told.quantities.get(row.line_id, 0) + row.quantity
        found += by_event.values()
    return sorted(found, key=lambda told: (told.event.date_created, told.event.pk), reverse=True)


def return_of(*, order: Any, kind: str, event_id: int) -> Returned | None:
    """Return one of these events, or None where there is no such one (any more)."""
    return next((told for told in returns_of(order=order) if (told.kind, told.event.pk) == (kind, event_id)), None)


def _codes(kind: str) -> tuple[str, ...]:
    return tuple(conf.RETURN_EVENT_CODES if kind == "shipping" else conf.REFUND_EVENT_CODES)


def units_back(*, told: Returned) -> dict[int, int]:
    """
    Return how many units of each line stand again without an event: fewer than it speaks of where the other kind of
    event says the same of them, because a unit that came back and was refunded is one.
    """
    sums: dict[str, dict[int, int]] = {}
    for kind, (_event, quantity) in KINDS.items():
        rows = get_model("order", quantity).objects.filter(line_id__in=told.quantities)
        rows = rows.filter(statuses.said(column="event__event_type__code", words=_codes(kind)))
        counted = rows.order_by().values_list("line_id").annotate(Sum("quantity"))
        sums[kind] = defaultdict(int, {line_id: units or 0 for line_id, units in counted})
    other = "payment" if told.kind == "shipping" else "shipping"
    found = {}
    for line_id, units in told.quantities.items():
        before = max(sums[told.kind][line_id], sums[other][line_id])
        found[line_id] = before - max(sums[told.kind][line_id] - units, sums[other][line_id])
    return found


def undo_return(*, order: Any, kind: str, event_id: int, staff: Any, at: datetime) -> None:
    """
    Delete an event that says that goods came back, write down in the order's notes who did, and look at the order at
    once: points follow as they do when a return never was.

    Raises `NotAllowed` where there is no such event (any more).
    """
    with transaction.atomic(using=write_db()):
        orders = get_model("order", "Order").objects.using(write_db())
        locked = orders.select_for_update().get(pk=order.pk)
        told = return_of(order=locked, kind=kind, event_id=event_id)
        if told is None:
            raise NotAllowed("there is no such return of this order")
        text = pgettext("loyalty", "Undone: “%(event)s” of %(day)s.")
        said = {"event": told.event.event_type.name, "day": f"{told.event.date_created:%Y-%m-%d}"}
        locked.notes.create(user=staff, message=text % said, note_type="System")
        told.event.delete()
        mark(order_ids=[order.pk], at=at)
    sync_order(order_id=order.pk)
