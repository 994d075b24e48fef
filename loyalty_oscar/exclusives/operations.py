"""Taking pieces of sales with a quota: reserve from the preview on, buy with the order, give back with its goods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, Sum

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger.operations.desk import write_db

from .models import Count, Place, Sale

RESERVED_FOR = timedelta(minutes=15)
LONG_ENOUGH = timedelta(minutes=10)


class SoldOut(NotAllowed):
    """No piece of a sale is left, or none for this member; `sale` says which, `left` how many there are."""

    def __init__(self, *, sale: Sale, left: int) -> None:
        super().__init__(f"{left} pieces of {sale.code} are left")
        self.sale, self.left = sale, left


def lock_counts(*, sale_ids: Any) -> dict[int, Count]:
    """Lock the rows of these sales' quotas by primary key, in one statement, for the rest of the transaction."""
    rows = Count.objects.using(write_db()).select_for_update().filter(sale_id__in=list(sale_ids)).order_by("pk")
    return {row.sale_id: row for row in rows}


def reserve(*, wanted: Mapping[Sale, int], user_id: Any, slot: str, at: datetime) -> None:
    """
    Reserve so many pieces of each sale for a basket, for 15 minutes; again is for 15 minutes more.

    Raises `SoldOut` and reserves nothing then.
    """
    with transaction.atomic(using=write_db()):
        for sale, quantity, count, places in _locked(wanted, at, slot=slot, user_id=user_id):
            own = next((place for place in places if place.slot == slot), None)
            _take(sale, count, quantity, user_id, own, places)
            place = own or Place(sale=sale, slot=slot)
            place.user_id, place.quantity, place.until = str(user_id or ""), quantity, at + RESERVED_FOR
            place.save(using=write_db())


def is_reserved(*, wanted: Mapping[Sale, int], user_id: Any, slot: str, at: datetime) -> bool:
    """Return whether a basket has all of this for ten minutes at least. One query, and no lock."""
    places = Place.objects.using(write_db()).filter(slot=slot, user_id=str(user_id or ""), until__gte=at + LONG_ENOUGH)
    return dict(places.values_list("sale_id", "quantity")) == {sale.pk: pieces for sale, pieces in wanted.items()}


def buy(*, wanted: Mapping[Sale, int], user_id: Any, slot: str, order_id: int, at: datetime) -> None:
    """
    Turn what a basket reserved into what its order bought, in the order's own transaction; what was not reserved, or
    no longer is, is taken if there is any. Raises `SoldOut`; the order must not be placed then.
    """
    for sale, quantity, count, places in _locked(wanted, at, slot=slot, user_id=user_id, order_id=order_id):
        if any(place.order_id == order_id for place in places):
            continue  # its first line took the pieces of all
        own = next((place for place in places if place.slot == slot), None)
        _take(sale, count, quantity, user_id, own, places)
        place = own or Place(sale=sale)
        place.user_id, place.quantity, place.slot, place.until = str(user_id or ""), quantity, None, None
        place.order_id = order_id
        place.save(using=write_db())


def keep(*, place: Place, quantity: int, at: datetime) -> None:
    """Say how many pieces an order still has: fewer after a return, none after a cancel, more if it stands again."""
    with transaction.atomic(using=write_db()):
        count = lock_counts(sale_ids=[place.sale_id])[place.sale_id]
        place.refresh_from_db(using=write_db())
        change = quantity - place.quantity
        if not change:
            return
        # An order that stands again has been paid: it keeps its goods, and as many pieces as the quota has left.
        room = change if count.quota is None else min(count.quota - count.taken, change)
        quantity = place.quantity + room
        _change(count, room)
        Place.objects.using(write_db()).filter(pk=place.pk).update(quantity=quantity)


def release(*, slot: str) -> None:
    """Give back what a basket reserved."""
    with transaction.atomic(using=write_db()):
        places = list(Place.objects.using(write_db()).filter(slot=slot))
        counts = lock_counts(sale_ids=[place.sale_id for place in places])
        for place in places:
            gone, _kinds = Place.objects.using(write_db()).filter(pk=place.pk).delete()
            if gone and place.sale_id in counts:  # another may have given it back meanwhile
                Count.objects.using(write_db()).filter(sale_id=place.sale_id).update(taken=F("taken") - place.quantity)


