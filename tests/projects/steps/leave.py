"""The newcomer deletes the profile, on Oscar's own page."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse
from oscar.core.loading import get_model

from tests.projects.shopping import client_of, person
from tests.projects.steps.checkout import EMAIL, PASSWORD, send
from tests.projects.steps.pages import shown


def run() -> dict:
    client = client_of(EMAIL)
    order = get_model("order", "Order").objects.get(user=person(EMAIL))
    page = client.get(reverse("customer:profile-delete"))
    send(client, reverse("customer:profile-delete"), {"password": PASSWORD}, then=str(settings.OSCAR_HOMEPAGE))
    return {
        "tells": shown(page.content.decode(), "goes"),
        "is_gone": not get_user_model().objects.filter(email=EMAIL).exists(),
        "order_is_kept": type(order).objects.filter(pk=order.pk, user=None).exists(),
    }
