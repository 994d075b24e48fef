"""`{% load loyalty_staff %}`: the panels of features on pages of Oscar's dashboard, for who may see points."""

from __future__ import annotations

import logging
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from loyalty_oscar.program import contributions

from ..dashboard.permissions import may_look
from ..orders.sync import any_program_begun

register = template.Library()
logger = logging.getLogger("loyalty_oscar")


@register.simple_tag(takes_context=True)
def loyalty_panels(context: template.Context, place: str, subject: Any) -> SafeString:
    """
    Show what there is to show in a place of the dashboard.

    Nothing before a program is live, nor to staff without the permission.
    """
    request = context.get("request")
    try:
        if request is None or not may_look(request.user) or not any_program_begun():
            return mark_safe("")
        return mark_safe("".join(contributions.render(place, subject=subject, request=request, inside=context)))
    except Exception:
        logger.exception("a page of the dashboard goes without its panels")
        return mark_safe("")
