"""Who is in a segment: asked for members, and changed for those that are lists (`segment_rules` has the others)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import pgettext

from loyalty_oscar.kernel.errors import LoyaltyError

from .db import write_db
from .hooks import merge_parts
from .models import Member, Segment, SegmentMember
from .registries import facts
from .rows import TOGETHER, write_rows


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
    """
    Let exactly these members be on a list from a moment on; returns how many came or went.

    Raises `LoyaltyError` for a segment by rule: its traits say who is in it.
    """
    db = write_db()
    with transaction.atomic(using=db):
        stored = Segment.objects.using(db).select_for_update().get(pk=segment.pk)
        if stored.kind != Segment.Kind.LIST:
            raise LoyaltyError(f"who is in the segment {stored.code} is decided by its traits")
        before, wanted = members_of(segment=segment), frozenset(member_ids)
        if before == wanted and segment.counted_at:
            return 0
        changed = change_members(segment=stored, came=wanted - before, gone=before - wanted, at=at)
        Segment.objects.using(db).filter(pk=segment.pk).update(counted=len(wanted), counted_at=at)
    segment.counted, segment.counted_at = len(wanted), at
    return changed


def change_members(*, segment: Segment, came: Collection[int], gone: Collection[int], at: datetime) -> int:
    """Write down who came into a segment and who left it; returns how many. The caller holds the segment's lock."""
    if not came and not gone:
        return 0
    db = write_db()
    rows, left = SegmentMember.objects.using(db).filter(segment=segment, is_current=True), sorted(gone)
    for start in range(0, len(left), TOGETHER):
        rows.filter(member_id__in=left[start : start + TOGETHER]).update(is_current=None, until=at)
    write_rows(rows=[SegmentMember(segment=segment, member_id=pk, since=at) for pk in sorted(came)])
    counted = F("counted") + len(came) - len(gone)
    Segment.objects.using(db).filter(pk=segment.pk).update(counted=counted, counted_at=at)
    return len(came) + len(gone)


def forget_member(*, member: Member) -> None:
    """Take a member out of every segment, and out of its past."""
    db = write_db()
    with transaction.atomic(using=db):
        rows = Segment.objects.using(db).filter(rows__member=member, rows__is_current=True)
        ids = list(rows.order_by("pk").values_list("pk", flat=True))
        there = Segment.objects.using(db).filter(pk__in=ids)
        list(there.order_by("pk").select_for_update())
        SegmentMember.objects.using(db).filter(member=member).delete()
        there.update(counted=F("counted") - 1)


class SegmentsMove:
    """
    Who becomes one with another member is in the other's place on every list. Segments by rule stay as they are: the
    next look decides who is in them.
    """

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say on which lists the other member is from then on."""
        names = segment_names(program_id=member.program_id)
        for pk in sorted(_lists_of(member)):
            yield pgettext("loyalty", "Is in the group “%(segment)s” from then on.") % {"segment": names[pk]}

    def move(self, *, member: Member, into: Member, at: datetime) -> dict[str, list[int]]:
        """Put the other member in; returns where the first was, and where the other came in."""
        before, there = _lists_of(member), _lists_of(into)
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


def _lists_of(member: Member) -> frozenset[int]:
    rows = SegmentMember.objects.using(write_db()).filter(member=member, is_current=True)
    return frozenset(rows.filter(segment__kind=Segment.Kind.LIST).values_list("segment_id", flat=True))


merge_parts.register("segments", order=5)(SegmentsMove())
