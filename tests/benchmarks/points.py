"""Customers with points or a voucher, for the benchmark: each visit is a new customer's."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.redemption import discount as ours
from loyalty_oscar.shop.redemption.offer import make_offer
from loyalty_oscar.shop.redemption.use_points import use_points

CROWD = 16
#: What a request does after its order while its transaction is open, such as a mail. Seconds.
TAIL = 0.25
POINTS = 500
CODE = "FIVE-OFF"


class Points:
    """The club's points can be used, and there is a voucher of the same worth."""

    def __init__(self, shopping: Any, titles: list[str]) -> None:
        self.shopping, self.titles, self.numbers = shopping, titles, itertools.count(1)
        self.unit = Unit.objects.select_related("program").get()
        UseTerms.objects.create(program=self.unit.program)
        make_offer()
        self.voucher = a_voucher()
        forget_cache()
        self.crowd = [self.member(f"crowd{n}@example.com", points=10_000_000) for n in range(CROWD)]

    def member(self, email: str, *, points: int, lots: int = 1) -> tuple[Any, Account]:
        """Return a new customer and an account with that many points, in lots that run out one after the other."""
        user, at = self.shopping.a_person(email), timezone.now()
        account = ledger.open_account(member=join(program=self.unit.program, user_id=user.pk, at=at), unit=self.unit)
        for n in range(lots):
            grant = ledger.LotGrant(
                account_id=account.pk, points=points // lots, key=f"gift:{n}", source=f"gift:{n}", kind="adjust",
                because=Because("goodwill"), available_at=at, expires_at=at + timedelta(days=100 + n),
            )  # fmt: skip
            ledger.post(grant=grant, at=at)
        return user, account

    def client_with(
        self, discount: str, *, lines: int, lots: int, prepare: Callable[[Any], None] = lambda user: None
    ) -> Client:
        """
        Return the browser of a new customer with so many lines in the basket, and a discount of 5.00 or none.

        `prepare` is done with the customer before anything is bought.
        """
        email = f"visit{next(self.numbers)}@example.com"
        user, _account = self.member(email, points=POINTS, lots=lots)
        prepare(user)
        client = self.shopping.client_of(email)
        self.shopping.a_basket(self.shopping.person(email), dict.fromkeys(self.titles[:lines], 2))
        self.voucher.offers.update(status="Open" if discount == "voucher" else "Suspended")
        if discount == "points":
            client.post("/loyalty/points/", {"points": str(POINTS)})
        elif discount == "voucher":
            client.post("/basket/vouchers/add/", {"code": CODE})
        return client

    def taken_off(self) -> int:
        """Return the discount of the last order, in cents."""
        order = get_model("order", "Order").objects.latest("pk")
        return int(sum(row.amount for row in order.discounts.all()) * 100)

    def together(self, discount: str, *, inside: bool) -> float:
        """Return the seconds in which sixteen orders are placed at once, each with products of its own."""
        with counted_inside(inside):  # A discount knows from when it is worked out how its use is counted.
            places = [self._ready(n, discount) for n in range(CROWD)]
        barrier = threading.Barrier(CROWD + 1)

        def one(place: Callable[[], None]) -> None:
            connection.ensure_connection()
            barrier.wait()
            try:
                with transaction.atomic():
                    place()
                    time.sleep(TAIL)
            finally:
                connection.close()

        with ThreadPoolExecutor(CROWD) as pool:
            done = [pool.submit(one, place) for place in places]
            barrier.wait()
            begun = time.perf_counter()
            for future in done:
                future.result()
            return time.perf_counter() - begun

    def _ready(self, number: int, discount: str) -> Callable[[], None]:
        user, account = self.crowd[number]
        own = self.titles[2 * number : 2 * number + 2]
        basket = self.shopping.a_basket(user, dict.fromkeys(own, 2))
        if discount == "points":
            use_points(account=account, unit=self.unit, basket=basket, points=POINTS, at=timezone.now())
        ours.look_again(basket=basket, request=SimpleNamespace(user=user))
        assert bool(basket.offer_applications.offer_discounts) == (discount == "points")
        shipping = get_class("shipping.methods", "Free")()
        charge = shipping.calculate(basket)
        total = get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, charge)

        def place() -> None:
            get_class("order.utils", "OrderCreator")().place_order(
                basket=basket, total=total, shipping_method=shipping, shipping_charge=charge, user=user
            )

        return place


def a_voucher() -> Any:
    """Return a voucher that takes 5.00 off everything."""
    everything = get_model("offer", "Range").objects.create(name="All", includes_all_products=True)
    condition = get_model("offer", "Condition").objects.create(type="Value", value=1, range=everything)
    benefit = get_model("offer", "Benefit").objects.create(type="Absolute", value=5, range=everything)
    offer = get_model("offer", "ConditionalOffer").objects.create(
        name="Five off", offer_type="Voucher", condition=condition, benefit=benefit
    )
    now = timezone.now()
    voucher = get_model("voucher", "Voucher").objects.create(
        name="Five off", code=CODE, usage="Multi-use", start_datetime=now - timedelta(days=1),
        end_datetime=now + timedelta(days=1),
    )  # fmt: skip
    voucher.offers.add(offer)
    return voucher


@contextmanager
def counted_inside(broken: bool) -> Iterator[None]:
    """Count uses of our offer within the transaction, as Oscar does with its own; the broken twin."""

    def count(offer_id: int, application: Any) -> None:
        get_model("offer", "ConditionalOffer").objects.get(pk=offer_id).record_usage(application)

    with mock.patch.object(ours, "count_after_commit", count if broken else ours.count_after_commit):
        yield
