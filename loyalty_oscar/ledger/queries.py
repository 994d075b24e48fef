"""Reading the ledger: balances, what is coming, what runs out, and the statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Count, F, FilteredRelation, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, State, Unit
from loyalty_oscar.program.rows import find_rows

from .flows import Flow, flow_of
from .models import Account, Batch, Entry, Hold, Kind, Lot


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingPoints:
    """Points on the way from one source, and why (as stored); `at` None waits for the order."""

    points: int
    at: datetime | None
    source: str
    because: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiring:
    """Points that run out at one instant (exclusive)."""

    points: int
    expires_at: datetime


def membership_of_user(*, user_id: Any, unit: Unit, using: str | None = None) -> tuple[Member | None, Account | None]:
    """
    Return a person's membership in a unit's program, and the account with it: either may be missing. One query, of the
    database `using` where one is named.

    The membership knows the version of the program by now (`program_version`).
    """
    members = _memberships(unit.program_id, unit.pk, using)
    member = next(iter(find_rows(rows=members, column="user_id", keys=[user_id])), None)
    return member, getattr(member, "its_account", None)


@lru_cache(maxsize=100)
def _memberships(program_id: int, unit_id: int, using: str | None) -> QuerySet[Any]:
    joined = FilteredRelation("accounts", condition=Q(accounts__unit_id=unit_id))
    members: Any = Member.objects.using(using).filter(program_id=program_id, merged_into=None)
    found = members.annotate(its_account=joined, program_version=F("program__version"))
    return found.select_related("its_account").order_by("pk")


def closed_account_of_user(*, user_id: Any) -> Account | None:
    """Return a person's newest account with entries in a closed program, with its member and unit, or None."""
    accounts = Account.objects.filter(member__user_id=user_id, member__merged_into=None, seq__gt=0)
    accounts = accounts.filter(unit__program__state=State.CLOSED)
    return accounts.select_related("member", "unit__program").order_by("-pk").first()


def has_entries(*, program_id: int) -> bool:
    """Return whether anything was ever counted in a program."""
    return Entry.objects.using(write_db()).filter(account__unit__program_id=program_id).exists()


def coming(*, account_id: int) -> list[PendingPoints]:
    """Return what is on the way, soonest first, those without a date last."""
    lots = Lot.objects.filter(account_id=account_id, is_open=True, state=Lot.State.PENDING, remaining__gt=0)
    found = [
        PendingPoints(points=lot.remaining, at=lot.available_at, source=lot.source, because=lot.entry.because)
        for lot in lots.select_related("entry").order_by("pk")
    ]
    return sorted(found, key=lambda row: (row.at is None, row.at.timestamp() if row.at else 0))


def expiring(*, account_id: int, at: datetime, until: datetime | None = None) -> list[Expiring]:
    """Return all coming expiries of ready points, soonest first (points of one instant together)."""
    lots = Lot.objects.using(write_db()).filter(
        account_id=account_id, is_open=True, state=Lot.State.OPEN, expires_at__gt=at, remaining__gt=0
    )
    if until:
        lots = lots.filter(expires_at__lte=until)
    rows = lots.values("expires_at").annotate(points=Sum("remaining")).order_by("expires_at")
    return [Expiring(points=row["points"], expires_at=row["expires_at"]) for row in rows if row["expires_at"]]


def has_run_out(*, hold: Hold) -> bool:
    """Return whether a hold went back because its time was over. One query."""
    rows = Entry.objects.using(write_db()).filter(account_id=hold.account_id, key=f"hold:{hold.public_id}:release")
    because = rows.values_list("because", flat=True).first()
    return because is not None and because.get("c") == "hold_ran_out"


#: Kinds that change nothing a member would miss: they stand in the history of the desk, not in the statement.
QUIET = (Kind.EXTEND, Kind.HOLD, Kind.RELEASE)


def statement(*, account_id: int) -> QuerySet[Entry]:
    """Return the entries a member sees, newest first: no setting aside, no moving of dates, nothing twice."""
    return Entry.objects.filter(account_id=account_id).exclude(kind__in=QUIET).order_by("-seq")


def latest_claws(*, account_id: int) -> QuerySet[Entry]:
    """Return what was taken back, newest first: the story behind points to make up."""
    return Entry.objects.filter(account_id=account_id, kind=Kind.CLAW, d_debt__gt=0).order_by("-seq")


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """What all members of a unit have together (points), by bucket, and in how many accounts."""

    available: int
    pending: int
    reserved: int
    debt: int
    accounts: int

    @property
    def points(self) -> int:
        """Points that the shop still owes: ready, on the way and set aside."""
        return self.available + self.pending + self.reserved


def owed(*, unit_id: int) -> Owed:
    """Return what the members of a unit have together. One query over the accounts."""
    buckets = ("available", "pending", "reserved", "debt")
    sums = Account.objects.filter(unit_id=unit_id).aggregate(
        accounts=Count("pk"), **{bucket: Sum(bucket, default=0) for bucket in buckets}
    )
    return Owed(**sums)


def moved_since(*, unit_id: int, since: datetime) -> dict[Flow, int]:
    """Return what the points of a unit did since a moment, net, by flow (signed points). One query."""
    change = F("d_available") + F("d_pending") + F("d_reserved") - F("d_debt")
    entries = Entry.objects.filter(account__unit_id=unit_id, created_at__gte=since)
    found = dict.fromkeys(Flow, 0)
    for kind, counter, points in entries.order_by().values_list("kind", "counter").annotate(points=Sum(change)):
        found[flow_of(kind=kind, counter=counter)] += points
    return found


def bulk_given(*, actor: str, since: datetime) -> int:
    """Return the points that one member of staff gave from files since a moment, those undone left out. One query."""
    rows = Batch.objects.using(write_db()).filter(actor=actor, at__gt=since, undone_at=None)
    return rows.aggregate(points=Sum("points", default=0))["points"]


def goodwill_given(*, actor: str, since: datetime) -> int:
    """
    Return the goodwill points that one member of staff gave since a moment, also to people who have left since, less
    what of them was undone and came back.

    An index of what staff wrote finds them; the reasons beside the entries go with the people.
    """
    entries = Entry.objects.using(write_db()).filter(actor=actor, kind=Kind.ADJUST, created_at__gt=since)
    entries = entries.exclude(actor="system").filter(because__c="goodwill")
    change = F("d_available") + F("d_pending") + F("d_reserved") - F("d_debt")
    undone = Entry.objects.filter(account=OuterRef("account"), reverses=OuterRef("pk")).values(points=change)
    stays = entries.annotate(stays=change + Coalesce(Subquery(undone), 0))
    return stays.aggregate(points=Sum("stays", default=0))["points"]
