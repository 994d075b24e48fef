"""Who is in a segment: asked for members, and changed for those that are lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import pgettext

from .db import write_db
from .hooks import merge_parts
from .models import Member, Segment, SegmentMember
from .registries import facts


class SegmentsFact:
    """The fact `segments`: in which segments a member is at a moment; who is in none is not in it."""

    def __call__(self, *, members: Sequence[int], at: datetime) -> Mapping[int, list[int]]:
        return {member_id: ids for (member_id, _at), ids in self.then(asked=[(pk, at) for pk in members]).items()}

    def then(self, *, asked: Collection[tuple[int, datetime]]) -> Mapping[tuple[int, datetime], list[int]]:
        """Return the segments of members, each at a moment of its own. One query."""
        rows = SegmentMember.objects.using(write_db()).filter(member_id__in={pk for pk, _at in asked})
        stays: dict[int, list[SegmentMember]] = defaultdict(list)
        for row in rows.order_by("segment_id"):
            stays[row.member_id].append(row)
        found = {
            (pk, at): sorted(
                {row.segment_id for row in stays[pk] if row.since <= at and (row.until is None or at < row.until)}
            )
            for pk, at in asked
        }
        return {pair: ids for pair, ids in found.items() if ids}


facts.register("segments")(SegmentsFact())


def segment_names(*, program_id: int | None) -> dict[int, str]:
    """Return what the segments of a program are called, by id; before one is chosen those of all. One query."""
    rows = Segment.objects.filter(program=program_id) if program_id else Segment.objects.all()
    return dict(rows.order_by("name").values_list("pk", "name"))


def segments_of(*, member_id: int) -> frozenset[int]:
    """Return the segments that a member is in. One query."""
    return segments_by_member(member_ids=[member_id]).get(member_id, frozenset())


def segments_by_member(*, member_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return the segments that each of these members is in; who is in none is not in it. One query."""
    rows = SegmentMember.objects.using(write_db()).filter(member_id__in=list(member_ids), is_current=True)
    found: dict[int, set[int]] = {}
    for member_id, segment_id in rows.values_list("member_id", "segment_id"):
        found.setdefault(member_id, set()).add(segment_id)
    return {member_id: frozenset(ids) for member_id, ids in found.items()}


def members_of(*, segment: Segment) -> frozenset[int]:
    """Return the members who are in a segment. One query."""
    rows = SegmentMember.objects.using(write_db()).filter(segment=segment, is_current=True)
    return frozenset(rows.values_list("member_id", flat=True))


def set_members(*, segment: Segment, member_ids: Collection[int], at: datetime) -> int:
    """Let exactly these members be in a segment from a moment on; returns how many came or went."""
    db = write_db()
    with transaction.atomic(using=db):
        Segment.objects.using(db).select_for_update().get(pk=segment.pk)
        before, wanted = members_of(segment=segment), frozenset(member_ids)
        if before == wanted and segment.counted_at:
            return 0
        gone = SegmentMember.objects.using(db).filter(segment=segment, is_current=True, member_id__in=before - wanted)
        gone.update(is_current=None, until=at)
        SegmentMember.objects.using(db).bulk_create(
            [SegmentMember(segment=segment, member_id=pk, since=at) for pk in sorted(wanted - before)], batch_size=1000
        )
        Segment.objects.using(db).filter(pk=segment.pk).update(counted=len(wanted), counted_at=at)
    segment.counted, segment.counted_at = len(wanted), at
    return len(before ^ wanted)


def forget_member(*, member: Member, at: datetime) -> None:
    """Take a member out of every segment, and out of its past."""
    for segment_id in segments_of(member_id=member.pk):
        segment = Segment(pk=segment_id)
        set_members(segment=segment, member_ids=members_of(segment=segment) - {member.pk}, at=at)
    SegmentMember.objects.using(write_db()).filter(member=member).delete()


class SegmentsMove:
    """Who becomes one with another member is in the other's place in every segment."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say in which segments the other member is from then on."""
        names = segment_names(program_id=member.program_id)
        for pk in sorted(segments_of(member_id=member.pk)):
            yield pgettext("loyalty", "Is on the list “%(segment)s” from then on.") % {"segment": names[pk]}

    def move(self, *, member: Member, into: Member, at: datetime) -> dict[str, list[int]]:
        """Put the other member in; returns where the first was, and where the other came in."""
        before, there = segments_of(member_id=member.pk), segments_of(member_id=into.pk)
        for pk in sorted(before):
            segment = Segment(pk=pk)
            wanted = members_of(segment=segment) - {member.pk} | {into.pk}
            set_members(segment=segment, member_ids=wanted, at=at)
        return {"was": sorted(before), "came": sorted(before - there)}

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Put the member in again, and take the other out where it came in by the merge."""
        for pk in moved["was"]:
            segment = Segment.objects.using(write_db()).filter(pk=pk).first()
            if segment is not None:
                out = {into.pk} if pk in moved["came"] else set()
                set_members(segment=segment, member_ids=members_of(segment=segment) - out | {member.pk}, at=at)


merge_parts.register("segments", order=5)(SegmentsMove())
