"""The past, lived through: each event of the timeline is done to the shop by Oscar's own classes, and dated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import F
from django.db.models.signals import post_save
from django.utils import timezone
from oscar.apps.customer.alerts.receivers import send_product_alerts
from oscar.apps.partner.receivers import update_stock_alerts
from oscar.core.loading import get_class, get_model

from loyalty_oscar.shop.redemption.use_points import use_points

from .catalogue import Article
from .loyalty import account_of
from .people import Person, address_fields
from .timeline import Event, Happening, Kind, Purchase

Order = get_model("order", "Order")
StockRecord = get_model("partner", "StockRecord")
PLENTY = 10_000
CENT = Decimal("0.01")
ON_THE_WAY: tuple[Kind, ...] = ("picked", "shipped")
#: What each kind of event leaves on an order with the date of the wall clock.
LEAVES: dict[Kind, tuple[str, ...]] = {
    "picked": ("payment_events", "status_changes"),
    "shipped": ("shipping_events", "status_changes"),
    "delivered": ("status_changes",),
    "cancelled": ("status_changes", "notes"),
    "returned": ("shipping_events", "payment_events"),
}


class History:
    """Plays events; holds what they need again and again."""

    def __init__(self, *, people: Mapping[str, Person], events: Sequence[Event | Happening]) -> None:
        self.people = people
        orders = [event for event in events if isinstance(event, Event)]
        #: The way of each order that arrived by now, by the moment when it was placed.
        self.ways: dict[datetime, list[Event]] = {e.purchase.placed_at: [] for e in orders if e.kind == "delivered"}
        for event in orders:
            if event.purchase.placed_at in self.ways and event.kind in (*ON_THE_WAY, "delivered"):
                self.ways[event.purchase.placed_at].append(event)
        self.users = {user.email: user for user in get_user_model().objects.filter(email__in=people)}
        products = get_model("catalogue", "Product").objects.filter(stockrecords__partner__code="tumblepaw")
        products = products.select_related("product_class", "parent__product_class").prefetch_related("stockrecords")
        self.products = {product.upc: product for product in products}
        self.vouchers = {voucher.code: voucher for voucher in get_model("voucher", "Voucher").objects.all()}
        shipping, payment = get_model("order", "ShippingEventType"), get_model("order", "PaymentEventType")
        self.shipped, self.returned = (shipping.objects.get_or_create(name=n)[0] for n in ("Shipped", "Returned"))
        self.paid, self.refunded = (payment.objects.get_or_create(name=n)[0] for n in ("Paid", "Refunded"))
        self.handler = get_class("order.processing", "EventHandler")()
        self.began = timezone.now()

    def comes_later(self, event: Event | Happening) -> bool:
        """
        Return whether an event is done with a later one: the way of an order that has arrived, in one transaction with
        its arrival. Nothing looks at it in between, and it costs half as much.
        """
        return isinstance(event, Event) and event.kind in ON_THE_WAY and event.purchase.placed_at in self.ways

    def play(self, event: Event | Happening) -> None:
        """Do one event (within the caller's transaction), and what waited for it, and date what each left."""
        if isinstance(event, Happening):
            event.do(self, event.at)
            return
        if event.kind == "placed":
            self.place(event.purchase, at=event.at)
            return
        order = Order.objects.get(date_placed=event.purchase.placed_at)
        for step in self.ways[event.purchase.placed_at] if event.kind == "delivered" else (event,):
            getattr(self, f"_{step.kind}")(order, step)
            self._date(order, step)

    def place(self, purchase: Purchase, *, at: datetime) -> None:
        """Place an order, as the checkout would."""
        person = self.people[purchase.email]
        user = None if purchase.guest else self.users[purchase.email]
        basket = get_model("basket", "Basket").objects.create(owner=user)
        self._fill(basket, purchase.lines, purchase.voucher)
        self._set_aside(basket, purchase.use, at)
        get_class("offer.applicator", "Applicator")().apply(basket, user)
        method = get_class("shipping.repository", "Repository")().get_default_shipping_method(basket)
        charge = method.calculate(basket)
        get_class("order.utils", "OrderCreator")().place_order(
            basket=basket,
            total=get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, charge),
            shipping_method=method,
            shipping_charge=charge,
            user=user,
            shipping_address=get_model("order", "ShippingAddress").objects.create(**address_fields(person)),
            date_placed=at,
            guest_email=purchase.email if purchase.guest else "",
        )
        basket.submit()
        type(basket).objects.filter(pk=basket.pk).update(date_created=at, date_submitted=at)

    def leave_baskets(self, *, at: datetime) -> int:
        """Put into the baskets of the demo people what lies there today, once; returns how many they are."""
        owners = [person for person in self.people.values() if person.basket]
        for person in owners:
            basket, _made = get_model("basket", "Basket").open.get_or_create(owner=self.users[person.email])
            if basket.is_empty:
                self._fill(basket, person.basket.items(), person.code)
                self._set_aside(basket, person.aside, at)
        return len(owners)

    def _fill(self, basket: Any, lines: Iterable[tuple[str, int]], code: str) -> None:
        basket.strategy = get_class("partner.strategy", "Selector")().strategy(user=basket.owner)
        for upc, quantity in lines:
            basket.add_product(self.products[upc], quantity)
        if code and self.vouchers[code].is_available_to_user(basket.owner)[0]:
            basket.vouchers.add(self.vouchers[code])

    def _set_aside(self, basket: Any, points: int, at: datetime) -> None:
        """Set points aside as the basket page does: so many, or all that are ready."""
        account = account_of(user=basket.owner) if points else None
        if account and account.available:
            points = min(points, account.available)
            use_points(account=account, unit=account.unit, basket=basket, points=points, at=at)

    # -- One method for each kind of event after that

    def _picked(self, order: Any, event: Event) -> None:
        self.handler.handle_payment_event(order, self.paid, order.total_incl_tax)
        self.handler.handle_order_status_change(order, "Being processed")

    def _shipped(self, order: Any, event: Event) -> None:
        goods = ("stockrecord", "product__product_class", "product__parent__product_class")
        lines = list(order.lines.select_related(*goods))
        self.handler.handle_shipping_event(order, self.shipped, lines, [line.quantity for line in lines])
        self.handler.consume_stock_allocations(order, lines)
        self.handler.handle_order_status_change(order, "Shipped")

    def _delivered(self, order: Any, event: Event) -> None:
        self.handler.handle_order_status_change(order, "Delivered")

    def _cancelled(self, order: Any, event: Event) -> None:
        self.handler.cancel_stock_allocations(order)
        self.handler.handle_order_status_change(order, "Cancelled", note_msg="Cancelled by the customer.")

    def _returned(self, order: Any, event: Event) -> None:
        units = dict(event.units)
        lines = list(order.lines.filter(upc__in=units))
        quantities = [units[line.upc] for line in lines]
        back = sum(
            (line.line_price_incl_tax * q / line.quantity).quantize(CENT)
            for line, q in zip(lines, quantities, strict=True)
        )
        self.handler.handle_shipping_event(order, self.returned, lines, quantities)
        self.handler.handle_payment_event(order, self.refunded, back, lines, quantities)
        for line, quantity in zip(lines, quantities, strict=True):
            if quantity == line.quantity:
                line.set_status("Returned")

    def _date(self, order: Any, event: Event) -> None:
        """Oscar dates rows by the wall clock; what this event left is moved to its moment."""
        for name in LEAVES[event.kind]:
            getattr(order, name).filter(date_created__gte=self.began).update(date_created=event.at)


@contextmanager
def shelves_that_nobody_watches() -> Iterator[None]:
    """Let Oscar not look after each piece whether somebody waits for it, or a shelf runs low: nobody does, and none."""
    watching = (send_product_alerts, update_stock_alerts)
    for receiver in watching:
        post_save.disconnect(receiver, sender=StockRecord)
    try:
        yield
    finally:
        for receiver in watching:
            post_save.connect(receiver, sender=StockRecord)


def open_the_store_room() -> None:
    """Put enough of everything on the shelves for a long past."""
    StockRecord.objects.filter(partner__code="tumblepaw").update(num_in_stock=F("num_in_stock") + PLENTY)


def count_the_stock(*, articles: tuple[Article, ...]) -> None:
    """Leave on the shelves what the catalogue says can be bought today; open orders keep theirs."""
    for article in articles:
        StockRecord.objects.filter(partner__code="tumblepaw", partner_sku=article.upc).update(
            num_in_stock=F("num_allocated") + article.stock
        )
