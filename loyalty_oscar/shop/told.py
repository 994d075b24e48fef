"""What a store, or our own pages, tell of what people did. Features that give points for it listen, where installed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.program import clock

logger = logging.getLogger("loyalty_oscar")
#: "act", "undo" and "address" -> function that answers how many points that was; "brought" -> 1 or 0.
listeners: Registry[Callable[..., int]] = Registry("listener")


def act(
    *, user: Any, occasion: str, detail: str = "", about: Mapping[str, Any] | None = None, site_id: int | None = None
) -> int:
    """
    Tell that somebody did what an occasion stands for: `extend.act(user=user, occasion="newsletter")`.

    Points are given once for each `detail` ("42"), by the campaign that a merchant has set up; `about` goes to the
    words of the why. Returns the points given now, 0 where nothing new is due. Raises `UnknownCode` for an occasion
    that nobody registered.
    """
    told = {"user": user, "occasion": occasion, "detail": detail, "about": about or {}, "site_id": site_id}
    return listeners.get("act")(**told, at=clock.now()) if "act" in listeners else 0


def undo_act(*, user: Any, occasion: str, detail: str = "") -> int:
    """Tell that it is withdrawn; returns the points taken back now. Called again it takes nothing."""
    told = {"user": user, "occasion": occasion, "detail": detail}
    return listeners.get("undo")(**told, at=clock.now()) if "undo" in listeners else 0


def brought(*, user: Any, code: str, site_id: int | None = None) -> bool:
    """
    Tell that somebody came by a friend's code (in a store with a registration of its own, or an app).

    Returns whether that tied them: not for a code that nobody has, and once a person only.
    """
    told = {"user": user, "code": code, "site_id": site_id}
    return bool(listeners.get("brought")(**told, at=clock.now())) if "brought" in listeners else False


def address_confirmed(*, user: Any, email: str, request: Any = None) -> int:
    """
    Tell that somebody has proved that an e-mail address is theirs (in a store with a confirmation of its own).

    Brings the points for registering, once a person and once a mailbox; returns how many. A fault of ours is logged
    and never reaches the page.
    """
    try:
        told = {"user": user, "email": email, "request": request}
        return listeners.get("address")(**told, at=clock.now()) if "address" in listeners else 0
    except Exception:
        logger.exception("a confirmed address brought no points")
        return 0
