"""What a step on the ladder writes: the next row of history, the event, and the gifts of levels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any

from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.promise import GivenGift
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import gifts, give, take_back
from loyalty_oscar.program.queries import earns_at
from loyalty_oscar.program.registries import promise_of
from loyalty_oscar.program.rows import write_rows
from loyalty_oscar.program.signals import level_lost, level_reached

from . import rules
from .models import GivenTier, Ladder, Standing, Tier
from .queries import rules_of, tier_of_rank, tier_reason

#: Movers that are settled in one transaction.
TOGETHER = 1000
CODES = {
    "up": "tier_up",
    "given": "tier_given",
    "kept": "tier_kept",
    "recounted": "tier_recounted",
    "taken": "tier_taken",
    "down": "tier_down",
}
PLACED = "tier_placed"
UP, DOWN = "tier-up", "tier-down"
topics.register(UP)(
    Topic(
        title=pgettext_lazy("loyalty", "A level was reached"),
        text="a level was reached, or given by the shop",
        payload={"standing": "key of the new standing"},
    )
)
topics.register(DOWN)(
    Topic(
        title=pgettext_lazy("loyalty", "A level ended"),
        text="a level ended after its grace, as announced",
        payload={"standing": "key of the new standing"},
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stood:
    """
    What members stand on, by member: what their orders `counted`, the highest level that staff gave, and where years of
    membership count when they joined.
    """

    counted: Mapping[int, Sequence[rules.Counted]]
    given: Mapping[int, GivenTier]
    joined: Mapping[int, datetime] = field(default_factory=dict)

    def law(self, *, ladder: Ladder, member_id: int) -> rules.LadderTerms:
        """Return the ladder as it is for a member."""
        return rules_of(ladder=ladder, joined_at=self.joined.get(member_id))

    def ready_at(self, *, ladder: Ladder, tier: Tier, member_id: int, reached_at: datetime) -> datetime | None:
        """
        Return when the gift of a level is ready: once the orders that carried the climb can go back no more.

        None = not known yet. What staff gave can't go back.
        """
        given = self.given.get(member_id)
        if given and given.tier.rank >= tier.rank:
            return reached_at
        own, law = self.counted.get(member_id, ()), self.law(ladder=ladder, member_id=member_id)
        safe = rules.safe_from(counted=own, ladder=law, rank=tier.rank, at=reached_at)
        return safe and max(safe, reached_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A step that a member takes: from one row of history (None = the first) to the next."""

    member_id: int
    before: Standing | None
    step: rules.TierDecision
    gift: GivenTier | None

    @property
    def rank(self) -> int:
        return self.before.rank if self.before else 0

    @property
    def is_strict(self) -> bool:
        """Whether what it stands on then ends at its date to the second."""
        return bool(self.step.is_given and self.gift and self.gift.is_strict)

    @property
    def is_row(self) -> bool:
        """Whether it writes the next row of history: also where orders keep for longer what a descent had promised."""
        if self.step.why != "kept" or self.before is None:
            return True
        is_promise = not self.before.is_counted and self.before.because.get("c") != CODES["given"]
        return is_promise and self.step.is_counted and self.step.kept_until != self.before.kept_until

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is told: a return, or only what was ordered before the levels were set."""
        quiet = self.step.why in ("recounted", "taken", "kept")
        return quiet or (self.step.why == "up" and self.step.rank <= self.step.past)


def now_of(*, standing: Standing | None) -> rules.Now:
    """Return a row of history as the rules see where somebody stands."""
    if standing is None:
        return rules.Now()
    return rules.Now(
        rank=standing.rank,
        since=standing.starts_at,
        kept_until=standing.kept_until,
        is_counted=standing.is_counted,
        is_given=not standing.is_counted and standing.because.get("c") == CODES["given"],
        is_strict=standing.is_strict,
    )


def keep(*, ladder: Ladder, moves: Iterable[Move]) -> None:
    """Move the dates of levels, and write down what they stand on from now on; what was put off begins anew."""
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for move in moves:
        before, step = move.before, move.step
        if before is None:
            continue  # Who stood nowhere keeps nothing.
        because, actor = before.because, before.actor
        if (step.is_counted, step.is_given) != (before.is_counted, because.get("c") == CODES["given"]):
            because, actor = _because(ladder, move), _actor(move)
        alike[step.kept_until, step.is_counted, move.is_strict, json.dumps(because), actor].append(before.pk)
    for (until, is_counted, is_strict, because, actor), keys in alike.items():
        rows = Standing.objects.using(write_db()).filter(pk__in=keys)
        stands = {"is_counted": is_counted, "is_strict": is_strict, "because": json.loads(because), "actor": actor}
        rows.update(kept_until=until, extensions=0, **stands)


def take(*, ladder: Ladder, moves: Sequence[Move], stood: Stood, at: datetime) -> list[Standing]:
    """Write the next row of history of each, give and take gifts, and announce the steps."""
    if not moves:
        return []
    db = write_db()
    if left := [move.before.pk for move in moves if move.before]:
        Standing.objects.using(db).filter(pk__in=left).update(is_current=None)
    made = [_standing(ladder, move, at) for move in moves]
    write_rows(rows=made)
    has_gifts = any(promise_of(row=tier) for tier in ladder.known_tiers)
    is_earning = has_gifts and earns_at(phases=ladder.program.phases.using(db), at=at)
    losses = []
    for move, standing in zip(moves, made, strict=True):
        if standing.rank < move.rank:
            if since := take_gifts(ladder=ladder, move=move, standing=standing, at=at):
                losses.append((standing.member_id, standing.rank, since))
        elif is_earning:
            _give_gifts(ladder, move, standing, stood, at)
    if losses:
        level_lost.send(sender=Member, program_id=ladder.program_id, losses=losses, at=at)
    told = [pair for pair in zip(moves, made, strict=True) if not pair[0].is_quiet]
    announce_many(happenings=[_step(*pair, at) for pair in told])
    for move, standing in told:
        if standing.rank > move.rank:
            about = {"member_id": standing.member_id, "program_id": ladder.program_id, "rank": standing.rank}
            level_reached.send(sender=Member, **about, at=at)
    return made


def _standing(ladder: Ladder, move: Move, at: datetime) -> Standing:
    step = move.step
    return Standing(
        member_id=move.member_id,
        tier=tier_of_rank(ladder=ladder, rank=step.rank),
        rank=step.rank,
        starts_at=at,
        kept_until=step.kept_until,
        is_counted=step.is_counted or not step.rank,
        is_strict=move.is_strict,
        because=_because(ladder, move),
        actor=_actor(move),
    )


def _actor(move: Move) -> str:
    """Return by whom a level stands: staff for one that they gave, else the shop itself."""
    return move.gift.actor if move.step.is_given and move.gift else "system"


def _because(ladder: Ladder, move: Move) -> dict[str, Any]:
    step, tier = move.step, tier_of_rank(ladder=ladder, rank=move.step.rank)
    code = CODES[("kept" if move.is_row else "up") if step.why == "kept" else step.why]
    if step.is_given:
        code = CODES["given"]
    elif step.why == "up" and move.is_quiet:
        code = PLACED
    return tier_reason(code=code, tier=tier).to_json()


def _step(move: Move, standing: Standing, at: datetime) -> Happening:
    topic = UP if standing.rank > move.rank else DOWN
    payload = {"standing": standing.pk}
    return Happening(topic=topic, key=f"standing:{standing.pk}", member_id=move.member_id, payload=payload, at=at)


def _give_gifts(ladder: Ladder, move: Move, standing: Standing, stood: Stood, at: datetime) -> None:
    """
    Give the welcome gift of each level that was reached, once in a lifetime; it waits until the climb is safe.

    What orders of before reach by themselves brings one only where the ladder says so.
    """
    for tier in reached(ladder=ladder, rank=move.rank, step=move.step):
        if promise_of(row=tier):
            ready = stood.ready_at(ladder=ladder, tier=tier, member_id=move.member_id, reached_at=at)
            _give(tier, move.member_id, ready, at)


def reached(*, ladder: Ladder, rank: int, step: rules.TierDecision) -> list[Tier]:
    """Return the levels whose gift a step up from a rank brings."""
    first = rank if ladder.gifts_past else max(rank, step.past)
    return ladder.known_tiers[first : step.rank]


def _give(tier: Tier, member_id: int, ready_at: datetime | None, at: datetime) -> None:
    give(member_id=member_id, at=at, ready_at=ready_at, waits=True, anew=True, **_gift_of(tier))


def date_gifts(*, ladder: Ladder, standings: Mapping[int, Standing], stood: Stood, at: datetime) -> int:
    """
    Say when gifts of members that wait are ready, or that nobody knows any more; returns how many were dated.

    Whose accounts the caller holds locked. One query for each kind of gift where nothing changed.
    """
    known, dated = by_key(ladder=ladder), 0
    for gift in gifts(keys=known, member_ids=standings, waiting=True):
        tier, since = known[gift.key], standings[gift.member_id].starts_at
        ready = stood.ready_at(ladder=ladder, tier=tier, member_id=gift.member_id, reached_at=since)
        if ready != gift.ready_at:
            _give(tier, gift.member_id, ready, at)
            dated += 1
    return dated


def waiting_gifts(*, ladder: Ladder) -> list[int]:
    """Return the members with a gift of the ladder that waits. One query for each kind of gift."""
    return sorted({gift.member_id for gift in gifts(keys=by_key(ladder=ladder), waiting=True)})


def gifts_had(*, ladder: Ladder, member_id: int, since: datetime) -> list[tuple[Tier, GivenGift]]:
    """
    Return the gifts of levels that a member has had since a moment, lowest level first. No query where no level brings
    any.
    """
    if not any(promise_of(row=tier) for tier in ladder.known_tiers):
        return []
    known = by_key(ladder=ladder)
    had = {gift.key: gift for gift in gifts(keys=known, member_ids=[member_id], since=since)}
    return [(tier, had[key]) for key, tier in known.items() if key in had]


def by_key(*, ladder: Ladder) -> dict[str, Tier]:
    """Return the levels of a ladder, lowest first, by the keys of their gifts."""
    return {gift_source(tier=tier): tier for tier in ladder.known_tiers}


def take_gifts(*, ladder: Ladder, move: Move, standing: Standing, at: datetime) -> datetime | None:
    """
    Take back the gifts of levels that a return took away, if it was this climb that brought them; returns when the
    lowest of these levels had been climbed to, None where no return did.
    """
    if move.before is None or move.step.why not in ("recounted", "taken"):
        return None
    rows = Standing.objects.using(write_db()).filter(member_id=standing.member_id).exclude(pk=standing.pk)
    stood = list(takewhile(lambda row: row.because.get("c") != CODES["down"], rows.order_by("-starts_at", "-pk")))
    first = None
    for tier in ladder.known_tiers[standing.rank : move.rank]:
        climb = takewhile(partial(_reaches, tier), stood)
        since = min((row.starts_at for row in climb), default=move.before.starts_at)
        first = first or since
        told = {**_gift_of(tier), "because": tier_reason(code="tier_gift_back", tier=tier)}
        take_back(member_id=standing.member_id, at=at, since=since, **told)
    return first


def _reaches(tier: Tier, row: Standing) -> bool:
    return row.rank >= tier.rank


def _gift_of(tier: Tier) -> dict[str, Any]:
    because = tier_reason(code="tier_gift", tier=tier)
    return {"promise": promise_of(row=tier), "key": gift_source(tier=tier), "because": because}


def gift_source(*, tier: Tier) -> str:
    """Return the key of what a level gives."""
    return f"tier:{tier.pk}:gift"
