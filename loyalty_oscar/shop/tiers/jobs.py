"""The nightly work of levels: everybody is settled, ends are announced, and what nobody could be told is put off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics, unannounced
from loyalty_oscar.tiers.models import Ladder, Standing
from loyalty_oscar.tiers.operations import date_waiting_gifts, put_off, settle_all
from loyalty_oscar.tiers.queries import ladders_in_force, standings_ending

from ..notices.arrival import stage_of, told
from ..upkeep import jobs

TOPIC = "tier-ending"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "A level ends soon"),
        text="a level ends soon unless orders keep it (`LOYALTY_LEVEL_NOTICE_DAYS`)",
        payload={"standing": "key of the standing", "kept_until": "the moment, ISO 8601"},
    )
)
BATCH = 500


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
        raise jobs.NotAllDone(f"members whose level could not be looked at: {len(failed)}; the log says why")


def settled(*, ladder: Ladder, at: datetime, failed: Callable[[int], object] = lambda member_id: None) -> Iterator[int]:
    """Settle all members, many at a time."""
    walk = partial(settle_all, ladder=ladder, at=at, announced=_Announced(ladder, at), failed=failed)
    yield from jobs.walked(name="tiers", part=str(ladder.program_id), at=at, walk=walk)


def about(*, standing: Standing) -> str:
    """Return the name of a level's end in notices."""
    return f"standing:{standing.pk}:ends:{standing.kept_until:%Y-%m-%d}"


class _Announced:
    """Says of some members whose end is due and was really told; who was never reached often enough counts as told."""

    def __init__(self, ladder: Ladder, at: datetime) -> None:
        self.ladder, self.at = ladder, at

    def __call__(self, ids: Sequence[int]) -> set[int]:
        rows = list(_due(self.ladder, self.at).filter(member_id__in=ids))
        known = told(topic=TOPIC, abouts=[about(standing=row) for row in rows], at=self.at) if rows else set()
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
    """Announce levels that end soon, once for each of the days before; yields how many."""
    ending = standings_ending(ladder=ladder, after=at, until=at + timedelta(days=max(conf.LEVEL_NOTICE_DAYS)))
    rows = ending.iterator(chunk_size=BATCH)
    while chunk := list(islice(rows, BATCH)):
        yield _announce(chunk, at)


def _announce(rows: Sequence[Standing], at: datetime) -> int:
    happenings = []
    for row in rows:
        stage = stage_of(days=conf.LEVEL_NOTICE_DAYS, date=row.kept_until, at=at)
        named = about(standing=row)
        payload = {"standing": row.pk, "kept_until": row.kept_until.isoformat()}
        happenings.append(
            Happening(
                topic=TOPIC,
                key=f"{named}:{stage}",
                member_id=row.member_id,
                payload=payload,
                at=at,
                abouts={named: stage},
            )
        )
    news = unannounced(topic=TOPIC, happenings=happenings)
    with transaction.atomic(using=write_db()):
        announce_many(happenings=news)
    return len(news)


jobs.add(
    job=jobs.Job(
        name="tiers",
        title=pgettext_lazy("loyalty", "Moves members between levels"),
        what="levels moved or announced",
        run=run,
        nightly=True,
    )
)
