"""How the suite does: the program, the guard of the ledger, the jobs, the messages, orders that fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.apps import apps
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.utils.timesince import timesince

from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import consumers
from loyalty_oscar.program.hooks import set_uses
from loyalty_oscar.program.models import Delivery, Event, JobRun, ProductSet, Program, State

from ...orders.product_sets import ties
from ...orders.range_guard import closed_by
from .. import jobs
from .findings import Finding, Level, doctor_checks

#: App labels of the suite, also of those that come later: their tables are ours.
LABELS = (
    "program", "ledger", "people", "earning", "redemption", "tiers", "referrals", "exclusives", "memberships",
    "journeys", "insights", "shop", "api", "jobs",
)  # fmt: skip
LATE = timedelta(hours=2)
LATE_NIGHTLY = timedelta(hours=26)
WAITING = timedelta(hours=1)


@doctor_checks.register("program", order=30)
def program_state(*, at: datetime) -> Iterator[Finding]:
    """Whether there is a program, and what customers see of it."""
    programs = list(Program.objects.order_by("code"))
    if not programs:
        text, hint = "there is none: nothing is shown, earned or sent", "Run `manage.py loyalty_setup`."
        yield Finding(level=Level.NOTE, about="program", text=text, hint=hint)
    for program in programs:
        name = f"“{program.name}” ({program.code})"
        if program.state == State.DRAFT:
            text, hint = (
                f"{name} is a draft: not live yet, nobody sees it",
                "Switch it on in the admin when it is ready.",
            )
            yield Finding(level=Level.NOTE, about="program", text=text, hint=hint)
        elif program.state == State.LIVE:
            yield Finding(level=Level.OK, about="program", text=f"{name} is live since {program.earns_from:%Y-%m-%d}")
        else:
            yield Finding(level=Level.NOTE, about="program", text=f"{name} is {program.state}: orders earn nothing")
        if program.state != State.DRAFT and not program.is_default and not program.sites.exists():
            text, hint = f"{name} serves no site", "Give it a site, or make it the default program."
            yield Finding(level=Level.WARNING, about="program", text=text, hint=hint)


@doctor_checks.register("ledger", order=31)
def guard(*, at: datetime) -> Iterator[Finding]:
    """The database itself refuses changes of the ledger's rows."""
    vendor = connections[write_db()].vendor
    if triggers.are_laid(using=write_db()):
        yield Finding(level=Level.OK, about="ledger", text="the database keeps its rows from being changed")
    elif triggers.statements(vendor=vendor):
        text = "the database does not keep its rows from being changed"
        hint = "Run `manage.py migrate` as a user who may create triggers."
        yield Finding(level=Level.WARNING, about="ledger", text=text, hint=hint)
    else:
        text = f"on {vendor} the database does not keep its rows from being changed yet"
        yield Finding(level=Level.NOTE, about="ledger", text=text)


@doctor_checks.register("migrations", order=32)
def migrations(*, at: datetime) -> Iterator[Finding]:
    """Our tables are as this version needs them."""
    loader = MigrationExecutor(connections[write_db()]).loader
    ours = [node for node in loader.graph.leaf_nodes() if node[0].startswith("loyalty_")]
    needed = {node for leaf in ours for node in loader.graph.forwards_plan(leaf) if node[0].startswith("loyalty_")}
    if missing := sorted(needed - set(loader.applied_migrations)):
        text = f"not as this version needs them: {', '.join(map('.'.join, missing))} did not run"
        yield Finding(level=Level.ERROR, about="tables", text=text, hint="Run `manage.py migrate`.")


@doctor_checks.register("tables", order=32)
def unlisted_tables(*, at: datetime) -> Iterator[Finding]:
    """A table whose app is not listed any more keeps its foreign keys, and `user.delete()` fails on them."""
    there = connections[write_db()].introspection.table_names()
    for label in LABELS:
        left = [table for table in there if table.startswith(f"loyalty_{label}_")]
        if left and f"loyalty_{label}" not in apps.app_configs:
            text = (
                f"loyalty_oscar.{label} is not listed, and {len(left)} of its tables are there: deleting a user fails"
            )
            hint = f"List it again and run `manage.py loyalty_uninstall --app {label}`."
            yield Finding(level=Level.ERROR, about="tables", text=text, hint=hint)


