"""
The ways in which features meet without knowing each other. Filled in `ready()` of their apps.

A feature registers here and imports no neighbour; the rooms above read what is registered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.promise import GivenGift, Outcome, Promise, UsedGift
from loyalty_oscar.kernel.registry import Registry

from .models import Unit


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


class OrderFact(Protocol):
    """
    Answers one fact about orders, such as the channel that they came through, for conditions to read.

    Each order is asked about once, when it is decided what it brings; the answer is kept with it.
    """

    def of_orders(self, *, order_ids: Collection[int]) -> Mapping[int, Any]:
        """Return the fact by order, as JSON; what it says nothing of is left out."""
        ...

    def of_visit(self, *, request: Any) -> Any:
        """Return what it would be of an order placed by this visitor now, for what is promised; None where unknown."""
        ...


class Grant(Protocol):
    """
    Gives a member what was promised, once per key, and takes it back. `operations.give` and `take_back` ask it.

    What waits (`waits`) is on the way until `ready_at` (None = not known yet), which a later call with the same key may
    tell, move or take back until it has come. With `anew` what is given again waits again, though it had been ready.
    What it is for `happened_at` some moment (None = nobody knows): what was taken back before gets dates of its own.
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
        happened_at: datetime | None = None,
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

    def knows(self, *, member_id: int, key: str) -> bool:
        """Return whether it ever gave this member something under a key, also where that was taken back."""
        ...

    def gifts(
        self,
        *,
        keys: Collection[str],
        member_ids: Collection[int] | None = None,
        since: datetime | None = None,
        waiting: bool = False,
    ) -> Sequence[GivenGift]:
        """
        Return what is given under these keys, and not taken back: to these members (None: to anybody), since a moment,
        or only what is on the way still. One query.
        """
        ...

    def used(self, *, start: str, members: QuerySet[Any]) -> Sequence[UsedGift]:
        """
        Return what is used by now of what these members (a query of their ids) have under keys that begin so: points
        together for each member, and each reward. What came back is not used. One query.
        """
        ...


facts: Registry[FactProvider] = Registry("fact", FactProvider, also=[KnowsThen])


def fact_of(*, name: str, member_id: int, at: datetime) -> Any:
    """Return what a fact says of one member, or None where nobody says it."""
    return facts.get(name)(members=[member_id], at=at).get(member_id) if name in facts else None


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


order_facts: Registry[OrderFact] = Registry("order fact", OrderFact)

grants: Registry[Grant] = Registry("grant", Grant)


def promise_of(*, row: Any, prefix: str = "") -> Promise:
    """
    Return what a row promises in the columns that begin with a prefix (`giver_`): points, or a reward where it has one.

    A reward that nothing gives, because its app is not installed, is promised nowhere.
    """
    promise = Promise(points=getattr(row, f"{prefix}points"), reward_id=getattr(row, f"{prefix}reward_id"))
    return promise if promise.grant in grants else Promise()


class OrderMetric(Protocol):
    """
    Something that orders count for whoever adds it up: levels climb by it, goals are reached by it.

    `label` says what counts, within a sentence ("the number of orders"); with `is_money` the numbers are amounts in
    minor units of the program's currency, typed and read as money.
    """

    label: Any
    is_money: bool

    def values(
        self, *, orders: Sequence[OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
        """
        Return what each order counts, a whole number that is not negative, by its id; `members` by their user.

        `params` are those of who asks: `sets`, the codes of the product sets that count, for a metric that `InSets`.
        """
        ...


class CountsInWords(Protocol):
    """Of a metric whose numbers have a word: "3 orders" in place of "3"."""

    def in_words(self, *, value: int, unit: Unit | None) -> str:
        """Return the number with its word; `unit` is the program's kind of points, where it has one."""
        ...


class InSets(Protocol):
    """
    Of a metric that counts in product sets: it asks for at least so many (0: without any it counts whatever is bought).

    With `are_marks` its numbers are marks, a bit for each set that was met, which counts once however often it is.
    Levels climb by no metric that asks for sets.
    """

    least_sets: int
    are_marks: bool


metrics: Registry[OrderMetric] = Registry("order metric", OrderMetric, also=[CountsInWords])


def values_of(
    *, metric: str, orders: Sequence[OrderFacts], owners: Mapping[int, int], params: Mapping[str, Any]
) -> dict[int, int]:
    """
    Return what each order counts by a metric, by its id. `owners` are the members for whom they count, by order: those
    of one person may count for two, where members were merged for a while.
    """
    found: dict[int, int] = {}
    left = list(orders)
    while left:
        members = {order.user_id: owners[order.order_id] for order in left}
        now = [order for order in left if owners[order.order_id] == members[order.user_id]]
        found |= metrics.get(metric).values(orders=now, members=members, params=params)
        left = [order for order in left if owners[order.order_id] != members[order.user_id]]
    return found


class RowsOfProgram(Protocol):
    """Rows of a feature that most programs have none of: whether one has any is known as programs are read."""

    def __call__(self) -> QuerySet[Any]:
        """Return those of one program, which is `OuterRef("program")`."""
        ...


known_rows: Registry[RowsOfProgram] = Registry("rows of programs", RowsOfProgram)


class RewardKind(Protocol):
    """
    A kind of thing that members can have as a reward. `label` is what it is called ("A service").

    `is_given_by_staff`: it is asked for, and staff do their part. `is_for_baskets`: it is put on a basket, and an offer
    of the shop lowers what that costs. Else whoever has it uses it alone.
    """

    label: Any
    is_given_by_staff: bool
    is_for_baskets: bool

    def fields(self) -> Mapping[str, Any]:
        """Return the form fields of its parameters, by the name of each."""
        ...

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what is wrong with its parameters together, by the field that is to be changed."""
        ...

    def says(self, *, params: Mapping[str, Any], currency: str) -> str:
        """
        Return its parameters as a sentence for staff, or nothing; amounts are minor units of that currency. Of a kind
        for baskets members read it, too, before they claim one.
        """
        ...


class TakesOff(Protocol):
    """Of a kind of rewards that makes a basket cheaper, so that a price far below that is asked about."""

    def takes_off(self, *, params: Mapping[str, Any], currency: str) -> int | None:
        """Return what one takes off at most, in minor units of that currency; None where there is no limit."""
        ...


reward_kinds: Registry[RewardKind] = Registry("kind of reward", RewardKind, also=[TakesOff])


class Trait(Protocol):
    """
    Something that is true of some members: what segments ask. `label` is what it is called ("Number of orders").

    With `is_personal` it is read from what members answered, so it is asked only of those who allow personal content.
    """

    label: Any
    is_personal: bool

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        """Return the form fields of its parameters, by the name of each; what they clean to is kept as JSON."""
        ...

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        """Return what it asks as a part of a sentence: "at least 3 orders in the last 365 days"."""
        ...

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        """
        Return the ids in (after, last] of the members of whom it is true at a moment. At most three queries, however
        many members: the night asks for slices, and after an answer one member is asked for.
        """
        ...


class NamesSets(Protocol):
    """Of a trait that names product sets in its parameters, so that they are not deleted."""

    def set_codes(self, *, params: Mapping[str, Any]) -> Collection[str]:
        """Return their codes."""
        ...


class LooksAtAll(Protocol):
    """Of a trait whose parameters can be wrong together, though each alone makes sense."""

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what is wrong with its parameters, by the field that is to be changed."""
        ...


traits: Registry[Trait] = Registry("trait", Trait, also=[NamesSets, LooksAtAll])
