"""Pieces of pages that features put into the `panels` registry, rendered where a page asks for them."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest
from django.template import Context
from django.template.loader import render_to_string

from .registries import panels

logger = logging.getLogger("loyalty_oscar")


def rendered(*, page: str, subject: Any, request: HttpRequest, inside: Context | None = None) -> list[str]:
    """
    Return the panels of a page for a subject, in order of their names; one that fails is logged and left out.

    `inside` is the context of the page where it is being rendered: its processors have answered already.
    """
    found = []
    for name, panel in panels.items():
        if name.startswith(f"{page}:"):
            try:
                answer = panel(subject=subject, request=request)
                if answer:
                    found.append(_piece(answer[0], dict(answer[1]), request, inside))
            except Exception:
                logger.exception("the panel %s could not be shown", name)
    return found


def _piece(name: str, said: dict[str, Any], request: HttpRequest, inside: Context | None) -> str:
    if inside is None or inside.template is None:
        return render_to_string(name, said, request=request)
    known = {one: inside.get(one) for one in ("csrf_token", "user", "perms")}
    return inside.template.engine.get_template(name).render(inside.new({**known, "request": request, **said}))
