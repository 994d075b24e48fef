"""Moving members on the ladder: settle what orders and the calendar say, and give a level by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models import F

from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import touch_version
from loyalty_oscar.program.registries import promise_of
from loyalty_oscar.program.signals import level_lost, level_would_be_lost

from . import rules
from .candidates import candidates
from .models import GivenTier, Ladder, Score, Standing, Tier
from .moves import CODES, TOGETHER, Move, Stood, date_gifts, keep, now_of, take, take_gifts, waiting_gifts
from .queries import counted_of, given_to, joined_of, promised_to, rules_of, tier_name

logger = logging.getLogger("loyalty_oscar")
#: Members whose sums are looked at in one statement.
CHUNK = 100_000
#: So long after a ladder changed everybody is looked at closely.
CHANGED = timedelta(days=2)
KNOWN = ("member_id", "rank", "starts_at", "kept_until", "is_counted", "is_strict", "because", "actor")


def settle(
    *,
    ladder: Ladder,
    member_ids: Iterable[int],
    at: datetime,
    announced: Collection[int] = (),
    taken: Collection[int] = (),
    dates_gifts: bool = True,
) -> list[Standing]:
    """
    Bring the standings of these members in line with what their orders count; returns the new ones.

    `announced` are members whose descent was told in time, `taken` those whose present level staff gave and took
    back. Gifts that wait are told when they are ready, unless `dates_gifts` is False. State-based: called again it
    changes nothing. Reads in bulk and writes in bulk, and only for those who move.
    """
    ids, db = sorted(set(member_ids)), write_db()
    if not ids:
        return []
    with transaction.atomic(using=db):
        gifts = [tier for tier in ladder.known_tiers if promise_of(row=tier)]
        # Accounts are locked before anything of ours, here as where an order is looked at: gifts go to them and from
        # them, and so may what others gave for a level.
        waiting = _waiting(ids) if gifts or level_lost.has_listeners(Member) else frozenset()
        if any(tier.reward_id for tier in gifts):  # No account says of a reward that it is on the way.
            waiting = frozenset(ids)
        current, stood = _current(ids), _stood(ladder, ids, at)
        moves = _decided(ladder, ids, current, stood, at, announced, taken)
        keep(ladder=ladder, moves=[move for move in moves if not move.is_row])
        made = take(ladder=ladder, moves=[move for move in moves if move.is_row], stood=stood, at=at)
        least = gifts[0].rank if gifts else inf
        found = {pk: row for pk, row in current.items() if pk in waiting and row.rank >= least}
        if found and dates_gifts:
            date_gifts(ladder=ladder, standings=found, stood=stood, at=at)
        return made


def _waiting(ids: Collection[int]) -> frozenset[int]:
    """Lock the accounts of these members, and return those with something on the way."""
    accounts = Account.objects.using(write_db()).select_for_update().filter(member_id__in=ids).order_by("pk")
    return frozenset(member_id for member_id, pending in accounts.values_list("member_id", "pending") if pending)


def date_waiting_gifts(*, ladder: Ladder, at: datetime) -> Iterator[int]:
    """
    Say of every gift that waits when it is ready, also of levels that bring none by now; yields how many were dated.

    Orders date them as they are looked at; this finds what nobody told.
    """
    ids = waiting_gifts(ladder=ladder)
    for start in range(0, len(ids), TOGETHER):
        some = ids[start : start + TOGETHER]
        with transaction.atomic(using=write_db()):
            _waiting(some)
            yield date_gifts(ladder=ladder, standings=_current(some), stood=_stood(ladder, some, at), at=at)


def _stood(ladder: Ladder, ids: Collection[int], at: datetime, instead: Collection[Score] = ()) -> Stood:
    """
    Return what members stand on: what their orders count, and what staff gave. Two queries, three where years of
    membership count.
    """
    counted = counted_of(member_ids=ids, instead=instead) if instead else counted_of(member_ids=ids)
    joined = joined_of(ladder=ladder, member_ids=ids)
    return Stood(counted=counted, given=given_to(member_ids=ids, at=at), joined=joined)


def take_gifts_of(
    *, ladder: Ladder, member_ids: Collection[int], instead: Collection[Score], at: datetime
) -> list[tuple[int, int]]:
    """
    Take the gifts that members would lose if some orders counted so `instead`; nothing else happens, nothing is locked.
    Returns from which rank to which levels would fall.

    For showing what a return would do: called where the ledger writes nothing.
    """
    ids = sorted(set(member_ids))
    rows = Standing.objects.using(write_db()).filter(is_current=True, member_id__in=ids).only(*KNOWN)
    current = {row.member_id: row for row in rows}
    falls, losses = [], []
    for move in _decided(ladder, ids, current, _stood(ladder, ids, at, instead), at):
        if move.is_row and move.step.rank < move.rank:
            falls.append((move.rank, move.step.rank))
            standing = Standing(member_id=move.member_id, rank=move.step.rank)
            if since := take_gifts(ladder=ladder, move=move, standing=standing, at=at):
                losses.append((standing.member_id, standing.rank, since))
    if losses:
        level_would_be_lost.send(sender=Member, program_id=ladder.program_id, losses=losses, at=at)
    return falls


def _current(ids: Collection[int]) -> dict[int, Standing]:
    """Return where these members stand, locked; who stands nowhere yet is locked as a member, so that one is first."""
    rows = Standing.objects.using(write_db()).filter(is_current=True).select_for_update().order_by("member_id")
    rows = rows.only(*KNOWN)
    found = {row.member_id: row for row in rows.filter(member_id__in=ids)}
    if new := set(ids) - set(found):
        lock_members(member_ids=new)
        found |= {row.member_id: row for row in rows.filter(member_id__in=new)}
    return found


def lock_members(*, member_ids: Collection[int]) -> None:
    """Wait until nobody else makes the first standing of these members, without keeping out what points to them."""
    plain = not connections[write_db()].features.has_select_for_no_key_update
    members = Member.objects.using(write_db()).select_for_update(no_key=not plain).order_by("pk")
    list(members.filter(pk__in=member_ids).values("pk"))


def _decided(
    ladder: Ladder,
    ids: Sequence[int],
    current: Mapping[int, Standing],
    stood: Stood,
    at: datetime,
    announced: Collection[int] = (),
    taken: Collection[int] = (),
) -> list[Move]:
    """Return what the rules decide for these members, of those who take a step."""
    law = rules_of(ladder=ladder)
    moves = []
    for member_id in ids:
        gift, before = stood.given.get(member_id), current.get(member_id)
        step = rules.decide(
            now=now_of(standing=before),
            counted=stood.counted.get(member_id, ()),
            ladder=stood.law(ladder=ladder, member_id=member_id) if stood.joined else law,
            at=at,
            given=(gift.tier.rank, gift.until) if gift else (0, None),
            announced=member_id in announced,
            taken=member_id in taken,
        )
        if step:
            moves.append(Move(member_id=member_id, before=before, step=step, gift=gift))
    return _held(moves, law, at)


def _held(moves: list[Move], law: rules.LadderTerms, at: datetime) -> list[Move]:
    """Let those who fall at once keep what their last descent left them."""
    falling = [move.member_id for move in moves if move.step.why in ("recounted", "taken")]
    kept = promised_to(member_ids=falling, at=at) if falling else {}
    promised = {pk: row for pk, row in kept.items() if row.rank > law.base}
    return [
        replace(move, step=rules.held(step=move.step, promise=(row.rank, row.kept_until)))
        if (row := promised.get(move.member_id))
        else move
        for move in moves
    ]


def settle_all(
    *,
    ladder: Ladder,
    at: datetime,
    announced: Callable[[Sequence[int]], Collection[int]] = lambda ids: (),
    after: int = 0,
    failed: Callable[[int], object] = lambda member_id: None,
) -> Iterator[tuple[int, int]]:
    """
    Settle every member of a ladder, many thousand at a time; yields (last member's key, how many moved).

    Lets the database find those who may have to move, and looks at nobody else; only when the ladder has just been
    changed at everybody. `announced` is asked, for some of them at a time, whose descent was told in time. Begins
    after the member `after`, so a run that was cut short can go on where it stood. Who cannot be settled stands in the
    log, is told to `failed`, and does not keep the others waiting.
    """
    members = Member.objects.using(write_db()).filter(program_id=ladder.program_id, merged_into=None).order_by("pk")
    is_new = ladder.set_at is not None and at < ladder.set_at + CHANGED
    end = members.values_list("pk", flat=True).last() or 0
    while after < end:
        keys = members.filter(pk__gt=after).values_list("pk", flat=True)
        last = next(iter(keys[CHUNK - 1 : CHUNK]), end)
        ids = list(keys.filter(pk__lte=last)) if is_new else candidates(ladder=ladder, after=after, last=last, at=at)
        for start in range(0, len(ids), TOGETHER):
            some = ids[start : start + TOGETHER]
            yield some[-1], _settled(ladder, some, at, announced(some), failed)
        yield last, 0
        after = last


def _settled(
    ladder: Ladder, ids: Sequence[int], at: datetime, announced: Collection[int], failed: Callable[[int], object]
) -> int:
    """Settle these members, one by one where together they fail; returns how many moved."""
    try:
        return len(settle(ladder=ladder, member_ids=ids, at=at, announced=announced))
    except Exception as error:
        if len(ids) == 1 and isinstance(error, OperationalError | InterfaceError):
            # It is not the member: the database is away, and the walk goes on later where it stands.
            raise
        if len(ids) == 1:
            logger.exception("member %s could not be settled", ids[0])
            failed(ids[0])
            return 0
    return sum(_settled(ladder, [one], at, announced, failed) for one in ids)


def give_tier(
    *,
    ladder: Ladder,
    member_id: int,
    tier: Tier,
    until: datetime | None,
    reason: str,
    actor: str,
    at: datetime,
    source: str | None = None,
    is_strict: bool = False,
) -> GivenTier:
    """
    Give a member a level, from now to a date (None = until taken back): a floor, whatever the orders say.

    `source` names what gives it, once ("plan:7"; None is staff); one that `is_strict` ends at its date to the second.
    Raises `LoyaltyError` without a reason or with a date in the past, `NotAllowed` for a level of another ladder and
    for the one that every member has.
    """
    if not reason.strip():
        raise LoyaltyError("say why the level is given")
    if until is not None and until <= at:
        raise LoyaltyError("the end must lie in the future")
    if tier.ladder_id != ladder.pk:
        raise NotAllowed(f"“{tier_name(tier=tier)}” is no level of this program")
    if tier.is_everybodys:
        raise NotAllowed(f"every member has “{tier_name(tier=tier)}”")
    with transaction.atomic(using=write_db()):
        gift = GivenTier.objects.using(write_db()).create(
            member_id=member_id,
            tier=tier,
            starts_at=at,
            until=until,
            reason=reason.strip(),
            actor=actor,
            source=source,
            is_strict=is_strict,
        )
        settle(ladder=ladder, member_ids=[member_id], at=at)
    return gift


def take_given(*, ladder: Ladder, gift: GivenTier, at: datetime) -> None:
    """End a level that was given by hand; the member stands where the orders say. Ended once it stays ended."""
    with transaction.atomic(using=write_db()):
        rows = GivenTier.objects.using(write_db()).filter(pk=gift.pk)
        if gift.starts_at >= at:
            rows.delete()
        else:
            rows.update(until=at)
        current = Standing.objects.using(write_db()).filter(member_id=gift.member_id, is_current=True).first()
        was_given = current is not None and current.because.get("c") == CODES["given"]
        taken = [gift.member_id] if was_given else []
        settle(ladder=ladder, member_ids=[gift.member_id], at=at, taken=taken)


def put_off(*, standing_ids: Collection[int], until: datetime) -> int:
    """
    Move the date of levels whose end could not be announced; `extensions` counts how often. Returns how many.

    What another run has moved so far already is left alone.
    """
    rows = Standing.objects.using(write_db()).filter(pk__in=standing_ids, is_current=True, kept_until__lt=until)
    return rows.update(kept_until=until, extensions=F("extensions") + 1)


def set_out(*, ladder: Ladder, at: datetime) -> None:
    """
    Note that a ladder is new, switched on again, or asks for something else from this moment on.

    Whom orders from before it lift is placed without a letter, and without a gift unless the ladder says otherwise.
    """
    Ladder.objects.using(write_db()).filter(pk=ladder.pk).update(set_at=at)
    ladder.set_at = at
    touch_version(program_id=ladder.program_id)


def keep_all(*, ladder: Ladder, ranks: Collection[int] | None = None) -> int:
    """
    Let everybody on these ranks (None = all) keep the level to its date, whatever the ladder asks; returns how many.

    For levels that got steeper: nobody falls because the shop changed its mind.
    """
    rows = Standing.objects.using(write_db()).filter(is_current=True, rank__gt=0, is_counted=True)
    rows = rows if ranks is None else rows.filter(rank__in=ranks)
    return rows.filter(member__program_id=ladder.program_id).update(is_counted=False)
