"""How members buy, counted from their receipts: at night for those whose receipts changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Case, Count, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from loyalty_oscar.kernel.rounding import half_up
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.rows import write_fields, write_rows

from .models import BuyerStats, Receipt
from .rules import median, patience, usual_gap

SLICE = 1000
#: What was still being written when the last run began says that it changed at most so long before: a sweep of orders
#: writes down the moment at which it began, and may take a night.
OVERLAP = timedelta(days=1)
COUNTED = ("orders", "spend_minor", "biggest_minor", "first_at", "last_at", "gap_days", "late_at", "counted_at")


def count_changed(*, since: datetime | None, at: datetime) -> Iterator[int]:
    """
    Count the members whose receipts changed since the last run (None: all who have any), and those from whom some went
    away, some at a time; yields how many. Before that, receipts find those who joined after they had bought.
    """
    yield from _adopt(at)
    changed = Receipt.objects.using(write_db()).filter(member__isnull=False)
    changed = changed.filter(changed_at__gte=since - OVERLAP) if since else changed
    for members in (changed, _lost_some()):
        yield from _count(members.order_by("member_id").values_list("member_id", flat=True).distinct(), at)
    for program in Program.objects.using(write_db()).order_by("pk"):
        _expect_as_others(program.pk)


def _count(members: QuerySet[Any, int], at: datetime) -> Iterator[int]:
    last = 0
    while ids := list(members.filter(member_id__gt=last)[:SLICE]):
        last = ids[-1]
        count_buyers(member_ids=ids, at=at)
        yield len(ids)


def _lost_some() -> QuerySet[BuyerStats]:
    """Return the buyers who have other orders than were counted: a receipt that is somebody else's by now says so."""
    theirs = Receipt.objects.using(write_db()).filter(member=OuterRef("member"), is_gone=False).order_by()
    standing = theirs.values("member").annotate(n=Count("pk")).values("n")
    return BuyerStats.objects.using(write_db()).exclude(orders=Coalesce(Subquery(standing), 0))


def count_buyers(*, member_ids: Collection[int], at: datetime) -> None:
    """Count these members anew. When one without a rhythm of their own is late, the night says. Two queries."""
    money = Case(When(currency=F("program__currency"), then="paid_minor"), default=0)
    receipts = Receipt.objects.using(write_db()).filter(member_id__in=member_ids, is_gone=False).annotate(money=money)
    bought = receipts.order_by("member_id", "placed_at", "order_id").values_list("member_id", "placed_at", "money")
    found = {member_id: list(rows) for member_id, rows in groupby(bought, key=itemgetter(0))}
    rows = [_stats(member_id, found.get(member_id, []), at) for member_id in member_ids]
    write_rows(rows=rows, over=COUNTED, unique="member")


def _stats(member_id: int, bought: list[tuple[int, datetime, int]], at: datetime) -> BuyerStats:
    """Return how a member buys, by the standing receipts (oldest first)."""
    days, money = [day for _member, day, _money in bought], [minor for _member, _day, minor in bought]
    gap = usual_gap(placed=days)
    return BuyerStats(
        member_id=member_id,
        orders=len(bought),
        spend_minor=sum(money),
        biggest_minor=max(money, default=0),
        first_at=days[0] if days else None,
        last_at=days[-1] if days else None,
        gap_days=None if gap is None else half_up(exact=gap),
        late_at=None if gap is None else days[-1] + patience(gap=gap),
        counted_at=at,
    )


def _expect_as_others(program_id: int) -> None:
    """Say when buyers without a rhythm of their own are late: by the median of the others, if there are any."""
    stats = BuyerStats.objects.using(write_db()).filter(member__program_id=program_id)
    known = stats.filter(gap_days__isnull=False).order_by().values_list("gap_days").annotate(n=Count("pk"))
    gap = median(counts=dict(known))
    late_at: Any = None if gap is None else F("last_at") + patience(gap=gap)
    stats.filter(gap_days=None, orders__gt=0).exclude(late_at=late_at).update(late_at=late_at)


def _adopt(at: datetime) -> Iterator[int]:
    """Give receipts to those who joined after they had bought; yields 0 a slice of members."""
    members = Member.objects.using(write_db()).filter(user__isnull=False).order_by("pk")
    rows_of = members.values_list("pk", "program_id", "user_id", Coalesce("merged_into_id", "pk"))
    last = 0
    while found := list(rows_of.filter(pk__gt=last)[:SLICE]):
        last = found[-1][0]
        owners = {(program_id, f"u:{user_id}"): owner for _pk, program_id, user_id, owner in found}
        rows = Receipt.objects.using(write_db()).filter(member=None, buyer__in={buyer for _program, buyer in owners})
        mine = [row for row in rows if (row.program_id, row.buyer) in owners]
        for row in mine:
            row.member_id, row.is_member, row.changed_at = owners[row.program_id, row.buyer], True, at
        write_fields(rows=mine, fields=["member", "is_member", "changed_at"])
        yield 0
