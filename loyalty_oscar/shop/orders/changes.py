"""
Before something changes that counts for orders, those that nobody has looked at yet are looked at.

An order counts what was true when it was placed; a sweep that comes late must not find another world.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import m2m_changed, pre_delete, pre_save
from oscar.core.loading import get_model

from loyalty_oscar.program import clock
from loyalty_oscar.program.db import is_play, write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import Program, ProgramSite

from ..models import ProductSetRange
from .product_sets import ties_now
from .sync import look_at_waiting

Range = get_model("offer", "Range")
#: Where Oscar says which products are in a range.
HOLDS = ("included_products", "excluded_products", "included_categories", "excluded_categories", "classes")


@harmless
def before_change(sender: Any, **signal: Any) -> None:
    """What counts for orders is about to change, and the change stays: no order is looked at for a play."""
    if signal.get("action", "pre_").startswith("pre_") and not is_play():
        with transaction.atomic(using=write_db()):
            look_at_waiting(at=clock.now())


@harmless
def before_products_change(sender: Any, **signal: Any) -> None:
    """What is in a range is about to change; without product sets that are tied to one, nobody minds."""
    if ties_now():
        before_change(sender, **signal)


def _connect(signal: Any, receiver: Any, sender: Any) -> None:
    signal.connect(receiver, sender=sender, weak=False, dispatch_uid=f"loyalty_oscar.shop.{receiver.__name__}.{sender}")


def connect(*, sender: Any) -> None:
    """Have orders looked at before rows of this model change."""
    for signal in (pre_save, pre_delete):
        _connect(signal, before_change, sender)


for _model in (Program, ProgramSite, ProductSetRange):
    connect(sender=_model)
for _signal in (pre_save, pre_delete):
    for _model in (Range, get_model("offer", "RangeProduct"), get_model("catalogue", "ProductCategory")):
        _connect(_signal, before_products_change, _model)
_connect(pre_delete, before_products_change, get_model("catalogue", "Product"))
for _name in HOLDS:
    if hasattr(Range, _name):
        _connect(m2m_changed, before_products_change, getattr(Range, _name).through)
