"""Reading referrals: the scheme in force, whose code it is, and whom a member brought."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import remembered

from .models import Code, Referral, Scheme
from .rules import read_code


def schemes() -> dict[int, Scheme]:
    """Return every scheme with its program, also one switched off, by program (remembered for a minute)."""
    rows = Scheme.objects.select_related("program")
    return remembered(key="referral-schemes", load=lambda: {row.program_id: row for row in rows})


def scheme_of(*, program_id: int) -> Scheme | None:
    """Return the scheme in force in a program, with the program, or None."""
    found = schemes().get(program_id)
    return found if found and found.is_on else None


def giver_of(*, code: str, program_id: int) -> Code | None:
    """Return the code with its member, however it was typed; None where there is none in this program."""
    wanted = read_code(text=code)
    if not wanted:
        return None
    rows = Code.objects.using(write_db()).filter(code=wanted, member__program_id=program_id, member__merged_into=None)
    return rows.exclude(member__user=None).select_related("member__program").first()


def locked_referrals(*, program_id: int, user_ids: Iterable[Any]) -> dict[Any, Referral]:
    """
    Return who was brought among these customers, by user id, with both members and the program.

    The rows are locked, so call it within a transaction; one query where nobody was brought.
    """
    members = Member.objects.filter(program_id=program_id, user_id__in=list(user_ids)).values("pk")
    rows = Referral.objects.using(write_db()).select_for_update().filter(newcomer_id__in=members).order_by("pk")
    return {row.newcomer.user_id: row for row in rows.prefetch_related("giver", "newcomer", "program")}


def brought_by(*, member_id: int) -> QuerySet[Referral]:
    """Return whom a member brought, newest first, with the newcomers and their users."""
    return Referral.objects.filter(giver_id=member_id).select_related("newcomer__user").order_by("-bound_at", "-pk")


def was_brought(*, program_id: int, user_id: Any) -> bool:
    """Return whether a person was brought into a program already."""
    return Referral.objects.filter(program_id=program_id, newcomer__user_id=user_id).exists()


def rewarded_since(*, member_id: int, since: datetime, but: int) -> int:
    """Return how many friends bring a member a reward since a moment, one referral left out."""
    rows = Referral.objects.using(write_db()).filter(giver_id=member_id, rewarded_at__gte=since, is_over_cap=False)
    return rows.exclude(pk=but).count()
