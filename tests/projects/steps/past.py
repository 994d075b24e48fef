"""The shop before us: goods, people, orders in all ages and states, a basket that is being filled."""

from datetime import timedelta

from django.contrib.sites.models import Site
from django.utils import timezone
from oscar.core.loading import get_model

from tests.projects.shopping import a_basket, a_person, a_product, finish, place


def run() -> dict:
    category = get_model("catalogue", "Category").add_root(name="Everything")
    for title, price in [("Bowl", "12.50"), ("Lead", "7.99"), ("Basket", "48.00")]:
        a_product(title, price=price, category=category)
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="GB", iso_3166_1_a3="GBR", iso_3166_1_numeric="826",
        name="GB", printable_name="United Kingdom", is_shipping_country=True,
    )  # fmt: skip
    Site.objects.create(domain="second.example.com", name="Second shop")
    a_person("staff@example.com", is_staff=True, is_superuser=True)
    customer, other = a_person("customer@example.com"), a_person("other@example.com")
    for days, user in enumerate([customer, customer, other, None, customer]):
        order = place(user, {"Bowl": 1, "Lead": 2})
        order.date_placed = timezone.now() - timedelta(days=100 * days)
        order.save()
        if days % 2:
            finish(order)
    a_basket(customer, {"Bowl": 2, "Basket": 1})
    return {"orders": get_model("order", "Order").objects.count()}
