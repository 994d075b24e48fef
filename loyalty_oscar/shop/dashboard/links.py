"""Addresses in Django's admin and Oscar's dashboard, which a store may not have."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse


def url_of(name: str, *args: Any, **kwargs: Any) -> str:
    """Return an address, or nothing where the store has none."""
    try:
        return reverse(name, args=args, kwargs=kwargs)
    except NoReverseMatch:
        return ""


def admin_url(name: str, *args: Any) -> str:
    """Return an address in Django's admin, or nothing where the store has none."""
    return url_of(f"admin:{name}", *args)


def user_url(user: Any) -> str:
    """Return the page of a customer in Oscar's dashboard, or nothing where there is none."""
    return url_of("dashboard:user-detail", pk=user.pk)


def order_url(order: Any) -> str:
    """Return the page of an order in Oscar's dashboard, or nothing where there is none."""
    return url_of("dashboard:order-detail", number=order.number)
