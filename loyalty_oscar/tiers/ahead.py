"""What an order would lift a member to, and the gifts that this brings: the same decision, made for showing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from loyalty_oscar.ledger.models import Entry, Kind
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.operations import gifts
from loyalty_oscar.program.registries import promise_of

from . import rules
from .models import Ladder, Standing, Tier
from .moves import gift_source, now_of, reached
from .queries import counted_of, given_to, rules_of


def gifts_ahead(
    *,
    ladder: Ladder,
    member_id: int | None,
    standing: Standing | None,
    value: int,
    at: datetime,
    joined_at: datetime | None = None,
) -> list[Tier]:
    """
    Return the levels with a gift that an order of this value (what the ladder's metric counts) would reach now.

    Two queries for a member and one more where a level with a gift is reached; `member_id` None has nothing yet.
    """
    known = counted_of(member_ids=[member_id])[member_id] if member_id else []
    gift = given_to(member_ids=[member_id], at=at).get(member_id) if member_id else None
    step = rules.decide(
        now=now_of(standing=standing),
        counted=[*known, rules.Counted(at=at, value=value)],
        ladder=rules_of(ladder=ladder, joined_at=joined_at or at),
        at=at,
        given=(gift.tier.rank, gift.until) if gift else (0, None),
    )
    rank = standing.rank if standing else 0
    if step is None or step.rank <= rank:
        return []
    found = [tier for tier in reached(ladder=ladder, rank=rank, step=step) if promise_of(row=tier)]
    there = _given(member_id, found) if member_id and found else set()
    return [tier for tier in found if tier.pk not in there]


def _given(member_id: int, tiers: Iterable[Tier]) -> set[int]:
    """Return the levels whose gift a member has: given, and not taken back since."""
    by_key = {gift_source(tier=tier): tier.pk for tier in tiers}
    found = {by_key[gift.key] for gift in gifts(keys=by_key, member_ids=[member_id]) if gift.reward}
    taken: dict[int, int] = {}
    for start, pk in by_key.items():
        rows = Entry.objects.using(write_db()).filter(account__member_id=member_id, key__startswith=start)
        kinds = [key.removeprefix(start).split(":")[1:2] for key in rows.values_list("key", flat=True)]
        if kinds:
            taken[pk] = kinds.count(["back"]) - kinds.count(["again"])
    return found | {pk for pk, times in taken.items() if times <= 0}


def gifts_since(*, ladder: Ladder, account_id: int, since: datetime) -> list[tuple[Tier, int]]:
    """Return the gifts of levels that came into an account from a moment on, with their points. One query."""
    by_key = {gift_source(tier=tier): tier for tier in ladder.known_tiers}
    rows = Entry.objects.using(write_db()).filter(account_id=account_id, effective_at__gte=since)
    rows = rows.filter(kind__in=(Kind.EARN, Kind.ADJUST, Kind.RESTORE), key__startswith="tier:").order_by("seq")
    found = []
    for key, available, pending in rows.values_list("key", "d_available", "d_pending"):
        start, _gift, more = key.partition(":gift")
        tier = by_key.get(f"{start}:gift")
        if tier and (not more or more.startswith(":again:")) and available + pending > 0:
            found.append((tier, available + pending))
    return found
