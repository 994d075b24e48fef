"""Walk through the shop as a passer-by, as a customer and as staff, and note what each page is and costs."""

import re

from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model

from tests.projects.shopping import client_of, person, product


def lines(body: str) -> list[str]:
    """The lines of a page without what differs from visit to visit: white space, the minute, the token of the form."""
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"|<meta name="created" [^>]*>', "", body)
    return [" ".join(line.split()) for line in body.splitlines() if line.strip()]


def shown(body: str, number: str) -> list[int]:
    """The numbers of ours that a page carries, such as all that are `available`."""
    return [int(value) for value in re.findall(rf'data-loyalty="{number}" data-value="(-?\d+)"', body)]


def visit(client: Client, address: str) -> dict:
    """One page, the second time that it is asked for: the first one fills the caches that every shop has."""
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    return {
        "status": answer.status_code,
        "queries": len(queries),
        "vary": answer.get("Vary", ""),
        "cookies": sorted(answer.cookies),
        "lines": lines(answer.content.decode()),
    }


def run() -> dict:
    bowl = product("Bowl")
    order = get_model("order", "Order").objects.filter(user=person("customer@example.com")).earliest("pk")
    goods = [
        reverse("catalogue:index"),
        get_model("catalogue", "Category").objects.get().get_absolute_url(),
        bowl.get_absolute_url(),
        reverse("search:search") + "?q=bowl",
        reverse("offer:list"),
        reverse("basket:summary"),
    ]
    account = [
        reverse("customer:summary"),
        reverse("customer:profile-view"),
        reverse("customer:profile-delete"),
        reverse("customer:order-list"),
        reverse("customer:order", args=[order.number]),
        reverse("customer:notifications-inbox"),
    ]
    office = [
        reverse("dashboard:index"),
        reverse("dashboard:order-list"),
        reverse("dashboard:order-detail", args=[order.number]),
        reverse("dashboard:users-index"),
        reverse("dashboard:user-detail", args=[order.user_id]),
        reverse("dashboard:offer-list"),
        reverse("admin:index"),
    ]
    walks = {
        "anonymous": (Client(), [*goods, reverse("customer:login"), reverse("checkout:index")]),
        "customer": (client_of("customer@example.com"), [*goods, *account, reverse("checkout:shipping-address")]),
        "staff": (client_of("staff@example.com"), office),
    }
    found = {who: {page: visit(client, page) for page in pages} for who, (client, pages) in walks.items()}
    return found | {"mails": len(getattr(mail, "outbox", []))}
