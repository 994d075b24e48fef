"""The nightly work of levels: everybody is settled, ends are announced, and what nobody could be told is put off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import QuerySet

from loyalty_oscar.kernel import periods
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import JobRun, Outbox
from loyalty_oscar.program.operations import note_run, put_messages
from loyalty_oscar.tiers.models import Ladder, Standing
from loyalty_oscar.tiers.operations import date_waiting_gifts, put_off, settle_all
from loyalty_oscar.tiers.queries import ladders_in_force, standings_ending

from .. import jobs
from ..models import Notice
from ..notices.arrival import told

KIND = "tier"
#: Days before its date on which the end of a level is announced.
STAGES = (15, 60)
BATCH = 500
#: A walk that was cut short goes on where it stood within this time, and later from the beginning.
FRESH = timedelta(hours=20)


def run(at: datetime) -> Iterator[int]:
    """
    Settle, put off and announce, ladder by ladder; yields how many moved or were told.

    Raises `NotAllDone` in the end where somebody could not be settled; nobody else waits for that.
    """
    failed: list[int] = []
    for ladder in ladders_in_force():
        yield from settled(ladder=ladder, at=at, failed=failed.append)
        yield from date_waiting_gifts(ladder=ladder, at=at)
        yield from postponed(ladder=ladder, at=at)
        yield from announced(ladder=ladder, at=at)
    if failed:
        raise jobs.NotAllDone(f"{len(failed)} member(s) could not be settled; the log says why")


def settled(*, ladder: Ladder, at: datetime, failed: Callable[[int], object] = lambda member_id: None) -> Iterator[int]:
    """Settle all members, many at a time. Where it stands is kept, so that it goes on there when cut short."""
    name = f"tiers:{ladder.program_id}"
    before = JobRun.objects.using(write_db()).filter(name=name, finished_at=None, started_at__gt=at - FRESH).first()
    last, began = (before.done, before.started_at) if before else (0, at)
    for member_id, moved in settle_all(
        ladder=ladder, at=at, announced=_Announced(ladder, at), after=last, failed=failed
    ):
        last = member_id
        note_run(name=name, started_at=began, finished_at=None, done=last)
        yield moved
    note_run(name=name, started_at=began, finished_at=at, done=last)


def about(*, standing: Standing) -> str:
    """Return the name of a level's end in notices."""
    return f"standing:{standing.pk}:ends:{standing.kept_until:%Y-%m-%d}"


class _Announced:
    """Says of some members whose end is due and was really told; who was never reached often enough counts as told."""

    def __init__(self, ladder: Ladder, at: datetime) -> None:
        self.ladder, self.at = ladder, at

    def __call__(self, ids: Sequence[int]) -> set[int]:
        rows = list(_due(self.ladder, self.at).filter(member_id__in=ids))
        known = told(abouts=[about(standing=row) for row in rows], at=self.at, kind=KIND) if rows else set()
        most = self.ladder.program.max_extensions
        return {row.member_id for row in rows if about(standing=row) in known or (most and row.extensions >= most)}


def _due(ladder: Ladder, at: datetime) -> QuerySet[Standing]:
    return standings_ending(ladder=ladder, after=None, until=at - timedelta(days=ladder.grace_days))


def postponed(*, ladder: Ladder, at: datetime) -> Iterator[int]:
    """Move the date of levels that would have ended had it been announced to the end of the next month."""
    until = periods.end_of_month_after(at=at, months=1, zone=ladder.program.time_zone)
    while due := list(_due(ladder, at).values_list("pk", flat=True)[:BATCH]):
        yield put_off(standing_ids=due, until=until)


def announced(*, ladder: Ladder, at: datetime) -> Iterator[int]:
    """Write the notices of levels that end within 60 and 15 days, once each; yields how many."""
    ending = standings_ending(ladder=ladder, after=at, until=at + timedelta(days=STAGES[-1]))
    rows = ending.iterator(chunk_size=BATCH)
    while chunk := list(islice(rows, BATCH)):
        yield _announce(chunk, at)


def _announce(rows: Sequence[Standing], at: datetime) -> int:
    wanted: dict[str, Notice] = {}
    messages: dict[str, Outbox] = {}
    for row in rows:
        stage = next(days for days in STAGES if row.kept_until <= at + timedelta(days=days))
        named = about(standing=row)
        key, day = f"{named}:{stage}", row.kept_until.isoformat()
        wanted[key] = Notice(member_id=row.member_id, kind=KIND, about=named, key=key, created_at=at)
        payload = {"standing": row.pk, "kept_until": day, "notice": key}
        messages[key] = Outbox(
            topic="tier-ending", key=key, member_id=row.member_id, payload=payload, created_at=at, next_at=at
        )
    there = set(Notice.objects.using(write_db()).filter(kind=KIND, key__in=list(wanted)).values_list("key", flat=True))
    missing = [key for key in wanted if key not in there]
    with transaction.atomic(using=write_db()):
        Notice.objects.using(write_db()).bulk_create([wanted[key] for key in missing], ignore_conflicts=True)
        put_messages(messages=[messages[key] for key in missing])
    return len(missing)


jobs.add(job=jobs.Job(name="tiers", what="levels moved or announced", run=run, nightly=True))
