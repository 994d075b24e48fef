"""
What the session of a visitor who uses points remembers: what the last page said of them.

So the next page can tell what changed meanwhile, and a payment never takes more than was shown. Nobody else's
session is written.
"""

from __future__ import annotations

from typing import Any

KEY = "loyalty_points"


def recall(*, request: Any, basket: Any) -> dict[str, Any]:
    """
    Return what was said of this basket, or nothing.

    `asked` points and `minor` off; `was` off before, where that has still to be told; a number that was not
    possible as it was `typed`, with its `error`.
    """
    found = request.session.get(KEY) or {}
    return found if found.get("basket") == basket.pk else {}


def remember(*, request: Any, basket: Any, **said: Any) -> None:
    """Remember what is said of this basket now; the session is written only where that is something new."""
    said = {"basket": basket.pk, **said}
    if request.session.get(KEY) != said:
        request.session[KEY] = said


def forget(*, request: Any) -> None:
    """Forget what was said of another basket."""
    request.session.pop(KEY, None)
