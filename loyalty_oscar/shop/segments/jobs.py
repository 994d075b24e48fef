"""The nightly look at who is in which segment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.models import Segment
from loyalty_oscar.program.segment_rules import JOB, count_segments, forget_past, look_at_members, programs_with_rules

from ..upkeep import jobs


def run(at: datetime) -> Iterator[int]:
    """
    Look at all members for all segments by rule, and count all segments; yields how many came or went.

    Raises `NotAllDone` in the end with those that could not be looked at; no other waits for them.
    """
    failed: dict[int, Segment] = {}

    def fails(segment: Segment) -> None:
        failed[segment.pk] = segment

    for program_id in programs_with_rules():
        walk = partial(look_at_members, program_id=program_id, at=at, failed=fails)
        yield from jobs.walked(name=JOB, part=str(program_id), at=at, walk=walk)
    count_segments(at=at, but=failed)
    forget_past(at=at)
    if failed:
        codes = ", ".join(sorted(segment.code for segment in failed.values()))
        raise jobs.NotAllDone(f"groups of members that stay as they were: {codes}; the log says why")


# What members are is known by then, and campaigns ask for it.
jobs.add(
    job=jobs.Job(
        name=JOB,
        title=pgettext_lazy("loyalty", "Looks who is in which group of members"),
        what="members who came into a group or left it",
        run=run,
        nightly=True,
    ),
    before="campaigns",
)
