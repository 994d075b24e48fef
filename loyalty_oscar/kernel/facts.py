"""What the rules get to see: plain, frozen, gathered in bulk at a moment. Money is minor units, instants are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .rounding import taken_back


@dataclass(frozen=True, kw_only=True, slots=True)
class LineFacts:
    """
    One line of a basket, or one part of an order as it was written down when it was first seen.

    `paid_minor` is what is paid for the whole line after all discounts, as the shop shows prices;
    `paid_excl_minor` the same without tax. `gone` counts units that were returned, refunded, cancelled or taken off
    the order; `sets` are the codes of the product sets it is in. Of an order: `rows` are the order lines on which its
    pieces stand now, with how many; `exchanged` of those that are gone stand pieces of another product in their place;
    `withdrawn_minor` is discount that its pieces, or those in exchange, had and no longer have.
    """

    line_id: int
    quantity: int
    paid_minor: int
    paid_excl_minor: int = 0
    product_id: int | None = None
    title: str = ""
    gone: int = 0
    sets: frozenset[str] = frozenset()
    rows: tuple[tuple[int, int], ...] = ()
    exchanged: int = 0
    withdrawn_minor: int = 0

    @property
    def pieces_left(self) -> int:
        """How many of its pieces are not gone."""
        return max(0, self.quantity - self.gone)

    def left_of(self, *, amount: int) -> int:
        """Return how much of an amount (minor units) that is for the whole line is for the pieces that are left."""
        return amount - taken_back(points=amount, gone=self.gone, quantity=self.quantity)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineState:
    """
    A line of an order as it stands now. Money (minor units) is for the whole line: `list_minor` before all discounts,
    `paid_minor` after them, both as the shop shows prices; `gone` counts pieces that came back.
    """

    line_id: int
    product_id: int | None
    quantity: int
    paid_minor: int
    paid_excl_minor: int = 0
    list_minor: int = 0
    gone: int = 0
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Purchase:
    """
    What a rule decides about: lines in one currency at a moment.

    `is_first` says that this person bought nothing before; `known_sets` are the product sets that are
    tied to products at all; `facts` is what other features offer about the member. `delivery` is what is paid for
    delivery, apart from all goods, for who asks for it: a line whose pieces are the minor units of its price.
    """

    currency: str
    placed_at: datetime
    lines: tuple[LineFacts, ...]
    is_first: bool = False
    known_sets: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)
    delivery: LineFacts | None = None

    def gone(self) -> dict[int, int]:
        """Return how much of each line is gone, delivery among them; all of that goes with the last piece."""
        found = {line.line_id: line.gone for line in self.lines}
        if self.delivery:
            is_left = any(line.gone < line.quantity for line in self.lines)
            found[self.delivery.line_id] = self.delivery.gone if is_left else self.delivery.quantity
        return found


#: The number of what is paid for delivery among the lines of an order; none of Oscar's has it.
DELIVERY = 0


def delivery_of(*, paid_minor: int, paid_excl_minor: int, back_minor: int = 0) -> LineFacts | None:
    """Return what is paid for delivery as a line, of which so many minor units were paid back; None for nothing."""
    if paid_minor <= 0:
        return None
    return LineFacts(
        line_id=DELIVERY,
        quantity=paid_minor,
        paid_minor=paid_minor,
        paid_excl_minor=paid_excl_minor,
        gone=min(back_minor, paid_minor),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderFacts:
    """
    An order as the house sees it, whatever the shop calls its statuses.

    `dead` means cancelled, failed, or deleted before its return period was over (`is_deleted`); `final_at` is when the
    order reached the state after which the return period runs (None = not yet); `counts` says whether it has got so far
    that levels count it. `user_id` is None for a guest, and whoever placed the order though it was given to somebody
    else since. `buyer` is who bought it, whatever the account: `u:` and the user's key, or a keyed hash of a guest's
    mailbox; "" where nobody can say, or that person has left. `is_new` says that no effect has seen the order yet, so
    that none need look for what it did before.

    What was true when it was placed: `unit_id` is the unit of the program that served its site, `terms` are how that
    program counted (`rounding`, `stage`, `base`, `excluded`, `zone`, `hold_days`, `expiry`), `then` is what features
    wrote down of that moment, `parts` what was written down of its lines (`kernel.left.LineSnapshot`). `rows` are its
    lines as they stand now, for who wrote parts of its own down earlier. `placed` is all that is written down,
    `fingerprint` 32 characters that change whenever something of the order does: both are for its mark.
    """

    order_id: int
    number: str
    site_id: int | None
    user_id: Any
    status: str
    dead: bool
    final_at: datetime | None
    purchase: Purchase
    buyer: str = ""
    is_new: bool = False
    counts: bool = True
    unit_id: int | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)
    then: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Any, ...] = ()
    rows: tuple[LineState, ...] = ()
    is_deleted: bool = False
    placed: Any = None
    fingerprint: str = ""

    @property
    def has_gone(self) -> bool:
        """Whether nothing or not all is left of it."""
        return self.dead or any(self.purchase.gone().values())

    @property
    def placed_at(self) -> datetime:
        """When the customer placed it (UTC)."""
        return self.purchase.placed_at

    def purchase_of(self, *, lines: tuple[LineFacts, ...]) -> Purchase:
        """Return the purchase as if it had only these lines."""
        return replace(self.purchase, lines=lines)
