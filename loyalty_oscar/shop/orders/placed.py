"""
What was true when an order was placed: written down on its mark at the first look, and read from there for ever.

Product sets are emptied, levels get other percents, a program counts on prices without tax from next month on: none of
that changes what an order was promised. Guests' orders are written down too; who keeps one weeks later gets what it
was worth on its day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from loyalty_oscar.kernel.facts import LineFacts, LineState
from loyalty_oscar.kernel.left import LineSnapshot, what_is_left
from loyalty_oscar.program.hooks import moment_notes
from loyalty_oscar.program.money import to_minor
from loyalty_oscar.program.queries import terms_now, unit_for_site


@dataclass(kw_only=True, slots=True)
class Placed:
    """
    What was written down of one order. `user_id` is whoever it belonged to first (None: a guest so far), `is_first`
    whether it was that person's first (None: nobody's so far), `asked_sets` the product sets of which it is written
    down whether its products were in them, `known_sets` those that were tied to products at all, `then` what features
    noted, `delivery` what was paid for delivery with and without tax and how much of it was paid back at the last look
    (minor units), `gone` how many pieces of each part were gone then, `is_dead` whether all of it was, `counts` whether
    it had come far enough to count for levels and the like. Of one that was deleted: when that was seen (`gone_at`),
    and what it `came_to`. `is_moved` says that it is somebody else's now, or nobody's; it is not stored.
    """

    number: str
    site_id: int | None
    currency: str
    placed_at: datetime
    unit_id: int | None = None
    user_id: Any = None
    is_first: bool | None = None
    terms: dict[str, Any] = field(default_factory=dict)
    then: dict[str, Any] = field(default_factory=dict)
    asked_sets: frozenset[str] = frozenset()
    known_sets: frozenset[str] = frozenset()
    parts: tuple[LineSnapshot, ...] = ()
    delivery: tuple[int, int, int] = (0, 0, 0)
    gone: tuple[int, ...] = ()
    is_dead: bool = False
    counts: bool = True
    gone_at: datetime | None = None
    came_to: str = ""
    is_moved: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands on the mark."""
        some: dict[str, Any] = {"gone": self.gone_at.isoformat(), "came_to": self.came_to} if self.gone_at else {}
        if any(self.delivery):
            some["delivery"] = list(self.delivery)
        if not self.counts:
            some["counts"] = False
        return some | {
            "number": self.number,
            "site": self.site_id,
            "currency": self.currency,
            "at": self.placed_at.isoformat(),
            "unit": self.unit_id,
            "user": self.user_id if isinstance(self.user_id, int | None) else str(self.user_id),
            "first": self.is_first,
            "terms": self.terms,
            "then": self.then,
            "asked": sorted(self.asked_sets),
            "sets": sorted(self.known_sets),
            "parts": [part.to_json() for part in self.parts],
            "back": list(self.gone),
            "dead": self.is_dead,
        }


def from_json(stored: Mapping[str, Any]) -> Placed | None:
    """Return what a mark says, or None where nobody wrote it down yet."""
    if not stored:
        return None
    return Placed(
        number=stored["number"],
        site_id=stored["site"],
        currency=stored["currency"],
        placed_at=datetime.fromisoformat(stored["at"]),
        unit_id=stored["unit"],
        user_id=stored["user"],
        is_first=stored["first"],
        terms=stored["terms"],
        then=stored["then"],
        asked_sets=frozenset(stored["asked"]),
        known_sets=frozenset(stored["sets"]),
        parts=tuple(LineSnapshot.from_json(part) for part in stored["parts"]),
        delivery=tuple(stored.get("delivery", (0, 0, 0))),
        gone=tuple(stored["back"]),
        is_dead=stored["dead"],
        counts=stored.get("counts", True),
        gone_at=datetime.fromisoformat(stored["gone"]) if "gone" in stored else None,
        came_to=stored.get("came_to", ""),
    )


#: What became of an order that was deleted: as if it never was, or what it brought and used stays.
NOTHING, KEPT = "nothing", "kept"


def see_deleted(*, placed: Placed, final_at: datetime | None, at: datetime) -> None:
    """
    Decide what an order that is gone came to, when that is seen for the first time.

    Before its return period was over it came to nothing; after it nobody can return anything any more, and nobody loses
    anything when a shop tidies up. What had come to nothing before stays so.
    """
    if placed.gone_at is None:
        hold = timedelta(days=placed.terms.get("hold_days", 0))
        is_kept = final_at is not None and final_at + hold <= at and not placed.is_dead
        placed.gone_at, placed.came_to = at, KEPT if is_kept else NOTHING


def first_look(*, order: Any) -> Placed:
    """Return what is to be written down of an order that nobody looked at yet, without its lines."""
    unit = unit_for_site(site_id=order.site_id)
    charged = (
        to_minor(amount=each, currency=order.currency) for each in (order.shipping_incl_tax, order.shipping_excl_tax)
    )
    return Placed(
        number=str(order.number),
        site_id=order.site_id,
        currency=order.currency,
        placed_at=order.date_placed,
        unit_id=unit.pk if unit else None,
        delivery=(*charged, 0),
        terms=terms_now(program=unit.program) if unit else {},
        then={name: note for name, note in moment_notes.each(program_id=unit.program_id) if note} if unit else {},
    )


def is_same_person(*, placed: Placed, user_id: Any) -> bool:
    """Return whether an order still belongs to whom it belonged to first; keys of users may be numbers or not."""
    return placed.user_id is not None and str(placed.user_id) == str(user_id)


def left(*, placed: Placed, rows: Iterable[LineState]) -> tuple[tuple[LineFacts, ...], list[LineSnapshot]]:
    """Return what is left of what was written down, and what came since."""
    facts, late = what_is_left(parts=placed.parts, rows=list(rows))
    return tuple(facts), late


def codes_missing(*, placed: Placed, codes: frozenset[str]) -> frozenset[str]:
    """Return the product sets of which nobody wrote down whether this order's products are in them."""
    return codes - placed.asked_sets


def codes_of(*, placed: Placed, codes: frozenset[str]) -> frozenset[str]:
    """Return all product sets that count for an order: those asked for now, and those of its own day."""
    excluded = placed.terms.get("excluded")
    return codes | placed.asked_sets | ({excluded} if excluded else frozenset())


def write_down(
    *,
    placed: Placed,
    late: Iterable[LineSnapshot],
    codes: frozenset[str],
    sets: Mapping[int | None, frozenset[str]],
    known_sets: frozenset[str],
) -> None:
    """
    Write down the parts that came since, each with the sets that its product is in, and for those that were known the
    sets that nobody had asked for. `sets` and `known_sets` are how things stand now.
    """
    missing = codes_missing(placed=placed, codes=codes)
    known = tuple(
        replace(part, sets=part.sets | (sets.get(part.product_id, frozenset()) & missing)) if missing else part
        for part in placed.parts
    )
    is_late = bool(placed.parts)
    new = tuple(replace(part, sets=sets.get(part.product_id, frozenset()), is_late=is_late) for part in late)
    placed.parts = known + new
    placed.asked_sets |= missing
    placed.known_sets |= known_sets & missing
