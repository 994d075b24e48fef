"""
The hooks that floor 1 knows the words for. A hook whose words belong to a room above stands in that room.

A feature registers in `ready()` of its app and imports no neighbor; a store in its `loyalty_rules.py`. All hooks of
all rooms are in docs/reference/extend.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol

from django.urls import URLPattern

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.hooks import RAISE, REPORT, SKIP, Failed, Hook, OnError

from .models import Member, ProductSet, Program, Reward, Segment, Unit

__all__ = ["RAISE", "REPORT", "SKIP", "Failed", "Hook", "OnError"]


class ProgramWarning(Protocol):
    """Says on the program's page in the admin, and before it goes live, what is wrong with it."""

    def __call__(self, *, program: Program, at: datetime) -> Iterable[str]:
        """Return a sentence for each thing that is wrong."""
        ...


program_warnings: Hook[ProgramWarning] = Hook("program_warnings", ProgramWarning, on_error=RAISE)


class ProgramPages(Protocol):
    """Adds pages of its own beside the list of programs in the admin."""

    def __call__(self, *, admin_site: Any) -> Iterable[URLPattern]:
        """Return their addresses, each view wrapped by `admin_site.admin_view`."""
        ...


program_pages: Hook[ProgramPages] = Hook("program_pages", ProgramPages, on_error=RAISE)


class ProductPicker(Protocol):
    """Lets staff pick products where a rule is set up, and makes the product set that holds what they picked."""

    def fields(self) -> Mapping[str, Any]:
        """Return the form fields to pick with, by a name for each kind of thing; what they clean to are its rows."""
        ...

    def code(self, *, picked: Mapping[str, Iterable[Any]]) -> str:
        """Return the code of the product set for what was picked in each field; "" for nothing."""
        ...

    def name(self, *, picked: Mapping[str, Iterable[Any]]) -> str:
        """Return what that set is called: what was picked, in words."""
        ...

    def make(self, *, picked: Mapping[str, Iterable[Any]]) -> None:
        """Make the product set of `code`, unless it is there."""
        ...

    def picked(self, *, code: str) -> Mapping[str, Sequence[Any]] | None:
        """Return the keys of what stands in a product set that was picked, by field; None for any other set."""
        ...

    def products(self, *, code: str) -> Collection[int]:
        """Return the ids of the products in any product set; none where nobody said which."""
        ...


product_pickers: Hook[ProductPicker] = Hook("product_pickers", ProductPicker, on_error=RAISE)


class ProductNames(Protocol):
    """Says what products are called, to whom knows no more than their ids."""

    def __call__(self, *, product_ids: Collection[int]) -> Mapping[int, str]:
        """Return the names by id; a product that is gone is not in it."""
        ...


product_names: Hook[ProductNames] = Hook("product_names", ProductNames, on_error=SKIP)


class ShopCurrencies(Protocol):
    """Says in which currencies the shop has prices."""

    def __call__(self) -> Iterable[str]:
        """Return their codes."""
        ...


shop_currencies: Hook[ShopCurrencies] = Hook("shop_currencies", ShopCurrencies, on_error=RAISE)


class ShopCountries(Protocol):
    """Says which countries the shop knows."""

    def __call__(self) -> Iterable[tuple[str, str]]:
        """Return the code of each (ISO 3166, two letters) and its name."""
        ...


shop_countries: Hook[ShopCountries] = Hook("shop_countries", ShopCountries, on_error=RAISE)


class StateChangeNote(Protocol):
    """Says on the page that changes a program's state what the step means."""

    def __call__(self, *, program: Program, to: str, at: datetime) -> Iterable[str]:
        """Return a sentence for each thing that the new state `to` brings."""
        ...


state_change_notes: Hook[StateChangeNote] = Hook("state_change_notes", StateChangeNote, on_error=RAISE)


class EarnRate(Protocol):
    """Says how much every purchase earns, whatever is bought and by whom."""

    def __call__(self, *, unit: Unit, at: datetime) -> Fraction | None:
        """Return points for each minor unit of the program's currency that is paid; None where nothing counts."""
        ...


earn_rates: Hook[EarnRate] = Hook("earn_rates", EarnRate, on_error=SKIP)


class SetUse(Protocol):
    """Says what a product set is named by."""

    def __call__(self, *, product_set: ProductSet) -> Iterable[str]:
        """Return the name of each thing that would miss it."""
        ...


set_uses: Hook[SetUse] = Hook("set_uses", SetUse, on_error=RAISE)


class RewardUse(Protocol):
    """Says by what a reward is promised."""

    def __call__(self, *, reward: Reward) -> Iterable[str]:
        """Return the name of each thing that gives it."""
        ...


reward_uses: Hook[RewardUse] = Hook("reward_uses", RewardUse, on_error=RAISE)


