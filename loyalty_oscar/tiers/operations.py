"""Moving members on the ladder: settle what orders and the calendar say, and give a level by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import Member, Outbox
from loyalty_oscar.program.operations import put_messages
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.registries import grants

from . import rules
from .models import GivenTier, Ladder, Standing, Tier
from .movers import movers
from .queries import counted_of, given_to, rules_of, tier_of_rank

#: Members whose sums are looked at in one statement, and movers that are settled in one transaction.
CHUNK, TOGETHER = 100_000, 1000
#: So long after a ladder changed everybody is looked at closely.
CHANGED = timedelta(days=2)
CODES = {
    "up": "tier_up",
    "given": "tier_given",
    "recounted": "tier_recounted",
    "taken": "tier_taken",
    "down": "tier_down",
}
PLACED = "tier_placed"
KNOWN = ("rank", "starts_at", "kept_until", "is_counted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A step that a member takes: from one row of history (None = the first) to the next."""

    member_id: int
    before: Standing | None
    step: rules.Step
    gift: GivenTier | None

    @property
    def rank(self) -> int:
        return self.before.rank if self.before else 0

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is told: a return, or only what was ordered before the levels were set."""
        return self.step.why in ("recounted", "taken") or (self.step.why == "up" and self.step.rank <= self.step.past)


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
    back. State-based: called again it changes nothing. Reads in bulk and writes in bulk, and only for those who move.
    """
    ids, db = sorted(set(member_ids)), write_db()
    if not ids:
        return []
    with transaction.atomic(using=db):
        if any(tier.gift_points for tier in ladder.known_tiers):
            # Accounts are locked before anything of ours, here as where an order is looked at.
            list(Account.objects.using(db).select_for_update().filter(member_id__in=ids).order_by("pk").values("pk"))
        rows = Standing.objects.using(db).filter(member_id__in=ids, is_current=True).order_by("member_id")
        current = {row.member_id: row for row in rows.select_for_update().only("member_id", *KNOWN)}
        moves = _decided(ladder, ids, current, at, announced, taken)
        _keep([move for move in moves if move.step.why == "kept"])
        return _move(ladder, [move for move in moves if move.step.why != "kept"], at)


def _decided(
    ladder: Ladder,
    ids: Sequence[int],
    current: Mapping[int, Standing],
    at: datetime,
    announced: Collection[int],
    taken: Collection[int],
) -> list[Move]:
    """Return what the rules decide for these members, of those who take a step."""
    counted, given, law = counted_of(member_ids=ids), given_to(member_ids=ids, at=at), rules_of(ladder=ladder)
    moves = []
    for member_id in ids:
        gift, before = given.get(member_id), current.get(member_id)
        step = rules.decide(
            now=_now(before),
            counted=counted.get(member_id, ()),
            ladder=law,
            at=at,
            given=(gift.tier.rank, gift.until) if gift else (0, None),
            announced=member_id in announced,
            taken=member_id in taken,
        )
        if step:
            moves.append(Move(member_id=member_id, before=before, step=step, gift=gift))
    return moves


def _now(row: Standing | None) -> rules.Now:
    if row is None:
        return rules.Now()
    return rules.Now(rank=row.rank, since=row.starts_at, kept_until=row.kept_until, is_counted=row.is_counted)


def _keep(moves: Iterable[Move]) -> None:
    """Move the dates of levels that are kept for longer."""
    by_date: dict[datetime | None, list[int]] = defaultdict(list)
    for move in moves:
        by_date[move.step.kept_until].append(move.before.pk)
    for until, keys in by_date.items():
        Standing.objects.using(write_db()).filter(pk__in=keys).update(kept_until=until)


def _move(ladder: Ladder, moves: Sequence[Move], at: datetime) -> list[Standing]:
    """Write the next row of history of each, give and take gifts, and put the letters into the outbox."""
    if not moves:
        return []
    db = write_db()
    if left := [move.before.pk for move in moves if move.before]:
        Standing.objects.using(db).filter(pk__in=left).update(is_current=None)
    made = Standing.objects.using(db).bulk_create([_standing(ladder, move, at) for move in moves], batch_size=TOGETHER)
    for move, standing in zip(moves, made, strict=True):
        _gifts(ladder, move, standing, at)
    put_messages(messages=[_letter(*pair, at) for pair in zip(moves, made, strict=True) if not pair[0].is_quiet])
    return made


