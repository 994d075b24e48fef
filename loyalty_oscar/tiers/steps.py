"""What a step on the ladder writes: the next row of history, the letter about it, and the gifts of levels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import Outbox
from loyalty_oscar.program.operations import put_messages
from loyalty_oscar.program.queries import earns_at
from loyalty_oscar.program.registries import grants

from . import rules
from .models import GivenTier, Ladder, Standing, Tier
from .queries import tier_of_rank

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


def keep(*, ladder: Ladder, moves: Iterable[Move]) -> None:
    """Move the dates of levels, and write down what they stand on from now on; what was put off begins anew."""
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for move in moves:
        before, step = move.before, move.step
        because = before.because
        if (step.is_counted, step.is_given) != (before.is_counted, because.get("c") == CODES["given"]):
            because = _because(ladder, move)
        alike[step.kept_until, step.is_counted, json.dumps(because)].append(before.pk)
    for (until, is_counted, because), keys in alike.items():
        rows = Standing.objects.using(write_db()).filter(pk__in=keys)
        rows.update(kept_until=until, is_counted=is_counted, because=json.loads(because), extensions=0)


def take(*, ladder: Ladder, moves: Sequence[Move], at: datetime) -> list[Standing]:
    """Write the next row of history of each, give and take gifts, and put the letters into the outbox."""
    if not moves:
        return []
    db = write_db()
    if left := [move.before.pk for move in moves if move.before]:
        Standing.objects.using(db).filter(pk__in=left).update(is_current=None)
    made = Standing.objects.using(db).bulk_create([_standing(ladder, move, at) for move in moves], batch_size=TOGETHER)
    has_gifts = any(tier.gift_points for tier in ladder.known_tiers)
    is_earning = has_gifts and earns_at(phases=ladder.program.phases.using(db), at=at)
    for move, standing in zip(moves, made, strict=True):
        if standing.rank < move.rank:
            take_gifts(ladder=ladder, move=move, standing=standing, at=at)
        elif is_earning:
            _give_gifts(ladder, move, standing, at)
    put_messages(messages=[_letter(*pair, at) for pair in zip(moves, made, strict=True) if not pair[0].is_quiet])
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
        because=_because(ladder, move),
        actor=move.gift.actor if step.is_given and move.gift else "system",
    )


def _because(ladder: Ladder, move: Move) -> dict[str, Any]:
    step, tier = move.step, tier_of_rank(ladder=ladder, rank=move.step.rank)
    code = CODES[("kept" if move.is_row else "up") if step.why == "kept" else step.why]
    if step.is_given:
        code = CODES["given"]
    elif step.why == "up" and move.is_quiet:
        code = PLACED
    return Because(code, tier=tier.name if tier else "").to_json()


def _letter(move: Move, standing: Standing, at: datetime) -> Outbox:
    topic = "tier-up" if standing.rank > move.rank else "tier-down"
    payload = {"standing": standing.pk}
    return Outbox(
        topic=topic, key=f"standing:{standing.pk}", member_id=move.member_id, payload=payload, created_at=at, next_at=at
    )


def _give_gifts(ladder: Ladder, move: Move, standing: Standing, at: datetime) -> None:
    """
    Give the welcome gift of each level that was reached, once in a lifetime.

    What orders of before reach by themselves brings one only where the ladder says so.
    """
    first = move.rank if ladder.gifts_past else max(move.rank, move.step.past)
    for tier in ladder.known_tiers[first : standing.rank]:
        if tier.gift_points and "points" in grants:
            reward = {"points": tier.gift_points}
            grants.get("points").grant(member_id=standing.member_id, reward=reward, at=at, **_gift_of(tier))


def take_gifts(*, ladder: Ladder, move: Move, standing: Standing, at: datetime) -> None:
    """Take back the gifts of levels that a return took away, if it was this climb that brought them."""
    if move.step.why not in ("recounted", "taken") or "points" not in grants:
        return
    rows = Standing.objects.using(write_db()).filter(member_id=standing.member_id).exclude(pk=standing.pk)
    stood = list(takewhile(lambda row: row.because.get("c") != CODES["down"], rows.order_by("-starts_at", "-pk")))
    for tier in ladder.known_tiers[standing.rank : move.rank]:
        climb = takewhile(lambda row, floor=tier.rank: row.rank >= floor, stood)
        since = min((row.starts_at for row in climb), default=move.before.starts_at)
        grants.get("points").revoke(member_id=standing.member_id, at=at, since=since, **_gift_of(tier))


def _gift_of(tier: Tier) -> dict[str, Any]:
    return {"key": f"tier:{tier.pk}:gift", "because": Because("tier_gift", tier=tier.name)}
