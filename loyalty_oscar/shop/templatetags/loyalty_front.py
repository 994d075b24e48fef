"""`{% load loyalty_front %}`: the front page of loyalty, for the page of our apps in Django's admin."""

from __future__ import annotations

from typing import Any

from django import template

from loyalty_oscar.program import clock

from ..front.page import front_of

register = template.Library()


@register.inclusion_tag("loyalty/front/front.html", takes_context=True)
def loyalty_front(context: template.Context) -> dict[str, Any]:
    """Show what the person who asks may see of it."""
    return {"front": front_of(request=context["request"], at=clock.now())}
