"""Reading referrals: the scheme in force, whose code it is, and whom a member brought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet, Sum

from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import remembered, versions

from .models import Code, Referral, Scheme
from .rules import read_code


def schemes() -> dict[int, Scheme]:
    """Return every scheme with its program, also one switched off, by program (remembered)."""
    return remembered(key="referral-schemes", version=versions(), load=_schemes)


def _schemes() -> dict[int, Scheme]:
    rows = Scheme.objects.using(write_db()).select_related("program", "giver_reward", "newcomer_reward")
    return {row.program_id: row for row in rows}


def scheme_of(*, program_id: int) -> Scheme | None:
    """Return the scheme in force in a program, with the program, or None."""
    found = schemes().get(program_id)
    return found if found and found.is_on else None


def giver_of(*, code: str, program_id: int) -> Code | None:
    """
    Return the code with its member, however it was typed; None where there is none in this program. The code of who was
    merged into another member leads to that one.
    """
    wanted = read_code(text=code)
    if not wanted:
        return None
    rows = Code.objects.using(write_db()).filter(code=wanted, member__program_id=program_id)
    found = rows.select_related("member__program", "member__merged_into__program").first()
    if found and found.member.merged_into is not None:
        found.member = found.member.merged_into
    return found if found and found.member.user_id is not None else None


def referrals_about(*, program_id: int, orders: Sequence[OrderFacts]) -> QuerySet[Referral]:
    """
    Return the referrals of these orders' customers, also of those who go on as a newcomer since they were merged, and
    those that hang on one of these orders, whose customer may be gone.
    """
    users = {order.user_id for order in orders} - {None}
    known = Referral.objects.filter(program_id=program_id).values("pk")
    # Not one condition with "or": each part has an index of its own.
    wanted = known.filter(newcomer__user_id__in=users).union(
        known.filter(newcomer__merged__user_id__in=users), known.filter(order_id__in=[o.order_id for o in orders])
    )
    return Referral.objects.using(write_db()).filter(pk__in=wanted)


def locked_referrals(
    *, program_id: int, orders: Sequence[OrderFacts]
) -> tuple[dict[int, Referral], dict[Any, Referral]]:
    """
    Return the referrals about these orders by order id and by user id, with both members and the program.

    The rows are locked, so call it within a transaction; one query where nobody was brought.
    """
    rows = referrals_about(program_id=program_id, orders=orders).select_for_update().order_by("pk")
    members, programs = Member.objects.using(write_db()), Program.objects.using(write_db())
    found = list(rows.prefetch_related(Prefetch("giver", members), Prefetch("program", programs)))
    return {row.order_id: row for row in found if row.order_id}, _by_user(found)


def _by_user(found: Sequence[Referral]) -> dict[Any, Referral]:
    """Read the newcomers of referrals, and return these by the logins that lead to each. One query, if any."""
    known: dict[int | None, Referral] = {row.newcomer_id: row for row in found}
    rows = Member.objects.using(write_db()).filter(Q(pk__in=known) | Q(merged_into__in=known)) if known else ()
    by_user = {}
    for member in rows:
        if own := known.get(member.pk):
            own.newcomer = member
        by_user[member.user_id] = own or known[member.merged_into_id]
    return by_user


def brought_by(*, member_id: int) -> QuerySet[Referral]:
    """Return whom a member brought, newest first, with the newcomers and their users."""
    rows = Referral.objects.filter(giver_id=member_id).select_related("newcomer__user", "giver_reward")
    return rows.order_by("-bound_at", "-pk")


def totals(*, member_id: int, at: datetime) -> dict[str, int]:
    """Return how many a member brought (`count`), and the points that this brought: `ready` and on the `way`."""
    mine = Q(state=Referral.State.REWARDED, rewarded_at__isnull=False, is_over_cap=False)
    points = {"ready": Q(ready_at__lte=at), "way": Q(ready_at=None) | Q(ready_at__gt=at)}
    sums = {name: Sum("giver_points", filter=mine & when, default=0) for name, when in points.items()}
    return Referral.objects.filter(giver_id=member_id).aggregate(count=Count("pk"), **sums)


def referrals_of(*, member: Member) -> QuerySet[Referral]:
    """Return the referrals on either side of which a member stands."""
    return Referral.objects.using(write_db()).filter(Q(giver=member) | Q(newcomer=member))


def was_brought(*, program_id: int, user_id: Any) -> bool:
    """Return whether a person was brought into a program already."""
    return Referral.objects.filter(program_id=program_id, newcomer__user_id=user_id).exists()


def about_newcomer(*, member_id: int) -> Referral | None:
    """Return by whom a member was brought, with both members, who invited and the program, or None. One query."""
    rows = Referral.objects.using(write_db()).filter(newcomer_id=member_id)
    return rows.select_related("giver__user", "newcomer", "program", "newcomer_reward").first()


def came_before(*, program_id: int, mark: str, but: int) -> bool:
    """Return whether a newcomer with this mailbox had a first order before, one referral left out."""
    rows = Referral.objects.using(write_db()).filter(program_id=program_id, mark=mark)
    return bool(mark) and rows.exclude(pk=but).exists()


def rewarded_since(*, member_id: int, since: datetime, but: int) -> int:
    """Return how many friends bring a member a reward since a moment, one referral left out."""
    rows = Referral.objects.using(write_db()).filter(giver_id=member_id, rewarded_at__gte=since, is_over_cap=False)
    return rows.exclude(pk=but).count()
