"""Counting: days grow by what was written down since, and are compared with the accounts each night."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.kernel.turns import in_turn
from loyalty_oscar.ledger.audit import BUCKETS
from loyalty_oscar.ledger.flows import GIVING, Flow, flow_of
from loyalty_oscar.ledger.givers import shares_of
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.rows import write_fields, write_rows

from .models import Book, Day, Given
from .packing import pack, unpack

#: So old an entry is counted: no transaction lasts longer, so none comes late with a lower number.
SETTLED = timedelta(hours=1)
#: Entries of one step.
TOGETHER = 5000
SUMS = ("n", "plus", "minus", *(f"d_{bucket}" for bucket in BUCKETS))
#: Of an entry, what counting needs.
NEEDED = ("key", "kind", "counter", "because", "actor", "created_at", "account_id", "reverses_id",
          *(f"d_{bucket}" for bucket in BUCKETS))  # fmt: skip


def count(*, at: datetime) -> Iterator[int]:
    """
    Count what was written down an hour ago or earlier and is not counted yet, some thousand entries at a time.

    Yields how many entries each step counted. A program whose time zone was changed is counted anew, for its days are
    others. One program that fails keeps no other from being counted; raises `LoyaltyError` in the end.
    """
    moved = Account.objects.using(write_db()).filter(unit=OuterRef("pk"), seq__gt=0)
    units = Unit.objects.using(write_db()).filter(Exists(moved)).select_related("program").order_by("pk")
    yield from in_turn(things=units, work=partial(_count, at=at), what="points that could not be counted")


def _count(unit: Unit, at: datetime) -> Iterator[int]:
    book, _made = Book.objects.using(write_db()).get_or_create(unit=unit, defaults={"zone": unit.program.time_zone})
    if book.zone != unit.program.time_zone:
        with transaction.atomic(using=write_db()):
            yield _anew(_locked(unit), unit, at=at)
    while True:
        with transaction.atomic(using=write_db()):
            counted, is_done = _step(_locked(unit), unit, at=at)
        yield counted
        if is_done:
            break


def check(*, at: datetime) -> Iterator[int]:
    """
    Compare what was counted with the accounts, unit by unit; where it differs it is counted anew, and the book says so.

    Yields 1 for each unit that was counted anew, 0 for each that was right. One that fails keeps no other from being
    compared; raises `LoyaltyError` in the end.
    """
    units = Unit.objects.using(write_db()).filter(book__isnull=False).select_related("program").order_by("pk")
    yield from in_turn(things=units, work=partial(_check, at=at), what="points that could not be compared")


def _check(unit: Unit, at: datetime) -> Iterator[int]:
    with transaction.atomic(using=write_db()):
        book = _locked(unit)
        wrong = difference(book=book)
        if wrong:
            _anew(book, unit, at=at)
            book.off_at, book.off_points, book.is_off = at, wrong, bool(difference(book=book))
        else:
            book.is_off = False
        book.checked_at = at
        book.save(using=write_db(), update_fields=["checked_at", "off_at", "off_points", "is_off"])
    yield int(bool(wrong))


def difference(*, book: Book) -> int:
    """
    Return by how many points what was counted, with what came since, differs from the accounts, bucket by bucket; and
    what givers gave from what was given. 0 is right.

    Call it with the book locked: the accounts and the entries since are read in one statement.
    """
    db, days = write_db(), Day.objects.using(write_db()).filter(unit=book.unit_id)
    sums = days.aggregate(**{bucket: Sum(f"d_{bucket}", default=0) for bucket in BUCKETS})
    there = Account.objects.using(db).filter(unit=OuterRef("pk")).order_by().values("unit")
    since = Entry.objects.using(db).filter(account__unit=OuterRef("pk"), pk__gt=book.upto_entry)
    since = since.order_by().values("account__unit")
    asked: dict[str, Any] = {}
    for bucket in BUCKETS:
        asked[f"of_{bucket}"] = Coalesce(Subquery(there.annotate(of=Sum(bucket)).values("of")), 0)
        asked[f"to_{bucket}"] = Coalesce(Subquery(since.annotate(of=Sum(f"d_{bucket}")).values("of")), 0)
    stands = Unit.objects.using(db).filter(pk=book.unit_id).annotate(**asked).values(*asked).get()
    given = days.filter(counter__in=GIVING).aggregate(points=Sum(F("plus") - F("minus"), default=0))["points"]
    by_givers = Given.objects.using(db).filter(unit=book.unit_id)
    shared = by_givers.aggregate(points=Sum(F("plus") - F("minus"), default=0))["points"]
    wrong = sum(abs(sums[bucket] + stands[f"to_{bucket}"] - stands[f"of_{bucket}"]) for bucket in BUCKETS)
    return max(wrong, abs(given - shared))


def _locked(unit: Unit) -> Book:
    return Book.objects.using(write_db()).select_for_update().get(unit=unit)


def _anew(book: Book, unit: Unit, *, at: datetime) -> int:
    """Forget what was counted and count it again, within the caller's transaction, so that pages see either."""
    for model in (Day, Given):
        model._base_manager.using(write_db()).filter(unit=unit).delete()
    book.upto_entry, book.zone = 0, unit.program.time_zone
    book.save(using=write_db(), update_fields=["upto_entry", "zone"])
    counted, is_done = 0, False
    while not is_done:
        step, is_done = _step(book, unit, at=at)
        counted += step
    return counted


