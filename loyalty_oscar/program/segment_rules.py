"""
Who is in a segment by rule: the traits are asked of all members in slices by night, and of one member after an answer.

Only differences are written. A segment whose trait fails stays as it was, and the others do not wait for it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from loyalty_oscar.kernel.periods import local_day

from .db import write_db
from .models import JobRun, Member, Segment, SegmentCount, SegmentMember
from .queries import members_within
from .registries import facts, traits
from .segments import change_members

#: So many members are looked at together, and the key after which there is none.
SLICE, LAST = 100_000, 2**63 - 1
#: The job that looks by night.
JOB = "segments"
#: So many members a fact is asked of at once.
TOGETHER = 10_000
#: So long it is known of who left a segment that they were in it.
KEPT_DAYS = 400
#: The fact that says of a member that personal content is allowed.
ALLOWS = "allows_personal"
logger = logging.getLogger("loyalty_oscar")
#: A trait as a segment holds it: its code and its parameters.
Asked = Mapping[str, Any]


class _Slice:
    """Some members of a program at a moment. Each trait is asked once, however many segments ask for it."""

    def __init__(self, *, program_id: int, ids: Collection[int], after: int, last: int, at: datetime) -> None:
        self.program_id, self.ids, self.after, self.last, self.at = program_id, frozenset(ids), after, last, at
        self._known: dict[str, frozenset[int]] = {}
        self._allowing: frozenset[int] | None = None

    def holders(self, asked: Sequence[Asked]) -> frozenset[int]:
        """Return those of whom all of these traits hold; nobody, where none is asked for."""
        found = self.ids if asked else frozenset()
        for one in asked:
            found &= self._of(one)
        return found

    def _of(self, asked: Asked) -> frozenset[int]:
        key = json.dumps([asked["trait"], asked["params"]], sort_keys=True)
        if key not in self._known:
            trait = traits.get(asked["trait"])
            # What fails in the database takes no transaction around it along.
            with transaction.atomic(using=write_db()):
                found = frozenset(
                    trait.holders(
                        program_id=self.program_id,
                        params=asked["params"],
                        at=self.at,
                        after=self.after,
                        last=self.last,
                    )
                )
            self._known[key] = found & self._allow() if trait.is_personal else found
        return self._known[key]

    def _allow(self) -> frozenset[int]:
        """Return those who allow personal content; nobody, where nobody knows."""
        if self._allowing is None:
            ids = sorted(self.ids) if ALLOWS in facts else []
            parts = (ids[start : start + TOGETHER] for start in range(0, len(ids), TOGETHER))
            told = (facts.get(ALLOWS)(members=part, at=self.at) for part in parts)
            self._allowing = frozenset(pk for found in told for pk, is_allowed in found.items() if is_allowed)
        return self._allowing


def _slices(*, program_id: int, at: datetime, after: int = 0) -> Iterator[_Slice]:
    """Yield all members of a program, with what lies behind the last of them, by their keys."""
    rows = members_within(program_id=program_id, after=after, last=LAST)
    last = after
    while last < LAST:
        ids = list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:SLICE])
        first, last = last, ids[-1] if len(ids) == SLICE else LAST
        yield _Slice(program_id=program_id, ids=ids, after=first, last=last, at=at)


def holders(*, program_id: int, asked: Sequence[Asked], at: datetime) -> Iterator[frozenset[int]]:
    """Yield, slice by slice, the members of whom all of these traits hold. Raises what a trait raises."""
    for part in _slices(program_id=program_id, at=at):
        yield part.holders(asked)


def programs_with_rules() -> list[int]:
    """Return the programs that have segments by rule. One query."""
    rows = Segment.objects.using(write_db()).filter(kind=Segment.Kind.RULE).order_by("program")
    return list(rows.values_list("program", flat=True).distinct())


def look_at_members(
    *, program_id: int, at: datetime, after: int = 0, failed: Callable[[Segment], object]
) -> Iterator[tuple[int, int]]:
    """
    Look at all members of a program behind a key, slice by slice; yields the last key of each slice and how many came
    or went. Of a segment that fails `failed` is told, and its slice stays as it was.
    """
    segments = _by_rule(program_id)
    for part in _slices(program_id=program_id, at=at, after=after):
        yield part.last, sum(_look(segment, part, failed) for segment in segments)


def look_at_segment(*, segment: Segment, at: datetime) -> int:
    """Look at all members for one segment, and count it; returns how many came or went. Raises what a trait raises."""
    changed = 0
    for part in _slices(program_id=segment.program_id, at=at):
        changed += _write(segment, part, part.holders(segment.traits))
    count_segments(segments=[segment], at=at)
    return changed


def look_at_member(*, member_id: int, at: datetime) -> int:
    """
    Look at once whether one member is in each segment by rule, as after an answer; returns how many came or went.

    What fails is logged, and stays for the night.
    """
    member = Member.objects.using(write_db()).filter(pk=member_id).first()
    if member is None:
        return 0
    ids = [member_id] if member.merged_into_id is None and member.user_id is not None else []
    part = _Slice(program_id=member.program_id, ids=ids, after=member_id - 1, last=member_id, at=at)
    return sum(_look(segment, part, lambda _segment: None) for segment in _by_rule(member.program_id))


def look_soon(*, at: datetime) -> None:
    """Have all segments looked at by the next jobs, though it was done tonight."""
    JobRun.objects.using(write_db()).filter(name=JOB).update(wanted_at=at)


def _by_rule(program_id: int) -> list[Segment]:
    rows = Segment.objects.using(write_db()).filter(program=program_id, kind=Segment.Kind.RULE)
    return list(rows.select_related("program").order_by("pk"))


def _look(segment: Segment, part: _Slice, failed: Callable[[Segment], object]) -> int:
    try:
        return _write(segment, part, part.holders(segment.traits))
    except Exception:
        logger.exception("nobody comes into the segment %s, or leaves it", segment.code)
        failed(segment)
        return 0


def _write(segment: Segment, part: _Slice, wanted: frozenset[int]) -> int:
    db = write_db()
    with transaction.atomic(using=db):
        stored = Segment.objects.using(db).select_for_update().filter(pk=segment.pk).first()
        if stored is None or stored.traits != segment.traits:
            return 0  # Deleted, or changed by staff, who had it looked at then.
        rows = SegmentMember.objects.using(db).filter(
            segment=segment, member_id__gt=part.after, member_id__lte=part.last
        )  # fmt: skip
        there = frozenset(rows.filter(is_current=True).values_list("member_id", flat=True))
        came, gone = wanted - there, there - wanted
        if came or gone:
            # Of those somebody knows better who looked at them after this moment: no stay ends before it began.
            newer = rows.filter(Q(since__gt=part.at) | Q(until__gt=part.at))
            known = frozenset(newer.values_list("member_id", flat=True))
            came, gone = came - known, gone - known
        return change_members(segment=stored, came=came, gone=gone, at=part.at)


def count_segments(*, segments: Sequence[Segment] | None = None, at: datetime, but: Collection[int] = ()) -> None:
    """Write down how many are in segments today, by their program's calendar: in these, or in all `but` some."""
    db = write_db()
    if segments is None:
        segments = list(Segment.objects.using(db).exclude(pk__in=but).select_related("program").order_by("pk"))
    for segment in segments:
        count = SegmentMember.objects.using(db).filter(segment=segment, is_current=True).count()
        Segment.objects.using(db).filter(pk=segment.pk).update(counted=count, counted_at=at)
        day = local_day(at=at, zone=segment.program.time_zone)
        SegmentCount.objects.using(db).update_or_create(segment=segment, day=day, defaults={"counted": count})


def forget_past(*, at: datetime) -> int:
    """Delete when members were in segments that they left long ago; returns how many rows went."""
    rows = SegmentMember.objects.using(write_db()).filter(is_current=None, until__lt=at - timedelta(days=KEPT_DAYS))
    return rows.delete()[0]
