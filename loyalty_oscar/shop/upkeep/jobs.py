"""What is to be done again and again, in this order: by cron (`loyalty_run`) or by a queue (the task `jobs`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.errors import LoyaltyError, in_short
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.ledger.operations import HoldOutcome
from loyalty_oscar.ledger.operations.holds import asked_with, is_news
from loyalty_oscar.ledger.operations.skipping import AccountsSkipped, Skips
from loyalty_oscar.ledger.receivers import catch_up
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import JobRun, Program, State
from loyalty_oscar.program.operations import keep_place, note_run
from loyalty_oscar.program.tasks import task

from .. import notices
from ..orders import sync
from ..pricing import history
from ..self_service.erasure import finish_erasures
from ..storefront import basket_holds

logger = logging.getLogger("loyalty_oscar")
#: So long a nightly job that has not ended is taken to be at work; then its process is taken to have died.
AT_WORK = timedelta(hours=2)
#: A walk that was cut short goes on where it stood within this time, and later from the beginning.
FRESH = timedelta(hours=20)


class NotAllDone(LoyaltyError):
    """A job did what it could and something is left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """
    A piece of work: `run(at)` does it step by step and yields how much each step did.

    A nightly job is done once a day (in Django's time zone), at the first occasion. One that `asks_since` is called
    with the moment of its last run that went well (None = not known), too. `title` says to a shop keeper what it does,
    `what` names the things that are counted.
    """

    name: str
    title: str | Promise = ""
    what: str
    run: Callable[..., Iterator[int]]
    nightly: bool = False
    asks_since: bool = False

    def is_due(self, *, at: datetime) -> bool:
        """Return whether a nightly job has not been done today, and nobody is at it; the others always are."""
        last = JobRun.objects.using(write_db()).filter(name=self.name).first() if self.nightly else None
        if last is None:
            return True
        if last.finished_at is None:
            return bool(last.error) or last.started_at < at - AT_WORK
        return last.wanted_at is not None or _day(last.started_at) < _day(at)


def _day(at: datetime) -> object:
    return timezone.localtime(at).date()


def _sweep(at: datetime, *, everything: bool = False) -> Iterator[int]:
    failed = 0
    for step in sync.sweep(at=at, everything=everything):
        failed += step.failed
        yield step.looked_at
    if failed:
        raise NotAllDone(f"orders that could not be looked at: {failed}; loyalty_doctor says why")


def _nightly(at: datetime) -> Iterator[int]:
    yield from _sweep(at, everything=True)


def _mature(at: datetime) -> Iterator[int]:
    for _account, points in ledger.mature_due(at=at):
        yield points


def _expire(at: datetime) -> Iterator[int]:
    paused = tuple(Program.objects.using(write_db()).filter(state=State.PAUSED).values_list("pk", flat=True))
    for _account, points in ledger.expire_due(at=at, skip_programs=paused):
        yield points


def _holds(at: datetime) -> Iterator[int]:
    skips = Skips()
    for account_ids in _accounts_to_settle(at):
        for account_id in account_ids:
            given_back = 0
            with skips.account(account_id):
                given_back = ledger.settle_holds(account_id=account_id, fates=basket_holds.fates, at=at)
            yield given_back
    skips.tell()


def _programs(at: datetime) -> Iterator[int]:
    yield from catch_up(at=at)


def _accounts_to_settle(at: datetime) -> Iterator[list[int]]:
    """Walk through all open holds, some hundred at a time, for those that are over or began or ended to be paid."""
    last = ""
    # By slot, which only open holds have: its index tells them from all that ever were.
    holds = Hold.objects.using(write_db()).annotate(**asked_with(at=at)).order_by("slot")
    while held := list(holds.filter(slot__gt=last)[: conf.SWEEP_BATCH]):
        last, told = held[-1].slot, basket_holds.fates(held)
        news = (hold for hold in held if is_news(hold=hold, fate=told.get(hold.origin, HoldOutcome()), at=at))
        yield sorted({hold.account_id for hold in news})


def _notices(at: datetime) -> Iterator[int]:
    yield from notices.announce_expiry(at=at)


def _ready(at: datetime) -> Iterator[int]:
    yield from notices.announce_ready(at=at)


def _inbox(at: datetime) -> Iterator[int]:
    while cleared := notices.clear_inbox(at=at):
        yield cleared


def _messages(at: datetime) -> Iterator[int]:
    yield from notices.deliver(at=at)


def _prices(at: datetime) -> Iterator[int]:
    if sync.any_program_begun():
        yield from history.record_all(at=at)


def _moments(at: datetime, since: datetime | None) -> Iterator[int]:
    if sync.any_program_begun():
        yield from history.record_moments(since=since, at=at)


def look_at_prices(**kwargs: Any) -> None:
    """Have all prices written down by the next call, because a sale or a member price was changed (a receiver)."""
    JobRun.objects.using(write_db()).filter(name="prices").update(wanted_at=clock.now())


def _farewells(at: datetime) -> Iterator[int]:
    yield from finish_erasures(at=at)


