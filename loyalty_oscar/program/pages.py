"""Pieces of pages that features put into the `panels` registry, rendered where a page asks for them."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from .registries import panels

logger = logging.getLogger("loyalty_oscar")


def rendered(*, page: str, subject: Any, request: HttpRequest) -> list[str]:
    """Return the panels of a page for a subject, in order of their names; one that fails is logged and left out."""
    found = []
    for name, panel in panels.items():
        if name.startswith(f"{page}:"):
            try:
                answer = panel(subject=subject, request=request)
                if answer:
                    found.append(render_to_string(answer[0], dict(answer[1]), request=request))
            except Exception:
                logger.exception("the panel %s could not be shown", name)
    return found