def _step(book: Book, unit: Unit, *, at: datetime) -> tuple[int, bool]:
    """Look at the next some thousand entries; returns how many were of this unit, and whether there are no more."""
    since, settled = Entry.objects.using(write_db()).filter(pk__gt=book.upto_entry), at - SETTLED
    young = since.filter(created_at__gt=settled).aggregate(first=Min("pk"))["first"]
    ready = since.filter(pk__lt=young) if young else since
    ids = list(ready.order_by("pk").values_list("pk", flat=True)[:TOGETHER])
    if not ids:
        book.upto_at = settled
        book.save(using=write_db(), update_fields=["upto_at"])
        return 0, True
    mine = ready.filter(pk__lte=ids[-1], account__unit=unit).order_by("pk").only(*NEEDED)
    counted = _add(unit, list(mine))
    book.upto_entry = ids[-1]
    book.save(using=write_db(), update_fields=["upto_entry"])
    return counted, False


def _add(unit: Unit, entries: Sequence[Entry]) -> int:
    zone = unit.program.time_zone
    days: dict[tuple[Any, ...], Day] = {}
    for entry in entries:
        day = local_day(at=entry.created_at, zone=zone)
        key = (day, entry.kind, entry.counter)
        row = days.setdefault(
            key, Day(unit=unit, day=day, kind=entry.kind, counter=entry.counter, **dict.fromkeys(SUMS, 0))
        )
        row.n += 1
        _tally(row, entry.net)
        for bucket in BUCKETS:
            name = f"d_{bucket}"
            setattr(row, name, getattr(row, name) + getattr(entry, name))
    there = _there(Day.objects.using(write_db()).filter(unit=unit), days, ("day", "kind", "counter"))
    _merge(there, days, SUMS)
    _add_given(unit, [entry for entry in entries if entry.counter in GIVING and entry.net], zone)
    return len(entries)


def _tally(row: Day | Given, points: int, *, is_back: bool = False) -> None:
    """Add points to one side; with `is_back` what is given again is less taken back, not more given."""
    if points > 0 and not is_back:
        row.plus += points
    else:
        row.minus -= points


@dataclass
class _Part:
    """What one thing of a giver did on a day, while it is counted."""

    row: Given
    who: set[int] = field(default_factory=set)


def _add_given(unit: Unit, entries: Sequence[Entry], zone: str) -> None:
    parts: dict[tuple[Any, ...], _Part] = {}
    by_id = {entry.pk: entry for entry in entries}
    for pk, (giver, shares) in shares_of(unit=unit, entries=entries).items():
        entry = by_id[pk]
        day = local_day(at=entry.created_at, zone=zone)
        for share in shares:
            item = share.item[:120]
            part = parts.setdefault(
                (day, giver, item),
                _Part(Given(unit=unit, day=day, giver=giver, item=item, n=0, plus=0, minus=0)),
            )
            is_back = flow_of(kind=entry.kind, counter=entry.counter) is Flow.BACK
            _tally(part.row, share.points, is_back=is_back)
            if share.points > 0 and not is_back:
                part.row.n += 1
                part.who.add(entry.account_id)
    there = _there(Given.objects.using(write_db()).filter(unit=unit), parts, ("day", "giver", "item"))
    for place, part in parts.items():
        known = unpack(there[place].accounts) if place in there else ()
        part.row.accounts = pack(part.who.union(known))
    rows = {place: part.row for place, part in parts.items()}
    _merge(there, rows, ("n", "plus", "minus"), also=("accounts",))


def _there(known: QuerySet[Any], places: Collection[Any], key: Sequence[str]) -> dict[tuple[Any, ...], Any]:
    """Return those of these rows that are there already, by `key`, which begins with the day."""
    rows = known.filter(day__in={day for day, *_rest in places}) if places else ()
    found = {tuple(getattr(row, name) for name in key): row for row in rows}
    return {place: row for place, row in found.items() if place in places}


def _merge(
    there: dict[tuple[Any, ...], Any], rows: dict[tuple[Any, ...], Any], sums: Sequence[str], *,
    also: Sequence[str] = (),
) -> None:  # fmt: skip
    """Add rows to those that are there already; fields in `also` replace theirs."""
    for place, row in there.items():
        for name in sums:
            setattr(row, name, getattr(row, name) + getattr(rows[place], name))
        for name in also:
            setattr(row, name, getattr(rows[place], name))
    write_rows(rows=[row for place, row in rows.items() if place not in there])
    write_fields(rows=list(there.values()), fields=[*sums, *also])
