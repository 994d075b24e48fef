"""Taking pieces of sales with a quota: reserve from the preview on, buy with the order, give back with its goods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, Sum

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.rows import write_rows

from .models import QuotaCounter, Reservation, Sale, pieces_of
from .queries import left_behind, ran_out

RESERVED_FOR = timedelta(minutes=15)
#: A basket renews what it reserved at most so long; then others have `RESERVED_FOR` to take it.
LONGEST = timedelta(minutes=60)
LONG_ENOUGH = timedelta(minutes=10)


class SoldOut(NotAllowed):
    """No piece of a sale is left, or none for this member; `sale` says which, `left` how many there are."""

    def __init__(self, *, sale: Sale, left: int) -> None:
        super().__init__(f"{left} pieces of {sale.code} are left")
        self.sale, self.left = sale, left


class KeptTooLong(SoldOut):
    """A basket has kept pieces as long as it may without an order; it may have some again at `again_at`."""

    def __init__(self, *, sale: Sale, again_at: datetime) -> None:
        super().__init__(sale=sale, left=0)
        self.again_at = again_at


def lock_counts(*, sale_ids: Iterable[int]) -> dict[int, QuotaCounter]:
    """Lock the rows of these sales' quotas by primary key, in one statement, for the rest of the transaction."""
    rows = QuotaCounter.objects.using(write_db()).select_for_update().filter(sale_id__in=list(sale_ids)).order_by("pk")
    return {row.sale_id: row for row in rows}


def reserve(*, wanted: Mapping[Sale, int], user_id: Any, slot: str, at: datetime) -> None:
    """
    Reserve so many pieces of each sale for a basket, for 15 minutes; again is for 15 minutes more, for an hour at most.

    That hour is the customer's, whatever the basket. Raises `SoldOut` (`KeptTooLong` after that hour) and reserves
    nothing then.
    """
    with transaction.atomic(using=write_db()):
        for sale, count, places in _locked(wanted, at, slot=slot, user_id=user_id):
            if count is None:
                continue  # What is sold freely needs no reservation.
            own = next((place for place in places if place.slot == slot), None)
            place = own or Reservation(sale=sale, slot=slot, quantity=0)
            place.longest = min(_ends_of(places, own, user_id, at), default=at + LONGEST)
            if place.longest <= at:
                raise KeptTooLong(sale=sale, again_at=place.longest + RESERVED_FOR)
            _take(sale, count, wanted[sale], user_id, [place], places)
            place.user_id, place.quantity = str(user_id or ""), wanted[sale]
            place.until = min(at + RESERVED_FOR, place.longest)
            place.save(using=write_db())


def _ends_of(places: Iterable[Reservation], own: Reservation | None, user_id: Any, at: datetime) -> Iterator[datetime]:
    """Yield until when this customer's baskets may keep what they reserved; what is being paid for has its own time."""
    for place in places:
        is_theirs = place is own or (user_id and place.user_id == str(user_id))
        is_being_paid = place.until and place.until <= at and place.quantity
        if is_theirs and place.longest and not is_being_paid:
            yield place.longest


def look(*, wanted: Mapping[Sale, int], user_id: Any, slot: str, at: datetime) -> None:
    """Raise `SoldOut` where a basket could not reserve this now. Two queries; nothing stays locked or is written."""
    counts = {row.sale_id: row for row in QuotaCounter.objects.using(write_db()).filter(sale__in=wanted)}
    found = _places(wanted, at, slot=slot, user_id=user_id)
    gone = left_behind(places=found, at=at)
    for sale in wanted:
        places = [place for place in found if place.sale_id == sale.pk]
        old = [place for place in places if place in gone]
        counts[sale.pk].taken -= sum(place.quantity for place in old)
        own = [place for place in places if place.slot == slot and place not in old]
        _more(sale, counts[sale.pk], wanted[sale], user_id, own, [place for place in places if place not in old])


def is_reserved(*, wanted: Mapping[Sale, int], user_id: Any, slot: str, at: datetime) -> bool:
    """Return whether a basket has all of this for ten minutes at least. One query, and no lock."""
    places = Reservation.objects.using(write_db()).filter(
        slot=slot, user_id=str(user_id or ""), until__gte=at + LONG_ENOUGH
    )
    places = places.filter(quantity__gt=0)
    return dict(places.values_list("sale_id", "quantity")) == {sale.pk: pieces for sale, pieces in wanted.items()}


