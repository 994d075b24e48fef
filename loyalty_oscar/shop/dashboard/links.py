"""Addresses in Django's admin, which a store may not have."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse


def admin_url(name: str, *args: Any) -> str:
    """Return an address in Django's admin, or nothing where the store has none."""
    try:
        return reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""
