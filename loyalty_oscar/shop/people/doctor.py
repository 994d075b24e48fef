"""What the doctor knows of receipts: whether each order has one, and whether they say what the orders are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from loyalty_oscar.people.effects import differing
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import begun_units

from ..orders.facts import gather_orders
from ..upkeep.doctor.findings import Finding, Level, doctor_checks
from .filling import without_receipt

#: So many receipts, those that changed last, are compared with their orders.
LOOKED_AT = 200


@doctor_checks.register("receipts", order=38)
def receipts(*, at: datetime) -> Iterator[Finding]:
    """Every order has its receipt, and the newest say what their orders are."""
    units = begun_units()
    missing = sum(without_receipt(program=unit.program).count() for unit in units)
    if missing:
        hint = "The nightly job `receipts` writes them; `manage.py loyalty_run --only receipts` does it now."
        yield Finding(level=Level.NOTE, about="receipts", text=f"orders without one: {missing:,}", hint=hint)
    newest = Receipt.objects.using(write_db()).order_by("-changed_at", "-order_id").values_list("order_id", flat=True)
    orders = gather_orders(order_ids=list(newest[:LOOKED_AT]), set_codes=(), at=at) if units else []
    wrong = differing(orders=orders, at=at)
    if wrong:
        hint = "`manage.py loyalty_run --only nightly` looks at every open order anew."
        text = f"of the {len(orders):,} that changed last {len(wrong):,} say something else than their orders"
        yield Finding(level=Level.WARNING, about="receipts", text=text, hint=hint)
    if units and not missing and not wrong:
        yield Finding(level=Level.OK, about="receipts", text="every order has one")