def buy(
    *,
    wanted: Mapping[Sale, Mapping[int, int]],
    user_id: Any,
    slot: str,
    order_id: int,
    at: datetime,
    is_more: bool = False,
    is_sold: bool = False,
) -> None:
    """
    Turn what a basket reserved into what its order bought (product id -> pieces), in the order's own transaction; what
    was not reserved, or no longer is, is taken if there is any. Raises `SoldOut`; the order must not be placed then.

    A product that the order has already is not taken again, but with `is_more`: a further line of it. Sales that do
    not count their pieces are written down without a lock, for the day on which they do: one statement, however many.
    What another shop has sold already (`is_sold`) is refused by no limit; more than all pieces are counted as all.
    """
    fresh: list[Reservation] = []
    for sale, count, places in _locked(wanted, at, slot=slot, user_id=user_id, order_id=order_id):
        before = next((place for place in places if place.order_id == order_id), None)
        own = next((place for place in places if place.slot == slot), None)
        known, pieces = before.bought if before else {}, wanted[sale]
        new = {str(pk): pieces[pk] for pk in pieces if is_more or str(pk) not in known}
        if not new:
            continue  # its first line took the pieces of all
        quantity = sum(new.values()) + (before.quantity if before else 0)
        if count and not is_sold:
            _take(sale, count, quantity, user_id, [place for place in (own, before) if place], places)
        if own and before:
            own.delete()
        place = before or own or Reservation(sale=sale)
        place.bought = {**known, **{pk: number + known.get(pk, 0) for pk, number in new.items()}}
        place.user_id, place.quantity, place.order_id = str(user_id or ""), quantity, order_id
        place.slot = place.until = place.longest = None
        if place.pk is None and not (count and is_sold):
            fresh.append(place)
        else:
            place.save(using=write_db())
        if count and is_sold:
            _change(count, _at_most_all(count, pieces_of(sale_id=sale.pk, db=write_db())) - count.taken)
    write_rows(rows=fresh)


def keep(*, place: Reservation, quantity: int, at: datetime) -> None:
    """Say how many pieces an order still has: fewer after a return, none after a cancel, more if it stands again."""
    with transaction.atomic(using=write_db()):
        count = lock_counts(sale_ids=[place.sale_id])[place.sale_id]
        place.refresh_from_db(using=write_db())
        change = quantity - place.quantity
        if not change:
            return
        # An order that stands again has been paid: it keeps its goods, and as many pieces as the quota has left.
        taken = pieces_of(sale_id=place.sale_id, db=write_db())
        room = change if count.quota is None or change < 0 else min(max(0, count.quota - taken), change)
        Reservation.objects.using(write_db()).filter(pk=place.pk).update(quantity=place.quantity + room)
        # Counted anew, because what was sold before there was a quota may be more than it.
        _change(count, _at_most_all(count, taken + room) - count.taken)


def release(*, slot: str) -> None:
    """
    Give back what a basket reserved. The hour of a customer with an account goes on: the place stays, without pieces.
    """
    with transaction.atomic(using=write_db()):
        places = Reservation.objects.using(write_db()).filter(slot=slot)
        counts = lock_counts(sale_ids=places.values_list("sale_id", flat=True))
        # Read after the lock: another tab may have reserved more meanwhile, or given it back.
        for place in places.filter(sale_id__in=counts).select_for_update():
            if place.user_id:
                Reservation.objects.using(write_db()).filter(pk=place.pk).update(quantity=0)
            else:
                place.delete()
            _change(counts[place.sale_id], -place.quantity)


def sweep(*, at: datetime) -> Iterator[int]:
    """
    Give back what was reserved too long ago and is not being paid for, sale by sale; yields how many pieces.
    """
    old = Reservation.objects.using(write_db()).filter(until__lte=at)
    for sale_id in sorted(set(old.values_list("sale_id", flat=True))):
        with transaction.atomic(using=write_db()):
            count = lock_counts(sale_ids=[sale_id])[sale_id]
            yield _forget(count, ran_out(places=list(old.filter(sale_id=sale_id)), at=at), at)


def miscounted() -> dict[int, int]:
    """
    Return the sales that count pieces whose count is not the sum of them, with that sum. One query; there should be
    none. What was sold beyond a quota that came later is no mistake.
    """
    counts = QuotaCounter.objects.using(write_db()).annotate(sum=Sum("sale__reservations__quantity", default=0))
    counting = counts.filter(Q(quota__isnull=False) | Q(sale__per_member__isnull=False))
    wrong = counting.exclude(taken=F("sum")).exclude(taken=F("quota"), sum__gt=F("quota"))
    return dict(wrong.order_by("sale_id").values_list("sale_id", "sum"))


def oversold() -> dict[int, int]:
    """Return the sales of which orders hold more pieces than there are, with that number. One query."""
    rows = Reservation.objects.using(write_db()).filter(order_id__isnull=False, sale__quota__isnull=False).order_by()
    sums = rows.values_list("sale_id").annotate(sold=Sum("quantity")).filter(sold__gt=F("sale__quota"))
    return dict(sums)


