"""Who did something, as text: `system` or `staff:<key of the user>`. Never a foreign key, so that people can go."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils.translation import pgettext

from .naming import called

STAFF = "staff:"


def staff(user: Any) -> str:
    """Return the actor of a member of staff; a UUID key is written without hyphens, so that it fits."""
    return STAFF + (user.pk.hex if isinstance(user.pk, uuid.UUID) else str(user.pk))


def name(actor: str) -> str:
    """Return how an actor is called on a page."""
    if actor == "system":
        return pgettext("loyalty", "the shop itself")
    if not actor.startswith(STAFF):
        return actor
    try:
        user = get_user_model()._default_manager.filter(pk=actor.removeprefix(STAFF)).first()
    except (ValidationError, ValueError):
        user = None
    return called(user=user) if user else pgettext("loyalty", "somebody who has left")
