"""Telling members once when a sale opens for them that they asked to be told of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import connections, transaction
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics
from loyalty_oscar.program.models import Member, State
from loyalty_oscar.program.registries import facts
from loyalty_oscar.program.segments import segments_by_member

from . import rules
from .models import Reminder, Sale
from .queries import dates_of, with_doors

TOPIC = "sale-open"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "A sale opened"),
        text="a sale opened for a member who asked to be told",
        payload={"sale": "key of the sale"},
    )
)
BATCH = 500


def ask(*, sale: Sale, member: Member, words: str, at: datetime) -> Reminder:
    """
    Write down that a member wants one message when a sale opens for them; asked again nothing changes, until it was
    told: then the sale closed to them once more, and they wait for another message.
    """
    told, rows = {"asked_at": at, "words": words}, Reminder.objects.using(write_db())
    row, _is_new = rows.get_or_create(sale=sale, member=member, defaults=told)
    if row.told_at and rows.filter(pk=row.pk, told_at=row.told_at).update(told_at=None, **told):
        row.refresh_from_db(using=write_db())
    return row


def forget(*, sale: Sale, member: Member) -> None:
    """Take that back: no message comes any more. What was told already stays written down."""
    Reminder.objects.using(write_db()).filter(sale=sale, member=member, told_at=None).delete()


def waits(*, sale: Sale, member: Member) -> Reminder | None:
    """Return the reminder of a member that is still to be told, or None. One query."""
    return Reminder.objects.using(write_db()).filter(sale=sale, member=member, told_at=None).first()


def waiting_of(*, member_id: int) -> list[Reminder]:
    """Return what a member asked to be told of and was not told yet, with the sales, the first one asked first."""
    rows = Reminder.objects.using(write_db()).filter(member_id=member_id, told_at=None, sale__is_on=True)
    return list(rows.select_related("sale").order_by("asked_at", "pk"))


def key_of(*, row: Reminder) -> str:
    """Return the key of the one message for what was asked."""
    return f"sale:{row.sale_id}:opens:{row.member_id}:{row.asked_at:%Y%m%d%H%M%S}"


def tell(*, at: datetime) -> Iterator[int]:
    """
    Announce sales that have opened to those who asked; yields to how many. A program that serves nobody has no pages,
    and for who was merged into another member that one waits.

    Two who do this at once tell everybody once: each locks the rows it tells, and the key of an event comes once.
    """
    waiting = Reminder.objects.using(write_db()).filter(told_at=None, sale__is_on=True)
    waiting = waiting.exclude(sale__program__state__in=(State.DRAFT, State.CLOSED)).filter(member__merged_into=None)
    sale_ids = sorted(set(waiting.order_by().values_list("sale_id", flat=True)))
    for sale in Sale.objects.using(write_db()).filter(pk__in=sale_ids).prefetch_related(with_doors()).order_by("pk"):
        last = 0
        while ids := list(waiting.filter(sale=sale, pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
            last = ids[-1]
            yield _tell(sale, ids, at)


def _tell(sale: Sale, ids: Sequence[int], at: datetime) -> int:
    db, dates = write_db(), dates_of(sale=sale)
    skip = connections[db].features.has_select_for_update_skip_locked
    with transaction.atomic(using=db):
        waiting = Reminder.objects.using(db).filter(pk__in=ids, told_at=None).order_by("pk")
        rows = list(waiting.select_for_update(skip_locked=skip))
        who = who_are(member_ids=[row.member_id for row in rows], at=at)
        due = [row for row in rows if rules.admission(sale=dates, who=who[row.member_id], at=at).buys]
        announce_many(happenings=[_opened(row, at) for row in due])
        Reminder.objects.using(db).filter(pk__in=[row.pk for row in due]).update(told_at=at)
    return len(due)


def _opened(row: Reminder, at: datetime) -> Happening:
    key = key_of(row=row)
    payload = {"sale": row.sale_id}
    return Happening(topic=TOPIC, key=key, member_id=row.member_id, payload=payload, at=at)


def who_are(*, member_ids: Sequence[int], at: datetime) -> dict[int, rules.Who]:
    """Return members as sales see them. At most two queries."""
    ranks = facts.get("tier_rank")(members=member_ids, at=at) if "tier_rank" in facts else {}
    segments = segments_by_member(member_ids=member_ids)
    none: frozenset[int] = frozenset()
    return {pk: rules.Who(is_member=True, rank=ranks.get(pk, 0), segments=segments.get(pk, none)) for pk in member_ids}


def clear(*, at: datetime) -> int:
    """Forget what was asked for sales that are over without having opened for those who asked; returns how many."""
    return Reminder.objects.using(write_db()).filter(told_at=None, sale__ends_at__lte=at).delete()[0]