def _standing(ladder: Ladder, move: Move, at: datetime) -> Standing:
    step, tier = move.step, tier_of_rank(ladder=ladder, rank=move.step.rank)
    code = PLACED if step.why == "up" and move.is_quiet else CODES[step.why]
    return Standing(
        member_id=move.member_id,
        tier=tier,
        rank=step.rank,
        starts_at=at,
        kept_until=step.kept_until,
        is_counted=step.why in ("up", "recounted", "taken"),
        because=Because(code, tier=tier.name if tier else "").to_json(),
        actor=move.gift.actor if step.why == "given" and move.gift else "system",
    )


def _letter(move: Move, standing: Standing, at: datetime) -> Outbox:
    topic = "tier-up" if standing.rank > move.rank else "tier-down"
    payload = {"standing": standing.pk}
    return Outbox(
        topic=topic, key=f"standing:{standing.pk}", member_id=move.member_id, payload=payload, created_at=at, next_at=at
    )


def _gifts(ladder: Ladder, move: Move, standing: Standing, at: datetime) -> None:
    """
    Give the welcome gift of each level that was reached, and take back those of levels a return took away.

    What orders of before reach by themselves brings one only where the ladder says so.
    """
    old, new = move.rank, standing.rank
    first = old if ladder.gifts_past else max(old, move.step.past)
    for tier in ladder.known_tiers[min(first, new) : max(old, new)]:
        if not tier.gift_points or "points" not in grants:
            continue
        because, key = Because("tier_gift", tier=tier.name), f"tier:{tier.pk}:gift"
        if new > old:
            reward = {"points": tier.gift_points}
            grants.get("points").grant(member_id=standing.member_id, reward=reward, key=key, because=because, at=at)
        elif move.step.why in ("recounted", "taken"):
            grants.get("points").revoke(member_id=standing.member_id, key=key, because=because, at=at)


def settle_all(
    *,
    ladder: Ladder,
    at: datetime,
    announced: Callable[[Sequence[int]], Collection[int]] = lambda ids: (),
    after: int = 0,
) -> Iterator[tuple[int, int]]:
    """
    Settle every member of a ladder, many thousand at a time; yields (last member's key, how many moved).

    Lets the database find those who may have to move, and looks at nobody else; only when the ladder has just been
    changed at everybody. `announced` is asked, for some of them at a time, whose descent was told in time. Begins
    after the member `after`, so a run that was cut short can go on where it stood.
    """
    members = Member.objects.using(write_db()).filter(program_id=ladder.program_id, merged_into=None).order_by("pk")
    is_new = ladder.set_at is not None and at < ladder.set_at + CHANGED
    end = members.values_list("pk", flat=True).last() or 0
    while after < end:
        keys = members.filter(pk__gt=after).values_list("pk", flat=True)
        last = next(iter(keys[CHUNK - 1 : CHUNK]), end)
        ids = list(keys.filter(pk__lte=last)) if is_new else movers(ladder=ladder, after=after, last=last, at=at)
        for start in range(0, len(ids), TOGETHER):
            some = ids[start : start + TOGETHER]
            yield some[-1], len(settle(ladder=ladder, member_ids=some, at=at, announced=announced(some)))
        yield last, 0
        after = last


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


def put_off(*, standing_ids: Collection[int], until: datetime) -> int:
    """Move the date of levels whose end could not be announced; `extensions` counts how often. Returns how many."""
    rows = Standing.objects.using(write_db()).filter(pk__in=standing_ids, is_current=True)
    return rows.update(kept_until=until, extensions=F("extensions") + 1)


def set_out(*, ladder: Ladder, at: datetime) -> None:
    """
    Note that a ladder is new, switched on again, or asks for something else from this moment on.

    Whom orders from before it lift is placed without a letter, and without a gift unless the ladder says otherwise.
    """
    Ladder.objects.using(write_db()).filter(pk=ladder.pk).update(set_at=at)
    ladder.set_at = at
    forget_cache()


def keep_all(*, ladder: Ladder) -> int:
    """
    Let everybody keep the present level to its date, whatever the ladder asks from now on; returns how many.

    For a ladder that got steeper: nobody falls because the shop changed its mind.
    """
    rows = Standing.objects.using(write_db()).filter(is_current=True, rank__gt=0, is_counted=True)
    return rows.filter(member__program_id=ladder.program_id).update(is_counted=False)
