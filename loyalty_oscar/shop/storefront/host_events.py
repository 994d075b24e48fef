"""What a store, or our own pages, tell of what people did. Features that give points for it listen, where installed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from loyalty_oscar.program import clock
from loyalty_oscar.program.hooks import RAISE, Hook

logger = logging.getLogger("loyalty_oscar")


class HostListener(Protocol):
    """Is told what people did; has the methods for what it gives something for."""


class ToldOfActs(Protocol):
    """Of a listener that gives points for what people do."""

    def act(
        self, *, user: Any, occasion: str, detail: str, about: Mapping[str, Any], site_id: int | None, at: datetime
    ) -> int:
        """Give what it brings; returns the points given now."""
        ...

    def undo_act(self, *, user: Any, occasion: str, detail: str, at: datetime) -> int:
        """Take it back; returns the points taken now."""
        ...


class ToldOfAddresses(Protocol):
    """Of a listener that minds confirmed addresses."""

    def address_confirmed(self, *, user: Any, email: str, request: Any, at: datetime) -> int:
        """Return the points given now."""
        ...


class ToldOfComing(Protocol):
    """Of a listener that minds who brought whom."""

    def brought(self, *, user: Any, code: str, site_id: int | None, at: datetime) -> bool:
        """Return whether that tied them."""
        ...


host_listeners: Hook[HostListener] = Hook(
    "host_listeners", HostListener, also=(ToldOfActs, ToldOfAddresses, ToldOfComing), on_error=RAISE
)


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
    return sum(host_listeners.answers("act", **told, at=clock.now()))


def undo_act(*, user: Any, occasion: str, detail: str = "") -> int:
    """Tell that it is withdrawn; returns the points taken back now. Called again it takes nothing."""
    told = {"user": user, "occasion": occasion, "detail": detail}
    return sum(host_listeners.answers("undo_act", **told, at=clock.now()))


def brought(*, user: Any, code: str, site_id: int | None = None) -> bool:
    """
    Tell that somebody came by a friend's code (in a store with a registration of its own, or an app).

    Returns whether that tied them: not for a code that nobody has, and once a person only.
    """
    told = {"user": user, "code": code, "site_id": site_id}
    return any(list(host_listeners.answers("brought", **told, at=clock.now())))


def address_confirmed(*, user: Any, email: str, request: Any = None) -> int:
    """
    Tell that somebody has proved that an e-mail address is theirs (in a store with a confirmation of its own).

    Brings the points for registering, once a person and once a mailbox; returns how many. A fault of ours is logged
    and never reaches the page.
    """
    try:
        told = {"user": user, "email": email, "request": request}
        return sum(host_listeners.answers("address_confirmed", **told, at=clock.now()))
    except Exception:
        logger.exception("a confirmed address brought no points")
        return 0
