"""
Who is admitted to a sale at a moment: pure decisions over its dates. Instants are UTC; a beginning belongs to the
sale, an end does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """
    A visitor as a sale sees one: member or not, rank of the level (0 = none), and the segments one is in. Who joins
    with the first order may be on a level already that every member has.
    """

    is_member: bool = False
    rank: int = 0
    segments: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class DoorTerms:
    """One way in: members from a rank on (0 = every member), and where it names one of a segment, with two dates."""

    seen_from: datetime
    buys_from: datetime
    rank: int = 0
    segment_id: int | None = None

    def is_for(self, who: Who) -> bool:
        """Return whether somebody may use this door."""
        is_in = self.segment_id is None or self.segment_id in who.segments
        return is_in and (who.rank >= self.rank if self.rank else who.is_member)


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleTerms:
    """
    The dates of a sale: its doors, when everybody may buy (None = never), and when it is over (None = no end).

    `percent` is what it takes off the price for those who may buy. One that closes nothing (`is_open`) lets the others
    buy at the normal price meanwhile.
    """

    id: int
    doors: tuple[DoorTerms, ...]
    public_from: datetime | None = None
    ends_at: datetime | None = None
    percent: int = 0
    is_hidden: bool = False
    is_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """
    The decision: may one see it, may one buy now, and from when on (None = never).
    """

    sees: bool
    buys: bool
    opens_at: datetime | None


def is_over(*, sale: SaleTerms, at: datetime) -> bool:
    """Return whether a sale has ended: then it closes nothing and lowers no price."""
    return sale.ends_at is not None and at >= sale.ends_at


def is_public(*, sale: SaleTerms, at: datetime) -> bool:
    """Return whether everybody may buy."""
    return sale.public_from is not None and at >= sale.public_from


def closes(*, sale: SaleTerms, at: datetime) -> bool:
    """Return whether a sale keeps its products from those whom no door lets in."""
    return not (sale.is_open or is_over(sale=sale, at=at) or is_public(sale=sale, at=at))


def has_begun(*, sale: SaleTerms, at: datetime) -> bool:
    """Return whether anybody may buy: a door is open or everybody may, and the sale is not over."""
    opens = [door.buys_from for door in sale.doors] + ([sale.public_from] if sale.public_from else [])
    return not is_over(sale=sale, at=at) and any(moment <= at for moment in opens)


def admission(*, sale: SaleTerms, who: Who, at: datetime) -> Admission:
    """Return what a visitor may do with a sale at a moment. What is visible and locked is seen by all."""
    mine = [door for door in sale.doors if door.is_for(who)]
    opens = [door.buys_from for door in mine] + ([sale.public_from] if sale.public_from else [])
    opens_at = min(opens, default=None)
    public = is_public(sale=sale, at=at)
    sees = public or not sale.is_hidden or any(door.seen_from <= at for door in mine)
    buys = not is_over(sale=sale, at=at) and opens_at is not None and opens_at <= at
    return Admission(sees=sees, buys=buys, opens_at=opens_at)


def closed_by(*, sales: Iterable[SaleTerms], who: Who, at: datetime) -> SaleTerms | None:
    """
    Return the sale that keeps its products from this visitor now, or None.

    Of several exclusive sales of one product an open door of any is enough; the one that opens first is named.
    A sale that is public, or closes nothing itself, opens nothing that another one keeps closed.
    """
    waiting = [sale for sale in sales if closes(sale=sale, at=at)]
    told = [(sale, admission(sale=sale, who=who, at=at)) for sale in waiting]
    if not told or any(answer.buys for _sale, answer in told):
        return None
    return min(told, key=lambda row: (row[1].opens_at is None, row[1].opens_at or at, row[0].id))[0]


def is_hidden(*, sales: Iterable[SaleTerms], who: Who, at: datetime) -> bool:
    """Return whether these sales of one product keep it from a visitor's eyes: it is closed, and one hides it."""
    waiting = [sale for sale in sales if not is_over(sale=sale, at=at)]
    unseen = any(not admission(sale=sale, who=who, at=at).sees for sale in waiting)
    return unseen and closed_by(sales=waiting, who=who, at=at) is not None


def best_sale(*, sales: Iterable[SaleTerms], who: Who, at: datetime) -> SaleTerms | None:
    """Return the open sale that takes the most off the price for this visitor, or None; sales do not add up."""
    lower = [sale for sale in sales if sale.percent and admission(sale=sale, who=who, at=at).buys]
    return max(lower, key=lambda sale: (sale.percent, -sale.id), default=None)


def shut_until(*, sale: SaleTerms) -> datetime | None:
    """Return until when a sale keeps its products from others: it is public or over then. None = for good."""
    return min((moment for moment in (sale.public_from, sale.ends_at) if moment), default=None)


def clashes(*, one: SaleTerms, other: SaleTerms, at: datetime) -> list[str]:
    """
    Return how two sales of one product contradict each other from a moment on.

    "modes": one hides what the other shows. "public": `one` is open to everybody while `other` keeps it closed.
    "door": somebody gets in by a door of `one` before `other` opens to them.
    """
    ends = shut_until(sale=other)
    if is_over(sale=one, at=at) or is_over(sale=other, at=at) or (ends and ends <= at) or one.is_open or other.is_open:
        return []
    found = []
    one_ends = shut_until(sale=one)
    if one.is_hidden != other.is_hidden and (one_ends is None or one_ends > at):
        found.append("modes")
    if one.public_from and (one.ends_at is None or one.public_from < one.ends_at) and _before(one.public_from, ends):
        found.append("public")
    if any(_lets_in_early(door, one, other) for door in one.doors):
        found.append("door")
    return found


def _before(moment: datetime, end: datetime | None) -> bool:
    return end is None or moment < end


def _lets_in_early(door: DoorTerms, one: SaleTerms, other: SaleTerms) -> bool:
    """Return whether somebody buys by a door of one sale while the other one still keeps them out."""
    segments = frozenset() if door.segment_id is None else frozenset({door.segment_id})
    who = Who(is_member=True, rank=door.rank, segments=segments)
    opens_at = admission(sale=other, who=who, at=door.buys_from).opens_at
    shut = shut_until(sale=other)
    until = min((moment for moment in (opens_at, shut) if moment), default=None)
    return _before(door.buys_from, one.ends_at) and _before(door.buys_from, until)
