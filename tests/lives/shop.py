"""
The shop in which lives are lived: made once on one database, each life rolled back.

A life's moment is Django's own, so Oscar's dates follow; what is to happen after a commit happens a second later.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from unittest.mock import patch

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone
from oscar.apps.partner import strategy
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.redemption.offer import make_offer

#: Without tax; every price is known to the cent with it, too.
PRICES = ("80.00", "19.92", "5.20", "102.56", "8.00", "0.80", "39.20", "9.99")
SETS = ("double", "closed", "sale", "useless")
PEOPLE = 6


class Taxed(strategy.UseFirstStockRecord, strategy.StockRequired, strategy.FixedRateTax, strategy.Structured):
    """25 percent on top."""

    rate, exponent = Decimal("0.25"), Decimal("0.01")


class Shop:
    """Products, ranges and people: the same for every life."""

    def __init__(self) -> None:
        kind = get_model("catalogue", "ProductClass").objects.create(
            name="Things", track_stock=False, requires_shipping=False
        )
        self.products = []
        for number, price in enumerate(PRICES):
            product = get_model("catalogue", "Product").objects.create(title=f"thing {number}", product_class=kind)
            factories.create_stockrecord(product, price=Decimal(price), partner_sku=f"sku-{number}")
            self.products.append(product.pk)
        self.ranges = {}
        for code in SETS:
            found = get_model("offer", "Range").objects.create(name=code)
            ProductSetRange.objects.create(product_set=ProductSet.objects.create(code=code, name=code), range=found)
            self.ranges[code] = found.pk
        names = (f"person{n}@example.com" for n in range(PEOPLE))
        self.users = [get_user_model().objects.create(username=name, email=name).pk for name in names]
        for model, codes in (("ShippingEventType", ("returned",)), ("PaymentEventType", ("refunded",))):
            for code in codes:
                get_model("order", model).objects.get_or_create(code=code, defaults={"name": code.title()})
        make_offer()


@contextmanager
def a_shop() -> Iterator[Shop]:
    """Make the shop inside a transaction that is rolled back in the end."""
    warnings.filterwarnings("ignore", message="update is not implemented in this backend")
    with transaction.atomic():
        yield Shop()
        transaction.set_rollback(True)
    forget_cache()


@contextmanager
def rolled_back() -> Iterator[None]:
    """Let nothing of a block stay."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    forget_cache()


def after_commit() -> None:
    """Do what waits for a commit, and what that puts off in turn."""
    while connection.run_on_commit:
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _savepoints, function, *_robust in waiting:
            function()


@contextmanager
def it_is(moment: datetime) -> Iterator[None]:
    """Let it be a moment for everybody, Oscar too."""
    with patch.object(timezone, "now", lambda: moment):
        yield
