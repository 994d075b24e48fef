"""
The ways in which features meet without knowing each other. Filled in `ready()` of their apps.

A feature registers here and imports no neighbour; the rooms above read what is registered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.kernel.registry import Registry


class FactProvider(Protocol):
    """Answers one fact about members, in bulk, at a moment."""

    def __call__(self, *, members: Sequence[int], at: datetime) -> Mapping[int, Any]:
        """Return the fact by member; who it says nothing of is not in it."""
        ...


class KnowsThen(Protocol):
    """
    Of a fact that can be said of many moments at once, for whoever looks at many orders. Without it each moment is
    asked for alone.
    """

    def then(self, *, asked: Collection[tuple[int, datetime]]) -> Mapping[tuple[int, datetime], Any]:
        """Return by pairs of a member and a moment what was true then."""
        ...


class Grant(Protocol):
    """
    Gives a member what was promised, once per key, and takes it back. `operations.give` and `take_back` ask it.

    What waits (`waits`) is on the way until `ready_at` (None = not known yet), which a later call with the same key may
    tell, move or take back until it has come. With `anew` what is given again waits again, though it had been ready.
    """

    def grant(
        self,
        *,
        member_id: int,
        promise: Promise,
        key: str,
        because: Because,
        at: datetime,
        ready_at: datetime | None,
        waits: bool = False,
        anew: bool = False,
    ) -> Outcome:
        """Give it once: what was taken back under this key is given back, and a repeat gives what was given first."""
        ...

    def revoke(
        self,
        *,
        member_id: int,
        key: str,
        because: Because,
        at: datetime,
        since: datetime | None = None,
        keep_slots: Collection[str] = (),
    ) -> Outcome:
        """Take it back; what was given (or given again) before `since`, or lies on one of these baskets, is kept."""
        ...


facts: Registry[FactProvider] = Registry("fact", FactProvider, also=[KnowsThen])


def facts_then(*, name: str, asked: Collection[tuple[int, datetime]]) -> Mapping[tuple[int, datetime], Any]:
    """Return what a fact said of members, each at a moment of its own; who it says nothing of is not in it."""
    provider = facts.get(name)
    if hasattr(provider, "then"):
        return provider.then(asked=asked)
    members_at: dict[datetime, list[int]] = {}
    for member_id, at in asked:
        members_at.setdefault(at, []).append(member_id)
    return {
        (member_id, at): told
        for at, members in members_at.items()
        for member_id, told in provider(members=members, at=at).items()
    }


grants: Registry[Grant] = Registry("grant", Grant)