def sweep(*, at: datetime) -> Iterator[int]:
    """Give back what was reserved too long ago, sale by sale; yields how many pieces."""
    old = Place.objects.using(write_db()).filter(until__lte=at)
    for sale_id in sorted(set(old.values_list("sale_id", flat=True))):
        with transaction.atomic(using=write_db()):
            yield _forget_old(lock_counts(sale_ids=[sale_id])[sale_id], at)


def miscounted() -> dict[int, int]:
    """Return the sales whose count is not the sum of their pieces, with that sum. One query; there should be none."""
    counts = Count.objects.using(write_db()).annotate(sum=Sum("sale__places__quantity", default=0))
    return dict(counts.exclude(taken=F("sum")).order_by("sale_id").values_list("sale_id", "sum"))


def recount() -> Iterator[int]:
    """Set such counts right, each under its lock; yields 1 for each. More than the quota stays at the quota."""
    for sale_id in miscounted():
        with transaction.atomic(using=write_db()):
            count = lock_counts(sale_ids=[sale_id])[sale_id]
            places = Place.objects.using(write_db()).filter(sale_id=sale_id)
            pieces = places.aggregate(sum=Sum("quantity", default=0))["sum"]
            taken = pieces if count.quota is None else min(pieces, count.quota)
            yield Count.objects.using(write_db()).filter(pk=count.pk).exclude(taken=taken).update(taken=taken)


def _locked(
    wanted: Mapping[Sale, int], at: datetime, *, slot: str, user_id: Any, order_id: int | None = None
) -> Iterator[tuple[Sale, int, Count, list[Place]]]:
    """
    Lock what is wanted and walk through it, with the places that count for this buyer. Two queries.

    Those are what the basket has reserved, what the order and, where each member's pieces are counted, what the member
    has taken. Read after the lock, so that nobody changes them meanwhile.
    """
    counts = lock_counts(sale_ids=[sale.pk for sale in wanted])
    mine = Q(slot=slot) | Q(until__lte=at)
    mine |= Q(order_id=order_id) if order_id else Q()
    mine |= Q(user_id=str(user_id)) if user_id else Q()
    found = list(Place.objects.using(write_db()).filter(mine, sale__in=wanted))
    for sale, quantity in sorted(wanted.items(), key=lambda row: row[0].pk):
        places = [place for place in found if place.sale_id == sale.pk]
        if any(place.until and place.until <= at for place in places):
            _forget_old(counts[sale.pk], at)
        yield sale, quantity, counts[sale.pk], [one for one in places if not one.until or one.until > at]


def _forget_old(count: Count, at: datetime) -> int:
    old = Place.objects.using(write_db()).filter(sale_id=count.sale_id, until__lte=at)
    pieces = old.aggregate(sum=Sum("quantity", default=0))["sum"]
    if pieces:
        old.delete()
        _change(count, -pieces)
    return pieces


def _take(sale: Sale, count: Count, quantity: int, user_id: Any, own: Place | None, places: Iterable[Place]) -> None:
    """Count pieces for a basket or its order; whoever buys without an account is a new person each time."""
    if sale.per_member is not None:
        others = [place for place in places if place is not own and user_id and place.user_id == str(user_id)]
        had = sum(place.quantity for place in others)
        if quantity > sale.per_member - had:
            raise SoldOut(sale=sale, left=max(0, sale.per_member - had))
    more = quantity - (own.quantity if own else 0)
    if count.quota is not None and count.taken + more > count.quota:
        raise SoldOut(sale=sale, left=count.quota - count.taken)
    if more:
        _change(count, more)


def _change(count: Count, more: int) -> None:
    """Add to what is there, not to what was read: so the constraint guards even where the lock does not."""
    Count.objects.using(write_db()).filter(pk=count.pk).update(taken=F("taken") + more)
    count.taken += more
