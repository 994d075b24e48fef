"""Receipts of orders that nobody has looked at since there are receipts: those from before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.people.effects import add_receipts
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import JobRun, Program
from loyalty_oscar.program.operations import keep_place
from loyalty_oscar.program.queries import begun_units

from ..orders.backfill import gather
from ..orders.serving import orders_of

#: The job that fills, and keeps its place under this name.
JOB = "receipts"


def without_receipt(*, program: Program) -> QuerySet[Any]:
    """Return the orders of a program that have lines and no receipt."""
    receipts = Receipt.objects.using(write_db()).filter(order_id=OuterRef("pk"))
    lines = get_model("order", "Line").objects.using(write_db()).filter(order_id=OuterRef("pk"))
    return orders_of(program=program).filter(~Exists(receipts), Exists(lines))


def fill(*, at: datetime) -> Iterator[int]:
    """
    Write the receipts that are missing, some hundred orders at a time, by key; yields how many.

    What stands there is left alone: whoever looks at an order meanwhile knows it better. Where the walk stands is kept,
    so that it goes on there when cut short.
    """
    row = JobRun.objects.using(write_db()).filter(name=JOB).only("cursor").first()
    places: dict[str, int] = dict((row and row.cursor) or {})
    for unit in begun_units():
        name, orders = str(unit.program_id), without_receipt(program=unit.program).order_by("pk")
        keys = orders.values_list("pk", flat=True)
        while ids := list(keys.filter(pk__gt=places.get(name, 0))[: conf.SWEEP_BATCH]):
            # Not when the walk began: what the night counts is what changed since it was last there.
            now = clock.now()
            written = add_receipts(orders=gather(order_ids=ids, set_codes=(), at=now), at=now)
            places[name] = ids[-1]
            keep_place(name=JOB, cursor=places, at=at)
            yield written
    keep_place(name=JOB, cursor=None, at=at)
