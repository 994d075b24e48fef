"""Who did something, as text: `system` or `staff:<key of the user>`. Never a foreign key, so that people can go."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
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
    return names([actor])[actor]


def names(actors: Iterable[str]) -> dict[str, str]:
    """Return how each of these actors is called. One query for all of staff."""
    told = set(actors)
    keys = {actor: _key_of(actor) for actor in told if actor.startswith(STAFF)}
    users = get_user_model()._default_manager.in_bulk({key for key in keys.values() if key is not None})
    found = {actor: pgettext("loyalty", "the shop itself") if actor == "system" else actor for actor in told}
    gone = pgettext("loyalty", "somebody who has left")
    return found | {actor: called(user=users[key]) if key in users else gone for actor, key in keys.items()}


def _key_of(actor: str) -> Any:
    """Return the key of the user that an actor names, or None where it is none."""
    try:
        return get_user_model()._meta.pk.to_python(actor.removeprefix(STAFF))
    except (ValidationError, ValueError):
        return None
