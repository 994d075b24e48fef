"""The entry “Loyalty” in the dashboard's navigation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import pgettext_lazy

from .permissions import may_look

URL_NAME = "loyalty:dashboard"


def is_shown(user: Any, url_name: str, *args: Any) -> bool:
    """Return whether the entry is there for somebody: with the permission, and where our addresses are included."""
    try:
        reverse(url_name)
    except NoReverseMatch:
        return False
    return may_look(user)


def add() -> None:
    """Add the entry to the store's navigation, a list made to be added to; once, however often it is called."""
    entries = getattr(settings, "OSCAR_DASHBOARD_NAVIGATION", None)
    if isinstance(entries, list) and all(entry.get("url_name") != URL_NAME for entry in entries):
        label = pgettext_lazy("loyalty", "Loyalty")
        entries.append({"label": label, "icon": "fas fa-star", "url_name": URL_NAME, "access_fn": is_shown})
