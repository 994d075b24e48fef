"""What staff call people: by name and e-mail, since a user name may be random (Oscar's registration makes one up)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import pgettext

NAMES = ("first_name", "last_name")


def called(*, user: Any) -> str:
    """Return a person's name and e-mail address, or whichever is there, or else the user name."""
    name = str(user.get_full_name() if hasattr(user, "get_full_name") else "").strip()
    email = str(getattr(user, type(user).get_email_field_name(), "") or "")
    if name and email:
        return pgettext("loyalty", "%(name)s (%(email)s)") % {"name": name, "email": email}
    return name or email or str(user.get_username())


def columns() -> tuple[str, ...]:
    """Return the columns of the store's users that people are found by: names, where it keeps them, and the e-mail."""
    users = get_user_model()
    known = {field.name for field in users._meta.get_fields()}
    return tuple(name for name in (*NAMES, users.get_email_field_name()) if name in known)