class SegmentUse(Protocol):
    """Says what names a group of members without a reference of the database, so that it is not deleted."""

    def __call__(self, *, segment: Segment) -> Iterable[str]:
        """Return a sentence for each thing that names it."""
        ...


segment_uses: Hook[SegmentUse] = Hook("segment_uses", SegmentUse, on_error=RAISE)


class LevelList(Protocol):
    """Says what levels a program has."""

    def __call__(self, *, program_id: int) -> Iterable[tuple[int, str]]:
        """Return rank and name of each level, lowest first."""
        ...


level_lists: Hook[LevelList] = Hook("level_lists", LevelList, on_error=RAISE)


class LevelCount(Protocol):
    """Says how many members stand on each level of a program."""

    def __call__(self, *, program_id: int) -> Mapping[int, int]:
        """Return it by rank; at most two queries."""
        ...


level_counts: Hook[LevelCount] = Hook("level_counts", LevelCount, on_error=RAISE)


class OrderFinder(Protocol):
    """Finds orders for searches of staff."""

    def __call__(self, *, number: str) -> Iterable[int]:
        """Return the ids of the orders with this number."""
        ...


order_finders: Hook[OrderFinder] = Hook("order_finders", OrderFinder, on_error=RAISE)


class MemberFinder(Protocol):
    """Finds members for searches of staff, by what a feature knows them by."""

    def __call__(self, *, text: str) -> Iterable[int]:
        """Return the ids of the members whom exactly this text (an order number, a code) leads to."""
        ...


member_finders: Hook[MemberFinder] = Hook("member_finders", MemberFinder, on_error=RAISE)


class DataExport(Protocol):
    """Adds a part, under the name it is registered by, to what a person takes along."""

    def __call__(self, *, member: Member) -> Any:
        """Return plain values for JSON."""
        ...


data_exports: Hook[DataExport] = Hook("data_exports", DataExport, on_error=RAISE)


class Erasure(Protocol):
    """Forgets a person, in the transaction that does."""

    def __call__(self, *, member: Member, at: datetime) -> None:
        """Forget what is kept of them; called again it changes nothing."""
        ...


#: An error undoes the whole, and the nightly job tries again: half a person forgotten is none.
erasures: Hook[Erasure] = Hook("erasures", Erasure, on_error=RAISE)


class MergePart(Protocol):
    """Moves what a feature keeps of one member to another, in the transaction that merges them."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterable[str]:
        """Return a sentence for each thing that moves, or stays though somebody may expect it to move."""
        ...

    def move(self, *, member: Member, into: Member, at: datetime) -> Any:
        """Move it; return what undoing needs to know (JSON). The points are there already, and both accounts locked."""
        ...

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move back what `move` told. Parts are asked in the same order as when they moved."""
        ...


merge_parts: Hook[MergePart] = Hook("merge_parts", MergePart, on_error=RAISE)


class MomentNote(Protocol):
    """Says what is written down of the moment in which an order is first looked at."""

    def __call__(self, *, program_id: int) -> Any:
        """Return it as JSON; `OrderFacts.then` holds it by the name of the note. What is false is not kept."""
        ...


moment_notes: Hook[MomentNote] = Hook("moment_notes", MomentNote, on_error=RAISE)


class OrderEffect(Protocol):
    """
    What orders bring about. `apply` is told the orders as they are now, works out what they should have
    brought by now and posts the difference; so it may be called any number of times, and undoing is
    the same call with less left of the order.
    """

    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str) -> Sequence[Any]:
        """Return the entries that were posted."""
        ...

    def set_codes(self) -> Collection[str]:
        """Return the product sets that lines are to be looked up in."""
        ...


class TouchesOthers(Protocol):
    """Of an order effect that changes points of others than the customers, so that all accounts are locked in order."""

    def touches(self, *, orders: Sequence[OrderFacts]) -> Iterable[int]:
        """Return their member ids."""
        ...


class AsksAgain(Protocol):
    """Of an order effect that could not do all of its part, asked each night."""

    def asks_again(self) -> Iterable[int]:
        """Return the ids of orders that it can do now."""
        ...


class Foresees(Protocol):
    """Of an order effect: what it would post and change, called where the ledger writes nothing."""

    def foresee(self, *, orders: Sequence[OrderFacts], at: datetime) -> Sequence[str] | None:
        """
        Post to a ledger that only notes it (`ledger.foreseen`); write nothing else and lock nothing. Return a sentence
        for each thing beside points that would change, such as a level that falls.
        """
        ...


#: What fails in `apply` takes no other along: it is named on the order's mark, and the sweep tries it again alone.
#: One whose code has left raises `UnknownCode`.
order_effects: Hook[OrderEffect] = Hook(
    "order_effects", OrderEffect, also=(TouchesOthers, AsksAgain, Foresees), on_error=RAISE
)