@doctor_checks.register("jobs", order=33)
def jobs_ran(*, at: datetime) -> Iterator[Finding]:
    """
    When each job last ran to its end; without a program on, none is needed.

    Where nobody calls any of them points never become ready and no mail leaves: that is an error for who watches.
    """
    begun = Program.objects.exclude(state=State.DRAFT)
    if not begun.exists():
        return
    hint = "Call `manage.py loyalty_run` every five minutes, by cron or by a queue's schedule."
    ran = {row.name: row for row in JobRun.objects.all()}
    never, late, failed, cut_off = [], [], [], []
    for job in jobs.JOBS:
        row, since = ran.get(job.name), at - (LATE_NIGHTLY if job.nightly else LATE)
        if row is None:
            never.append(job.name)
        elif row.error:
            failed.append(row)
        elif row.started_at < since:
            late.append(row)
        elif row.finished_at is None and row.good_at and row.good_at < since:
            cut_off.append(row)
    # One line for what has one cause: nobody calls them.
    texts = []
    if never:
        texts.append("none ever ran" if len(never) == len(jobs.JOBS) else f"{', '.join(never)} never ran")
    if late:
        last = timesince(max(row.started_at for row in late), at)
        names = ", ".join(row.name for row in late)
        texts.append(f"{names} last ran {last} ago" + (" or earlier" if len(late) > 1 else ""))
    for row in failed:
        text = f"{row.name} failed {timesince(row.started_at, at)} ago: {row.error}"
        if row.good_at and row.good_at < row.started_at:
            text += f" (it last went well {timesince(row.good_at, at)} ago)"
        texts.append(text)
    for row in cut_off:
        began, went = timesince(row.started_at, at), timesince(row.good_at, at)
        texts.append(f"{row.name} began {began} ago and did not end (it last went well {went} ago)")
    often = [job.name for job in jobs.JOBS if not job.nightly]
    # Also where a last call failed: what did not run since is not called any more.
    lately = {row.name for row in ran.values() if row.started_at >= at - LATE}
    is_called = lately.intersection(often) or not begun.filter(earns_from__lte=at - LATE)
    level = Level.WARNING if is_called else Level.ERROR
    for text in texts:
        yield Finding(level=level, about="jobs", text=text, hint=hint)
    if not texts:
        last = min(row.started_at for row in ran.values())
        yield Finding(level=Level.OK, about="jobs", text=f"all ran since {last:%Y-%m-%d %H:%M} UTC")


@doctor_checks.register("skipped", order=33)
def broken_accounts(*, at: datetime) -> Iterator[Finding]:
    """Accounts that jobs had to leave alone, because what they hold is not what their history says."""
    skipped: dict[int, dict[str, str]] = {}
    for row in JobRun.objects.exclude(skipped=None).order_by("name"):
        for account_id, why in row.skipped.items():
            skipped.setdefault(int(account_id), {})[row.name] = why
    for account in Account.objects.filter(pk__in=skipped).select_related("unit__program").order_by("pk"):
        by = skipped[account.pk]
        name, why = f"account {account.pk} (member {account.member_id}, {account.unit.program.code})", min(by.values())
        text = f"{name} was left alone by {', '.join(by)}: {why}"
        hint = (
            f"Run `manage.py loyalty_audit --account {account.pk}` and mend its row with your developer; the jobs then"
            " do it by themselves. All others were done. Where a program's end of a pause left it alone, move its dates"
            " by hand."
        )
        yield Finding(level=Level.ERROR, about="accounts", text=text, hint=hint)


@doctor_checks.register("messages", order=34)
def messages(*, at: datetime) -> Iterator[Finding]:
    """Messages that wait too long, and those that were given up."""
    new = Event.objects.filter(is_new=True, at__lte=at - WAITING)
    # What a consumer that has left was to be told waits for nobody.
    due = Delivery.objects.filter(consumer__in=list(consumers), is_open=True, next_at__lte=at - WAITING)
    moments = new.aggregate(oldest=Min("at"))["oldest"], due.aggregate(oldest=Min("event__at"))["oldest"]
    oldest = min(filter(None, moments), default=None)
    given_up = Delivery.objects.filter(is_open=False, done_at__isnull=True).exclude(error="")
    last = given_up.order_by("-pk").first()
    if oldest:
        count = new.count() + due.count()
        text, hint = f"{count:,} wait, the oldest since {oldest:%Y-%m-%d %H:%M}", "Does `loyalty_run` run?"
        yield Finding(level=Level.WARNING, about="messages", text=text, hint=hint)
    if last:
        text = f"{given_up.count():,} were given up; the last one said: {last.error}"
        yield Finding(level=Level.WARNING, about="messages", text=text, hint="Look at EMAIL_… in your settings.")
    if not oldest and not last:
        yield Finding(level=Level.OK, about="messages", text="none is waiting")


@doctor_checks.register("product-sets", order=36)
def untied_sets(*, at: datetime) -> Iterator[Finding]:
    """A product set whose range is gone suspends every rule that names it, and shuts what it closes a part of."""
    for product_set in ProductSet.objects.exclude(code__in=list(ties())).order_by("code"):
        shut = [closed.shut for closed in closed_by(set_ids=[product_set.pk], using=write_db()) if closed.shut]
        if not shut and not any(name for names in set_uses.answers(product_set=product_set) for name in names):
            continue  # Nobody misses its products.
        text = f"“{product_set.name}” is tied to no range: rules that name it are suspended"
        text = " ".join([f"{text}.", *shut]) if shut else text
        level, hint = Level.ERROR if shut else Level.WARNING, "Choose a range for it in the admin."
        yield Finding(level=level, about="product sets", text=text, hint=hint)
