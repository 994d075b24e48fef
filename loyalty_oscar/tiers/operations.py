"""Moving members on the ladder: settle what orders and the calendar say, and give a level by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import put_message
from loyalty_oscar.program.registries import grants

from . import rules
from .models import GivenTier, Ladder, Standing, Tier
from .queries import counted_of, given_to, movers, rules_of, tier_of_rank

CHUNK = 2000
CODES = {
    "up": "tier_up",
    "given": "tier_given",
    "kept": "tier_kept",
    "recounted": "tier_recounted",
    "taken": "tier_taken",
    "down": "tier_down",
}


def settle(
    *,
    ladder: Ladder,
    member_ids: Iterable[int],
    at: datetime,
    announced: Collection[int] = (),
    taken: Collection[int] = (),
) -> list[Standing]:
    """
    Bring the standings of these members in line with what their orders count; returns the new ones.

    `announced` are members whose descent was told in time, `taken` those whose present level staff gave and took
    back. State-based: called again it changes nothing. Reads four tables in bulk, and writes only for those who move.
    """
    ids, db = sorted(set(member_ids)), write_db()
    if not ids:
        return []
    with transaction.atomic(using=db):
        rows = Standing.objects.using(db).filter(member_id__in=ids, is_current=True).order_by("member_id")
        current = {row.member_id: row for row in rows.select_for_update()}
        counted, given, ladder_rules = (
            counted_of(member_ids=ids),
            given_to(member_ids=ids, at=at),
            rules_of(ladder=ladder),
        )
        made = []
        for member_id in ids:
            gift = given.get(member_id)
            step = rules.decide(
                now=_now(current.get(member_id)),
                counted=counted.get(member_id, ()),
                ladder=ladder_rules,
                at=at,
                given=(gift.tier.rank, gift.until) if gift else (0, None),
                announced=member_id in announced,
                taken=member_id in taken,
            )
            if step and step.why == "kept" and member_id in current:
                Standing.objects.using(db).filter(pk=current[member_id].pk).update(kept_until=step.kept_until)
            elif step:
                made.append(_move(ladder, member_id, current.get(member_id), step, gift, at))
        return made


def _now(row: Standing | None) -> rules.Now:
    if row is None:
        return rules.Now()
    return rules.Now(rank=row.rank, since=row.starts_at, kept_until=row.kept_until, is_counted=row.is_counted)


def _move(
    ladder: Ladder, member_id: int, before: Standing | None, step: rules.Step, gift: GivenTier | None, at: datetime
) -> Standing:
    db, tier = write_db(), tier_of_rank(ladder=ladder, rank=step.rank)
    if before:
        Standing.objects.using(db).filter(pk=before.pk).update(is_current=None)
    by_hand = step.why == "given"
    standing = Standing.objects.using(db).create(
        member_id=member_id,
        tier=tier,
        rank=step.rank,
        starts_at=at,
        kept_until=step.kept_until,
        is_counted=step.why in ("up", "recounted", "taken"),
        because=Because(CODES[step.why], tier=tier.name if tier else "").to_json(),
        actor=gift.actor if by_hand and gift else "system",
    )
    _gifts(ladder, standing, before, at)
    if step.why not in ("recounted", "taken"):
        topic = "tier-up" if step.rank > (before.rank if before else 0) else "tier-down"
        put_message(
            topic=topic, key=f"standing:{standing.pk}", member_id=member_id, payload={"standing": standing.pk}, at=at
        )
    return standing


def _gifts(ladder: Ladder, standing: Standing, before: Standing | None, at: datetime) -> None:
    """Give the welcome gift of each level that was reached, and take back those of levels a return took away."""
    old, new = before.rank if before else 0, standing.rank
    for tier in ladder.known_tiers[min(old, new) : max(old, new)]:
        if not tier.gift_points or "points" not in grants:
            continue
        because, key = Because("tier_gift", tier=tier.name), f"tier:{tier.pk}:gift"
        if new > old:
            reward = {"points": tier.gift_points}
            grants.get("points").grant(member_id=standing.member_id, reward=reward, key=key, because=because, at=at)
        elif standing.because["c"] in ("tier_recounted", "tier_taken"):
            grants.get("points").revoke(member_id=standing.member_id, key=key, because=because, at=at)


def settle_all(
    *,
    ladder: Ladder,
    at: datetime,
    announced: Callable[[Sequence[int]], Collection[int]] = lambda ids: (),
    after: int = 0,
) -> Iterator[tuple[int, int]]:
    """
    Settle every member of a ladder, some thousand at a time; yields (last member's key, how many moved).

    Looks at sums first and only then at those who may have to move. `announced` is asked, for each some thousand,
    whose descent was told in time. Begins after the member `after`, so a run that was cut short can go on where it
    stood.
    """
    members = Member.objects.using(write_db()).filter(program_id=ladder.program_id, merged_into=None).order_by("pk")
    while ids := list(members.filter(pk__gt=after).values_list("pk", flat=True)[:CHUNK]):
        may_move = movers(ladder=ladder, after=after, last=ids[-1], at=at).intersection(ids)
        after = ids[-1]
        told = announced(sorted(may_move)) if may_move else ()
        yield after, len(settle(ladder=ladder, member_ids=may_move, at=at, announced=told))


def give_tier(
    *, ladder: Ladder, member_id: int, tier: Tier, until: datetime | None, reason: str, actor: str, at: datetime
) -> GivenTier:
    """
    Give a member a level by hand, from now to a date (None = until taken back): a floor, whatever the orders say.

    Raises `LoyaltyError` without a reason or with a date in the past, `NotAllowed` for a level of another ladder.
    """
    if not reason.strip():
        raise LoyaltyError("say why the level is given")
    if until is not None and until <= at:
        raise LoyaltyError("the end must lie in the future")
    if tier.ladder_id != ladder.pk:
        raise NotAllowed(f"“{tier.name}” is no level of this program")
    with transaction.atomic(using=write_db()):
        gift = GivenTier.objects.create(
            member_id=member_id, tier=tier, starts_at=at, until=until, reason=reason.strip(), actor=actor
        )
        settle(ladder=ladder, member_ids=[member_id], at=at)
    return gift


def take_given(*, ladder: Ladder, gift: GivenTier, at: datetime) -> None:
    """End a level that was given by hand; the member stands where the orders say. Ended once it stays ended."""
    with transaction.atomic(using=write_db()):
        rows = GivenTier.objects.filter(pk=gift.pk)
        if gift.starts_at >= at:
            rows.delete()
        else:
            rows.update(until=at)
        current = Standing.objects.using(write_db()).filter(member_id=gift.member_id, is_current=True).first()
        was_given = current is not None and current.because.get("c") == CODES["given"]
        taken = [gift.member_id] if was_given else []
        settle(ladder=ladder, member_ids=[gift.member_id], at=at, taken=taken)


def put_off(*, standing: Standing, until: datetime) -> None:
    """Move the date of a level whose end could not be announced; `extensions` counts how often."""
    rows = Standing.objects.using(write_db()).filter(pk=standing.pk, is_current=True)
    rows.update(kept_until=until, extensions=F("extensions") + 1)


def keep_all(*, ladder: Ladder) -> int:
    """
    Let everybody keep the present level to its date, whatever the ladder asks from now on; returns how many.

    For a ladder that got steeper: nobody falls because the shop changed its mind.
    """
    rows = Standing.objects.using(write_db()).filter(is_current=True, rank__gt=0, is_counted=True)
    return rows.filter(member__program_id=ladder.program_id).update(is_counted=False)
