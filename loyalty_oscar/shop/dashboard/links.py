"""Addresses in Django's admin and Oscar's dashboard, which a store may not have."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse


def admin_url(name: str, *args: Any) -> str:
    """Return an address in Django's admin, or nothing where the store has none."""
    try:
        return reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""


def user_url(user: Any) -> str:
    """Return the page of a customer in Oscar's dashboard, or nothing where there is none."""
    try:
        return reverse("dashboard:user-detail", kwargs={"pk": user.pk})
    except NoReverseMatch:
        return ""


def order_url(order: Any) -> str:
    """Return the page of an order in Oscar's dashboard, or nothing where there is none."""
    try:
        return reverse("dashboard:order-detail", kwargs={"number": order.number})
    except NoReverseMatch:
        return ""
