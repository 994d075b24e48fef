"""
The ways in which features meet without knowing each other. Filled in `ready()` of their apps.

A feature registers here and imports no neighbour; the rooms above read what is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.kernel.registry import Registry


class FactProvider(Protocol):
    """
    Answers one fact about members, in bulk, at a moment.

    One that can say it of many moments at once also has `then(asked=)`: pairs of a member and a moment to what was true
    then, for whoever looks at many orders. Without it each moment is asked for alone.
    """

    def __call__(self, *, members: Sequence[int], at: datetime) -> Mapping[int, Any]: ...


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


class OrderEffect(Protocol):
    """
    What orders bring about. `apply` is told the orders as they are now, works out what they should have
    brought by now and posts the difference; so it may be called any number of times, and undoing is
    the same call with less left of the order.

    One that changes points of others than the customers also has `touches(orders=)`: their member ids, so that all
    accounts are locked in one order before anything happens. One that could not do all of its part has
    `asks_again()`: the ids of orders that it can do now, asked each night. Whatever fails in one effect takes no other
    along; one whose code has left raises `UnknownCode`.

    One that posts has `foresee(orders=, at=)`: what `apply` would post, called where the ledger writes nothing
    (`ledger.foreseen`); it writes nothing of its own and locks nothing.
    """

    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str) -> Sequence[Any]:
        """Return the entries that were posted."""
        ...

    def set_codes(self) -> Collection[str]:
        """Return the product sets that lines are to be looked up in."""
        ...


class Panel(Protocol):
    """A piece of a page: a template name and its context for one subject (member, order)."""

    def __call__(self, *, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None: ...


facts: Registry[FactProvider] = Registry("fact")


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


#: name -> what a feature has written down of the moment in which an order is first looked at (JSON); asked with the
#: `program_id` of the order, given back as `OrderFacts.then[name]`.
written_down: Registry[Callable[..., Any]] = Registry("note of the moment")
grants: Registry[Grant] = Registry("grant")
order_effects: Registry[OrderEffect] = Registry("order effect")
#: name -> panel; a name begins with its place ("member:orders"), all of which docs/reference/extend.md lists.
panels: Registry[Panel] = Registry("panel")
#: name -> callable; a name begins with its occasion ("doctor:40-rules"). docs/reference/extend.md lists them all, with
#: what each is called with and answers.
checks: Registry[Callable[..., Any]] = Registry("check")
