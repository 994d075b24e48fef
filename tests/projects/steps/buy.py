"""A call centre places an order at each site of the shop; both are finished, and of one a unit comes back."""

from django.contrib.sites.models import Site

from tests.projects.shopping import finish, give_back, person, place
from tests.projects.steps.books import points_of


def run() -> dict:
    customer, other = person("customer@example.com"), person("other@example.com")
    order = place(customer, {"Lead": 3, "Bowl": 1})
    elsewhere = place(other, {"Bowl": 2}, site=Site.objects.get(domain="second.example.com"))
    earned = {"customer": points_of(customer), "other": points_of(other)}
    for one in (order, elsewhere):
        finish(one)
    give_back(order, 1)
    return {"earned": earned, "left": points_of(customer)}
