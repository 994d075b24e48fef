"""Reading sales: those in force with their doors, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch, Q

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import rolled_back, write_db
from loyalty_oscar.program.paying import being_paid
from loyalty_oscar.program.queries import remembered, version_of, versions

from . import rules
from .models import Door, QuotaCounter, Reservation, Sale


def any_sale() -> bool:
    """Return whether there is any sale at all (remembered); without one nothing is asked."""
    return remembered(key="any-sale", version=versions(), load=lambda: Sale.objects.using(write_db()).exists())


def sales_in_force(*, program_id: int) -> list[Sale]:
    """Return the sales of a program that are switched on, each with `dates` for the rules (remembered)."""
    return remembered(
        key=("sales", program_id), version=version_of(program_id=program_id), load=lambda: _load(program_id)
    )


def _load(program_id: int) -> list[Sale]:
    sales = Sale.objects.using(write_db()).filter(program_id=program_id, is_on=True)
    sales = sales.select_related("program", "product_set").prefetch_related(with_doors())
    found = list(sales.order_by("pk"))
    for sale in found:
        sale.dates = dates_of(sale=sale)
    return found


def with_doors(*, to: str = "doors") -> Prefetch[str, Any, Any]:
    """Return what fetches the doors of sales with them, from where we write; `to` leads there ("sale__doors")."""
    return Prefetch(to, Door.objects.using(write_db()))


def dates_of(*, sale: Sale, doors: tuple[rules.DoorTerms, ...] | None = None) -> rules.SaleTerms:
    """Return a sale as the rules see it, with its own doors or with others."""
    stored = sale.doors.all() if doors is None else ()
    doors = doors or tuple(
        rules.DoorTerms(seen_from=door.seen_from, buys_from=door.buys_from, rank=door.rank, segment_id=door.segment_id)
        for door in stored
    )
    return rules.SaleTerms(
        id=sale.pk,
        doors=doors,
        public_from=sale.public_from,
        ends_at=sale.ends_at,
        percent=sale.percent,
        is_hidden=sale.mode == Sale.Mode.HIDE,
        is_open=sale.mode == Sale.Mode.OPEN,
    )


def asks_segments(*, program_id: int) -> bool:
    """Return whether any door of a sale in force asks who is in a segment."""
    return any(door.segment_id for sale in sales_in_force(program_id=program_id) for door in sale.dates.doors)


def held_by_member(*, user_id: Any, at: datetime) -> list[Reservation]:
    """Return what a member bought of sales that count for each, and what their baskets hold now. One query."""
    rows = Reservation.objects.using(write_db()).filter(user_id=str(user_id), quantity__gt=0)
    rows = rows.filter(sale__per_member__isnull=False).filter(Q(until=None) | Q(until__gt=at))
    return list(rows.only("sale_id", "slot", "quantity"))


def ran_out(*, places: Iterable[Reservation], at: datetime) -> list[Reservation]:
    """
    Return those of these places whose time is over. While a basket is being paid for its pieces stay with it, until
    the gateway's own time-out. Nothing is asked where none is past its time.
    """
    old = [(place, place.until) for place in places if place.until is not None and place.until <= at]
    late = at - timedelta(minutes=conf.GATEWAY_MINUTES)
    paid = being_paid(slots=[place.slot for place, until in old if until > late], at=at)
    return [place for place, _until in old if place.slot not in paid]


def left_behind(*, places: Iterable[Reservation], at: datetime) -> list[Reservation]:
    """Return the same to who only looks: whatever was locked to find that out is let go at once."""
    with rolled_back():
        return ran_out(places=places, at=at)


def counts_of(*, sale_ids: Iterable[int], at: datetime) -> dict[int, QuotaCounter]:
    """
    Return how many pieces of each sale are taken; those that ran out count no more. Two queries, and those that ask
    for payments where some ran out.
    """
    found = {row.sale_id: row for row in QuotaCounter.objects.filter(sale_id__in=list(sale_ids))}
    full = [row.sale_id for row in found.values() if row.quota is not None and row.taken >= row.quota]
    old = list(Reservation.objects.filter(sale_id__in=full, until__lte=at)) if full else []
    for place in left_behind(places=old, at=at) if old else ():
        found[place.sale_id].taken -= place.quantity
    return found
