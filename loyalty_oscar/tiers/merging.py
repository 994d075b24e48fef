"""Levels, when two members become one: orders of both count, and the higher standing of the two stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import merged_at

from .models import GivenTier, Score, Standing
from .moves import now_of
from .operations import settle
from .queries import given_to, ladder_of, tier_name, tier_reason

#: What a standing that goes on has from the one before.
LIKE = ("tier", "rank", "kept_until", "is_counted", "is_strict", "extensions")


class LevelsMove:
    """Nobody loses a level by a merge, and the two may reach one together that neither had."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say that orders count together, and which level stands."""
        found = _now([member, into])
        if not found and not Score.objects.filter(member=member).exists():
            return
        yield pgettext("loyalty", "Orders of both count for the level.")
        before, other = found.get(into.pk), found.get(member.pk)
        if other and other.tier and _is_higher(other, before):
            text = pgettext("loyalty", "The level %(level)s moves: it is the higher one.")
            yield text % {"level": tier_name(tier=other.tier)}

    def move(self, *, member: Member, into: Member, at: datetime) -> dict[str, Any]:
        """Move what counts, let the higher standing stand, and settle it; nobody is written to about the first."""
        now = _now([member, into])
        gone, kept = now.get(member.pk), now.get(into.pk)
        moved: dict[str, Any] = {
            "scores": _moved(Score, member, into),
            "given": _moved(GivenTier, member, into),
            "gone": gone.pk if gone else None,
            "kept": kept.pk if kept else None,
        }
        if gone:
            Standing.objects.using(write_db()).filter(pk=gone.pk).update(is_current=None)
        if gone and _is_higher(gone, kept):
            _stand_on(into.pk, gone, "tier_merged", at)
        if ladder := ladder_of(program_id=into.program_id):
            # No gift is ready by what the other one bought: a merge may be undone, and what is ready stays so.
            settle(ladder=ladder, member_ids=[into.pk], at=at, dates_gifts=False)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Let each count alone again, and stand where they stood."""
        Score.objects.using(write_db()).filter(pk__in=moved["scores"]).update(member=member)
        GivenTier.objects.using(write_db()).filter(pk__in=moved["given"]).update(member=member)
        rows = (
            Standing.objects.using(write_db())
            .select_related("tier")
            .in_bulk([pk for pk in (moved["gone"], moved["kept"]) if pk])
        )
        ladder = ladder_of(program_id=into.program_id)
        if ladder:
            # What was reached together goes, and its gift with it.
            settle(ladder=ladder, member_ids=[into.pk], at=at)
        now, kept = _now([into]).get(into.pk), rows.get(moved["kept"]) or Standing(rank=0)
        # What own orders carry by now was reached since, and stays.
        has_climbed = now is not None and now.is_counted and now.rank > kept.rank
        if now is not None and not has_climbed and any(getattr(now, name) != getattr(kept, name) for name in LIKE):
            _stand_on(into.pk, kept, "tier_parted", at)
        # Where the merge alone had put them is no promise of theirs.
        was = Standing.objects.using(write_db()).filter(member=into, is_current=None, because__c="tier_merged")
        was.filter(starts_at=merged_at(member=member, into=into)).update(is_counted=True)
        if gone := rows.get(moved["gone"]):
            _stand_on(member.pk, gone, "tier_parted", at)
        if ladder:
            taken = [member.pk] if gone and _is_taken(gone, member, at) else []
            settle(ladder=ladder, member_ids=[into.pk, member.pk], at=at, taken=taken)


def _now(members: list[Member]) -> dict[int, Standing]:
    rows = Standing.objects.using(write_db()).filter(member__in=members, is_current=True).select_related("tier")
    return {row.member_id: row for row in rows}


def _is_higher(one: Standing, other: Standing | None) -> bool:
    """Return whether a standing is better than another: a higher level, or the same one for longer."""
    if other is None or one.rank != other.rank:
        return one.rank > (other.rank if other else 0)
    if one.kept_until is None or other.kept_until is None:
        return one.kept_until is None and other.kept_until is not None
    return one.kept_until > other.kept_until


def _moved(model: Any, member: Member, into: Member) -> list[int]:
    rows = model.objects.using(write_db()).filter(member=member)
    keys = list(rows.order_by("pk").values_list("pk", flat=True))
    rows.update(member=into)
    return keys


def _is_taken(before: Standing, member: Member, at: datetime) -> bool:
    """Return whether staff gave what a member stood on, and took it back before its date since."""
    lasts = before.kept_until is None or before.kept_until > at
    return lasts and now_of(standing=before).is_given and member.pk not in given_to(member_ids=[member.pk], at=at)


def _stand_on(member_id: int, like: Standing, code: str, at: datetime) -> None:
    """Write the next row of a member's history: where another row stands. What staff gave goes on as that."""
    Standing.objects.using(write_db()).filter(member_id=member_id, is_current=True).update(is_current=None)
    is_given = now_of(standing=like).is_given
    Standing.objects.using(write_db()).create(
        member_id=member_id,
        starts_at=at,
        because=like.because if is_given else tier_reason(code=code, tier=like.tier).to_json(),
        actor=like.actor if is_given else "system",
        **{name: getattr(like, name) for name in LIKE},
    )


merge_parts.register("tiers", order=30)(LevelsMove())
