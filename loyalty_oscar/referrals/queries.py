"""Reading referrals: the scheme in force, whose code it is, and whom a member brought."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.queries import remembered

from .models import Code, Referral, Scheme


def scheme_of(*, program_id: int) -> Scheme | None:
    """Return the scheme in force in a program, with the program, or None (remembered for a minute)."""
    schemes = Scheme.objects.filter(program_id=program_id, is_on=True).select_related("program")
    return remembered(key=("referral-scheme", program_id), load=schemes.first)


def giver_of(*, code: str, program_id: int) -> Code | None:
    """Return the code with its member, however it was typed; None where there is none in this program."""
    plain = "".join(c for c in code.lower() if c.isalnum())
    wanted = f"{plain[:4]}-{plain[4:]}" if len(plain) == 8 else plain
    rows = Code.objects.filter(code=wanted, member__program_id=program_id, member__merged_into=None)
    return rows.exclude(member__user=None).select_related("member__user", "member__program").first()


def referrals_of(*, program_id: int, user_ids: Iterable[Any]) -> dict[Any, Referral]:
    """Return who was brought among these customers, by user id, with both members. One query."""
    rows = Referral.objects.using(write_db()).filter(program_id=program_id, newcomer__user_id__in=list(user_ids))
    return {row.newcomer.user_id: row for row in rows.select_related("giver", "newcomer")}


def brought_by(*, member_id: int) -> QuerySet[Referral]:
    """Return whom a member brought, newest first, with the newcomers and their users."""
    return Referral.objects.filter(giver_id=member_id).select_related("newcomer__user").order_by("-bound_at", "-pk")


def rewarded_since(*, member_id: int, since: datetime, but: int) -> int:
    """Return how many friends brought a member a reward since a moment, one referral left out."""
    rows = Referral.objects.using(write_db()).filter(giver_id=member_id, rewarded_at__gte=since, giver_points__gt=0)
    return rows.exclude(pk=but).count()
