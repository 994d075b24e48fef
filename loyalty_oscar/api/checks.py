"""The system check of the API: a rate that cannot be read would answer every call with an error."""

from __future__ import annotations

from typing import Any

from django.core.checks import Error, register

from loyalty_oscar.program.checks import are_sound
from loyalty_oscar.program.conf import conf

from .views import Throttle


@register("loyalty")
def check_rate(**kwargs: Any) -> list[Error]:
    """Refuse a rate that Django REST framework does not understand."""
    if not are_sound("API_RATE"):
        return []
    try:
        Throttle()
    except (AttributeError, IndexError, KeyError, ValueError):
        hint = "Write a number, a slash and s, m, h or d, such as “120/min”; empty: no limit."
        return [Error(f"LOYALTY_API_RATE is no rate: {conf.API_RATE!r}.", hint=hint, id="loyalty_api.E001")]
    return []
