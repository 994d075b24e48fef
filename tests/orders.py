"""Orders of every make, and what happens to them: through Oscar's own creator, by import, by event."""

from decimal import Decimal

from oscar.core.loading import get_class, get_model
from oscar.test import factories
from oscar.test.basket import add_product

Order, Line = get_model("order", "Order"), get_model("order", "Line")


def place(*, user, lines, number=None):
    """An order as the checkout places it; `lines` are (price, quantity), prices incl. tax."""
    return factories.create_order(basket=filled(user=user, lines=lines), user=user, number=number)


def filled(*, user, lines):
    """A basket of new products; `lines` are (price, quantity), prices incl. tax."""
    basket = factories.create_basket(empty=True)
    basket.owner = user
    basket.save()
    for price, quantity in lines:
        add_product(basket, Decimal(str(price)), quantity)
    return basket


def imported(*, user, lines, placed_at, status="Delivered", number="imported-1", currency="EUR", guest_email=""):
    """An order as an import writes it: rows in bulk, no signal at all."""
    total = sum(Decimal(str(price)) * quantity for price, quantity in lines)
    order = Order.objects.bulk_create(
        [
            Order(
                number=number, user=user, site_id=1, currency=currency, total_incl_tax=total, total_excl_tax=total,
                status=status, date_placed=placed_at, guest_email=guest_email,
            )
        ]
    )[0]  # fmt: skip
    order = Order.objects.get(number=number)
    product = get_model("catalogue", "Product").objects.first() or factories.create_product()
    rows = []
    for price, quantity in lines:
        amount = Decimal(str(price)) * quantity
        rows.append(
            Line(
                order=order, product=product, title="Imported", upc="", quantity=quantity, status=status,
                num_allocated=0,
                line_price_incl_tax=amount, line_price_excl_tax=amount,
                line_price_before_discounts_incl_tax=amount, line_price_before_discounts_excl_tax=amount,
                unit_price_incl_tax=Decimal(str(price)), unit_price_excl_tax=Decimal(str(price)),
            )
        )  # fmt: skip
    Line.objects.bulk_create(rows)
    return order


def come_back(*, line, quantity):
    """So many units of a line come back, as Oscar's event handler writes it."""
    kind, _made = get_model("order", "ShippingEventType").objects.get_or_create(code="returned", name="Returned")
    handler = get_class("order.processing", "EventHandler")()
    return handler.create_shipping_event(line.order, kind, [line], [quantity])


def paid_back(*, line, quantity, amount="1.00"):
    """So many units of a line are refunded, as Oscar's event handler writes it."""
    kind, _made = get_model("order", "PaymentEventType").objects.get_or_create(code="refunded", name="Refunded")
    handler = get_class("order.processing", "EventHandler")()
    return handler.create_payment_event(line.order, kind, Decimal(amount), [line], [quantity])


def deliver(order):
    """Take an order to its last status, step by step, as the dashboard does."""
    for status in ("Being processed", "Shipped", "Delivered"):
        order.set_status(status)
