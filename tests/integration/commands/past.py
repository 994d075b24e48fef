"""A shop with a past: orders by the thousand, written as an import writes them, without a signal."""

from datetime import timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.utils import timezone
from oscar.core.loading import get_model

Order, Line = get_model("order", "Order"), get_model("order", "Line")


def old_orders(*, count, customers=100, price="12.50", until=None, each=timedelta(minutes=30), status="Delivered"):
    """`count` delivered orders of one line, one after the other, the youngest placed at `until` (default: now)."""
    User, until = get_user_model(), until or timezone.now()
    User.objects.bulk_create(
        User(username=f"old-{n}", email=f"old-{n}@example.com", password="!") for n in range(customers)
    )
    people = list(User.objects.filter(username__startswith="old-").order_by("pk"))
    amount = Decimal(price)
    Order.objects.bulk_create(
        (
            Order(
                number=f"old-{n}",
                user=people[n % customers],
                site_id=1,
                currency="EUR",
                total_incl_tax=amount,
                total_excl_tax=amount,
                status=status,
                date_placed=until - each * (count - 1 - n),
            )
            for n in range(count)
        ),
        batch_size=2000,
    )
    orders = list(Order.objects.filter(number__startswith="old-").order_by("pk"))
    Line.objects.bulk_create(
        (
            Line(
                order=order,
                title="Bowl",
                quantity=1,
                num_allocated=0,
                status=status,
                line_price_incl_tax=amount,
                line_price_excl_tax=amount,
                line_price_before_discounts_incl_tax=amount,
                line_price_before_discounts_excl_tax=amount,
                unit_price_incl_tax=amount,
                unit_price_excl_tax=amount,
            )
            for order in orders
        ),
        batch_size=2000,
    )
    return orders