#: Notices come before expiry, because they move the date of what could not be announced. Features add theirs.
JOBS = [
    Job(
        name="sweep",
        title=pgettext_lazy("loyalty", "Counts new and changed orders"),
        what="orders looked at",
        run=_sweep,
    ),
    Job(
        name="nightly",
        title=pgettext_lazy("loyalty", "Looks at every open order once a night"),
        what="orders looked at",
        run=_nightly,
        nightly=True,
    ),
    Job(
        name="mature",
        title=pgettext_lazy("loyalty", "Makes ready what orders brought, after the return period"),
        what="points made ready",
        run=_mature,
    ),
    Job(
        name="ready",
        title=pgettext_lazy("loyalty", "Tells members what is ready"),
        what="accounts told what became ready",
        run=_ready,
        nightly=True,
    ),
    Job(
        name="notices",
        title=pgettext_lazy("loyalty", "Tells members what runs out soon"),
        what="dates announced or put off",
        run=_notices,
    ),
    Job(
        name="expire",
        title=pgettext_lazy("loyalty", "Lets run out what was announced"),
        what="points run out",
        run=_expire,
    ),
    Job(
        name="holds",
        title=pgettext_lazy("loyalty", "Gives back what was set aside in baskets that were left"),
        what="given back",
        run=_holds,
    ),
    Job(
        name="programs",
        title=pgettext_lazy("loyalty", "Closes the accounts of programs that paused or ended"),
        what="accounts of programs that paused or closed",
        run=_programs,
        nightly=True,
    ),
    Job(
        name="prices",
        title=pgettext_lazy("loyalty", "Writes down prices for the lowest of 30 days"),
        what="prices written down",
        run=_prices,
        nightly=True,
    ),
    Job(
        name="price-moments",
        title=pgettext_lazy("loyalty", "Writes down prices when a sale begins or ends"),
        what="prices written down",
        run=_moments,
        asks_since=True,
    ),
    Job(
        name="farewells",
        title=pgettext_lazy("loyalty", "Forgets people who left"),
        what="people who left forgotten",
        run=_farewells,
    ),
    Job(
        name="inbox",
        title=pgettext_lazy("loyalty", "Clears old messages from members' pages"),
        what="old messages taken out of the inbox",
        run=_inbox,
        nightly=True,
    ),
    Job(name="messages", title=pgettext_lazy("loyalty", "Sends the messages"), what="messages sent", run=_messages),
]


def titles() -> dict[str, str | Promise]:
    """Return what each job does for a shop keeper, by its name, in the order in which they are done."""
    return {job.name: job.title for job in JOBS}


def add(*, job: Job, before: str = "") -> None:
    """Have a feature's job done too: after those of points, before the one that is named, or the messages leave."""
    names = [known.name for known in JOBS]
    if job.name not in names:
        JOBS.insert(names.index(before) if before in names else -1, job)


def walked(*, name: str, part: str, at: datetime, walk: Callable[..., Iterable[tuple[int, int]]]) -> Iterator[int]:
    """
    Walk through one part of a job: `walk(after=…)` goes from a key on, and yields the last key and how much was done.

    Where it stands is kept, so that it goes on there when it was cut short less than a day ago. Yields how much.
    """
    row = JobRun.objects.using(write_db()).filter(name=name).only("cursor").first()
    places = dict((row and row.cursor) or {})
    last, since = places.get(part, (0, at.isoformat()))
    if datetime.fromisoformat(since) <= at - FRESH:
        last, since = 0, at.isoformat()
    for key, done in walk(after=last):
        places[part] = (key, since)
        keep_place(name=name, cursor=places, at=at)
        yield done
    places.pop(part, None)
    keep_place(name=name, cursor=places or None, at=at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """How far a job is: `done` so far; `error` when it ended badly; `finished` with its last step."""

    job: Job
    done: int
    finished: bool = False
    error: str = ""


def run(
    *, only: str = "", nightly: bool = False, stop: Callable[[], bool] = lambda: False, at: datetime | None = None
) -> Iterator[Ran]:
    """
    Do all jobs once (or `only` one); yields after each step. A job that fails does not keep the next from its work.

    `nightly` does the nightly ones though they were done today; `stop` is asked between steps.
    """
    for job in JOBS:
        if stop() or (only and job.name != only):
            continue
        now = at or clock.now()
        if only or (job.nightly and nightly) or job.is_due(at=now):
            yield from _run(job, now, stop)


def _run(job: Job, at: datetime, stop: Callable[[], bool]) -> Iterator[Ran]:
    done, error, skipped, began = 0, "", {}, timezone.now()
    last = JobRun.objects.using(write_db()).filter(name=job.name).first() if job.asks_since else None
    steps = job.run(at, last and last.good_at) if job.asks_since else job.run(at)
    note_run(name=job.name, started_at=at, finished_at=None, done=0)
    try:
        for step in steps:
            done += step
            yield Ran(job=job, done=done)
            if stop():
                note_run(name=job.name, started_at=at, finished_at=None, done=done, error="stopped before its end")
                return
    except AccountsSkipped as left:
        error, skipped = str(left), left.accounts
    except NotAllDone as left:
        error = str(left)
    except Exception as failure:
        logger.exception("the job %s failed", job.name)
        error = in_short(failure)
    spent = max(timezone.now() - began, timedelta())
    note_run(name=job.name, started_at=at, finished_at=at + spent, done=done, error=error, skipped=skipped)
    yield Ran(job=job, done=done, finished=True, error=error)


@task("jobs")
def run_all(*, only: str = "") -> None:
    """Do what is due, for a queue with a schedule; failures stand in the log and with the doctor."""
    for _step in run(only=only):
        pass