def recount() -> Iterator[int]:
    """Set such counts right, each under its lock; yields 1 for each. More than the quota stays at the quota."""
    for sale_id in miscounted():
        with transaction.atomic(using=write_db()):
            count = lock_counts(sale_ids=[sale_id])[sale_id]
            taken = _at_most_all(count, pieces_of(sale_id=sale_id, db=write_db()))
            yield QuotaCounter.objects.using(write_db()).filter(pk=count.pk).exclude(taken=taken).update(taken=taken)


def _locked(
    wanted: Iterable[Sale], at: datetime, *, slot: str, user_id: Any, order_id: int | None = None
) -> Iterator[tuple[Sale, QuotaCounter | None, list[Reservation]]]:
    """
    Lock the counts of what is wanted and walk through it, with the places that count for this buyer. Two queries.

    Those are what the basket has reserved, what the order and, where each member's pieces are counted, what the member
    has taken. Read after the lock, so that nobody changes them meanwhile. A sale that counts no pieces has no count.
    """
    counts = lock_counts(sale_ids=[sale.pk for sale in wanted if sale.is_counted])
    found = _places(wanted, at, slot=slot, user_id=user_id, order_id=order_id)
    gone = ran_out(places=found, at=at)
    for sale in sorted(wanted, key=lambda sale: sale.pk):
        places = [place for place in found if place.sale_id == sale.pk]
        old = [place for place in places if place in gone]
        if old and sale.pk in counts:
            _forget(counts[sale.pk], old, at)
        for place in old:
            place.quantity = 0
        yield sale, counts.get(sale.pk), [one for one in places if one not in old or _rests(one, at)]


def _places(
    wanted: Iterable[Sale], at: datetime, *, slot: str, user_id: Any, order_id: int | None = None
) -> list[Reservation]:
    """Return the places of this basket, order and customer in what is wanted, and those past their time. One query."""
    mine = Q(slot=slot) | Q(until__lte=at)
    mine |= Q(order_id=order_id) if order_id else Q()
    mine |= Q(user_id=str(user_id)) if user_id else Q()
    return list(Reservation.objects.using(write_db()).filter(mine, sale__in=wanted))


def _rests(place: Reservation, at: datetime) -> bool:
    """Return whether a place that ran out was renewed to the end; it stays while others have their turn."""
    return place.until is not None and place.until == place.longest and place.until > at - RESERVED_FOR


def _forget(count: QuotaCounter, old: Sequence[Reservation], at: datetime) -> int:
    """Give back what these places had, and remove those that need not rest."""
    rows, resting = Reservation.objects.using(write_db()), [place.pk for place in old if _rests(place, at)]
    rows.filter(pk__in=[place.pk for place in old if place.pk not in resting]).delete()
    rows.filter(pk__in=resting).update(quantity=0)
    pieces = sum(place.quantity for place in old)
    if pieces:
        _change(count, -pieces)
    return pieces


def _take(
    sale: Sale,
    count: QuotaCounter,
    quantity: int,
    user_id: Any,
    own: Sequence[Reservation],
    places: Iterable[Reservation],
) -> None:
    """
    Count pieces for a basket or its order, with its `own` of before; whoever buys without an account is a new person
    each time.
    """
    if more := _more(sale, count, quantity, user_id, own, places):
        _change(count, more)


def _more(
    sale: Sale,
    count: QuotaCounter,
    quantity: int,
    user_id: Any,
    own: Sequence[Reservation],
    places: Iterable[Reservation],
) -> int:
    """Return how many pieces that is beyond its `own`; raises `SoldOut` where they are not there."""
    if sale.per_member is not None:
        others = [place for place in places if place not in own and user_id and place.user_id == str(user_id)]
        had = sum(place.quantity for place in others)
        if quantity > sale.per_member - had:
            raise SoldOut(sale=sale, left=max(0, sale.per_member - had))
    more = quantity - sum(place.quantity for place in own)
    if count.quota is not None and count.taken + more > count.quota:
        raise SoldOut(sale=sale, left=count.quota - count.taken)
    return more


def _at_most_all(count: QuotaCounter, pieces: int) -> int:
    """Return what a count says of so many pieces: more than a quota that came later is all of it."""
    return pieces if count.quota is None else min(pieces, count.quota)


def _change(count: QuotaCounter, more: int) -> None:
    """Add to what is there, not to what was read: so the constraint guards even where the lock does not."""
    QuotaCounter.objects.using(write_db()).filter(pk=count.pk).update(taken=F("taken") + more)
    count.taken += more
