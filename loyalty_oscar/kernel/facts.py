"""What the rules get to see: plain, frozen, gathered in bulk at a moment. Money is minor units, instants are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class LineFacts:
    """
    One line of an order or basket.

    `paid_minor` is what is paid for the whole line after all discounts, as the shop shows prices;
    `paid_excl_minor` the same without tax. `gone` counts units that were returned, refunded or
    cancelled; `sets` are the codes of the product sets it is in.
    """

    line_id: int
    quantity: int
    paid_minor: int
    paid_excl_minor: int = 0
    product_id: int | None = None
    title: str = ""
    gone: int = 0
    sets: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Purchase:
    """
    What a rule decides about: lines in one currency at a moment.

    `is_first` says that this person bought nothing before; `known_sets` are the product sets that are
    tied to products at all; `facts` is what other features offer about the member.
    """

    currency: str
    placed_at: datetime
    lines: tuple[LineFacts, ...]
    is_first: bool = False
    known_sets: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderFacts:
    """
    An order as the house sees it, whatever the shop calls its statuses.

    `dead` means cancelled or failed; `final_at` is when the order reached the state after which
    the return period runs (None = not yet); `counts` says whether it has got so far that levels count it.
    `user_id` is None for a guest. `is_new` says that no effect has seen the order yet, so that none need look
    for what it did before. `paying` are the slots (`basket:42`) for which the customer is paying at this moment,
    told where some of the order is gone: points set aside for them are left alone.
    """

    order_id: int
    number: str
    site_id: int | None
    user_id: Any
    status: str
    dead: bool
    final_at: datetime | None
    purchase: Purchase
    is_new: bool = False
    paying: frozenset[str] = frozenset()
    counts: bool = True

    @property
    def has_gone(self) -> bool:
        """Whether nothing or not all is left of it."""
        return self.dead or any(line.gone for line in self.purchase.lines)

    @property
    def placed_at(self) -> datetime:
        """When the customer placed it (UTC)."""
        return self.purchase.placed_at
