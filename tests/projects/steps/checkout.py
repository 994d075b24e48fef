"""A newcomer registers, fills a basket and walks through Oscar's checkout, page by page."""

from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from tests.projects.shopping import person, product
from tests.projects.steps.pages import shown

EMAIL, PASSWORD = "newcomer@example.com", "a-password-of-some-length"
ADDRESS = {
    "first_name": "New",
    "last_name": "Comer",
    "line1": "1 Long Street",
    "line4": "London",
    "postcode": "N1 9RT",
    "country": "GB",
}


def send(client: Client, address: str, data: dict, *, then: str) -> None:
    """Post a form; AssertionError with the page if it does not lead on to `then`."""
    answer = client.post(address, data)
    assert answer.status_code == 302, answer.content.decode()
    assert answer.url == then, f"{address} leads to {answer.url}, not to {then}"


def run() -> dict:
    client = Client()
    register = {f"registration-{name}": value for name, value in [("email", EMAIL), ("password1", PASSWORD)]}
    register |= {"registration-password2": PASSWORD, "registration_submit": "Register"}
    send(client, reverse("customer:login"), register, then=settings.LOGIN_REDIRECT_URL)
    for title, quantity in [("Bowl", 2), ("Lead", 1)]:
        add = reverse("basket:add", args=[product(title).pk])
        send(client, add, {"quantity": quantity}, then=reverse("basket:summary"))
    address = reverse("checkout:shipping-address")
    send(client, address, ADDRESS, then=reverse("checkout:shipping-method"))
    client.get(reverse("checkout:shipping-method"))
    preview = reverse("checkout:preview")
    assert client.get(preview).status_code == 200
    send(client, preview, {"action": "place_order"}, then=reverse("checkout:thank-you"))
    thanks = client.get(reverse("checkout:thank-you"))
    order = get_model("order", "Order").objects.get(user=person(EMAIL))
    return {
        "is_confirmed": any(f"order {order.number}" in message.subject for message in mail.outbox),
        "earn": shown(thanks.content.decode(), "earn"),
    }
