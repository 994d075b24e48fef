"""
`make cdnow`: 69,659 real orders of 23,570 customers, loaded into a PostgreSQL shop and welcomed.

Once with the clock at 1 July 1998, the day after the last order, once today, when all points have run out. Each run
is a process with a database of its own. Then how its customers buy (`buying.py`). CDNOW_FILE names the file;
`--first 2000` takes only so many orders.
"""

import argparse
import io
import math
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import django

from tests.benchmarks.board import Board, timed
from tests.benchmarks.ledger import spent

FILE = Path(os.environ.get("CDNOW_FILE", Path(__file__).parents[3] / "shared/data/cdnow/cdnow_master.txt"))
MOMENTS = {"1998-07-01": datetime(1998, 7, 1, tzinfo=UTC), "today": None}
MOST_TIMES, AIM_PER_SECOND = 1.2, 2000


def purchases(first: int | None) -> list[tuple[str, datetime, int, Decimal]]:
    """The rows of the file: customer, noon (UTC) of the day, number of CDs, dollars."""
    if not FILE.exists():
        sys.exit(f"There is no {FILE}. Set CDNOW_FILE to where cdnow_master.txt lies.")
    rows = [line.split() for line in FILE.read_text().splitlines()[1:] if line.strip()]
    return [
        (customer, datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=UTC), int(units), Decimal(dollars))
        for customer, day, units, dollars in rows[:first]
    ]


def load(rows: Sequence[tuple[str, datetime, int, Decimal]]) -> None:
    """Write the purchases as an import does: Oscar's orders with a line each, in bulk, without any signal."""
    from django.contrib.auth import get_user_model
    from oscar.core.loading import get_model

    User, Order, Line = get_user_model(), get_model("order", "Order"), get_model("order", "Line")
    names = sorted({row[0] for row in rows})
    people = User.objects.bulk_create(
        (User(username=name, email=f"{name}@example.com", password="!") for name in names), batch_size=5000
    )
    ids = {person.username: person.pk for person in people}
    for start in range(0, len(rows), 5000):
        part = rows[start : start + 5000]
        orders = Order.objects.bulk_create(
            Order(
                number=str(100001 + start + n), user_id=ids[customer], site_id=1, currency="USD", status="Delivered",
                total_incl_tax=dollars, total_excl_tax=dollars, date_placed=placed_at,
            )
            for n, (customer, placed_at, _units, dollars) in enumerate(part)
        )  # fmt: skip
        Line.objects.bulk_create(
            Line(
                order=order, title="CDs", upc="", quantity=units, status="Delivered", num_allocated=0,
                line_price_incl_tax=dollars, line_price_excl_tax=dollars,
                line_price_before_discounts_incl_tax=dollars, line_price_before_discounts_excl_tax=dollars,
            )
            for order, (_customer, _day, units, dollars) in zip(orders, part, strict=True)
        )  # fmt: skip


def command(**options: bool) -> str:
    """Call `loyalty_welcome` for every order of the shop; returns what it says."""
    from django.core.management import call_command

    said = io.StringIO()
    given = {"since": "1997-01-01", "no_mail": True, "stdout": said, "stderr": io.StringIO(), **options}
    call_command("loyalty_welcome", **given)
    return said.getvalue()


def give(at: datetime) -> None:
    """Welcome every order in portions, as the command does once it has counted and asked."""
    from loyalty_oscar.program.models import Program
    from loyalty_oscar.shop.orders.backfill import orders_before, portions, welcoming

    orders = orders_before(program=Program.objects.get(), since=datetime(1997, 1, 1, tzinfo=UTC))
    for ids in portions(orders=orders):
        welcoming().give(order_ids=ids, batch="welcome:1", at=at, mail=False)


def models() -> list[type]:
    """The tables that a welcome fills, in the order in which they refer to each other."""
    from loyalty_oscar.earning.models import Award, AwardLine
    from loyalty_oscar.ledger.models import Account, Entry, Lot
    from loyalty_oscar.program.models import Member
    from loyalty_oscar.shop.models import OrderSync

    return [Member, Account, Award, AwardLine, Entry, Lot, OrderSync]


def counts() -> dict[str, int]:
    from loyalty_oscar.ledger.models import LotMove
    from loyalty_oscar.program.models import Event

    return {model.__name__: model.objects.count() for model in [*models(), LotMove, Event]}


def plainly() -> tuple[float, float]:
    """
    Empty the tables and write the same rows into them by plain `bulk_create`; returns the seconds that took, and those
    of CPU, here and in the server.
    """
    from django.db import connection, transaction

    from loyalty_oscar.program.conf import conf
    from loyalty_oscar.testing import allow_purge

    rows = [(model, list(model.objects.order_by("pk"))) for model in models()]
    tables = ", ".join(model._meta.db_table for model in models())
    with allow_purge(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    with connection.cursor() as cursor, spent(cursor) as work, timed() as watch, transaction.atomic():
        for model, found in rows:
            model.objects.bulk_create(found, batch_size=conf.SWEEP_BATCH)
    return watch.seconds, work.seconds


def wrong() -> list[tuple[int, str]]:
    """What the audit finds, account by account."""
    from loyalty_oscar.ledger.audit import audit

    return [fault for progress in [list(audit())[-1]] for fault in progress.wrong]


def check_buying(board: Board) -> None:
    """Who buys and who stays, of the whole file, as SQL counts it."""
    from loyalty_oscar.insights.buying import count
    from tests.buying import SPANS, a_base, by_sql, paid_rows

    rows = paid_rows(FILE)
    base = a_base(rows)
    with timed() as watch:
        found = count(rows=rows, spans=SPANS, zone="UTC")
    wrong = [span for span, one in zip(SPANS, found, strict=True) if one != by_sql(base, span)]
    board.promise(
        f"who buys and who stays in {len(SPANS)} periods is what SQL counts", kept=not wrong, figure=len(wrong)
    )
    for span, one in zip(SPANS, found, strict=True):
        stays = f"{float(100 * one.retention):.2f} %, kept {float(100 * one.kept_share):.2f} %" if one.start else "-"
        told = f"{one.start:,}, {one.acquired:,}, {one.end:,}: {stays}; {one.repeaters:,} of {one.buyers:,} again"
        board.say(f"{span.first} to {span.until}, {span.window} days", told)
    board.say("that took", f"{watch.seconds:.1f} s")


def megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def check_points(board: Board, rows: Sequence[tuple[str, datetime, int, Decimal]]) -> None:
    from django.db.models import Sum
    from oscar.core.loading import get_model

    from loyalty_oscar.earning.models import Award
    from loyalty_oscar.ledger.models import Account, Entry

    floors = {str(100001 + n): math.floor(row[3]) for n, row in enumerate(rows)}
    numbers = dict(get_model("order", "Order").objects.values_list("pk", "number"))
    given = {numbers[pk]: points for pk, points in Award.objects.values_list("source_id", "given")}
    issued = Entry.objects.filter(counter="issuance").aggregate(n=Sum("d_available") + Sum("d_pending"))["n"]
    earned = Account.objects.aggregate(n=Sum("lifetime_earned"))["n"]
    total = sum(floors.values())
    board.say("orders, customers", f"{len(rows):,}, {len({row[0] for row in rows}):,}")
    board.say("orders of 0 dollars, with an award of 0 points", f"{Counter(row[3] == 0 for row in rows)[True]}")
    board.promise("sum of the floors = points issued", kept=total == issued == earned, figure=f"{total:,} = {issued:,}")
    board.promise("each order has the floor of its dollars", kept=floors == given, figure=f"{len(given):,}")


def sweep_expired(board: Board, at: datetime) -> None:
    from loyalty_oscar.ledger.models import Lot
    from loyalty_oscar.ledger.operations import expire_due, mature_due

    with timed() as watch:
        ready = sum(points for _account, points in mature_due(at=at))
        gone = sum(points for _account, points in expire_due(at=at))
    left = Lot.objects.filter(is_open=True, expires_at__lte=at).count()
    board.say("points made ready, points run out", f"{ready:,}, {gone:,} in {watch.seconds:.1f} s")
    board.promise("no lot is left open after its day", kept=left == 0, figure=left)


def run(name: str, first: int | None) -> None:
    """One run: load, welcome, compare, again, expire, audit, and the same rows plainly."""
    from django.db import connection
    from django.utils import timezone

    from loyalty_oscar.shop.orders.sync import sweep
    from loyalty_oscar.testing import a_program, clock

    at = MOMENTS[name] or timezone.now()
    rows = purchases(first)
    board = Board(f"CDNOW with the clock at {at:%Y-%m-%d}")
    if first is None:
        check_buying(board)
    with clock.at(at):
        load(rows)
        a_program(currency="USD", live_from=at)
        before = megabytes()
        with timed() as counting:
            said = command(dry_run=True)
        total = f"in all   {sum(math.floor(row[3]) for row in rows):,} points; "
        board.promise("--dry-run says the points", kept=total in said, figure=f"{counting.seconds:.1f} s")
        here = time.process_time()
        with connection.cursor() as cursor, spent(cursor) as work, timed() as watch:
            give(at)
        here, peak = time.process_time() - here, megabytes()
        check_points(board, rows)
        stands = counts()
        with timed() as second:
            said = command(yes=True)
            looked_at = sum(step.looked_at for step in sweep(at=at, everything=True))
        kept = counts() == stands and "nothing to give" in said
        figure = f"{looked_at:,} swept, {second.seconds:.1f} s"
        board.promise("a second welcome and a sweep post nothing", kept=kept, figure=figure)
        board.promise("the audit is clean", kept=not wrong(), figure=f"{stands['Entry']:,} entries")
        plain, plain_work = plainly()
        board.promise("the audit is clean for the same rows, written plainly", kept=not wrong())
        sweep_expired(board, at)
        board.promise("the audit is clean after that", kept=not wrong(), figure=f"{counts()['Entry']:,} entries")
    speed, times = len(rows) / watch.seconds, work.seconds / plain_work
    board.say("welcome", f"{watch.seconds:.1f} s, {speed:,.0f} orders/s (aim {AIM_PER_SECOND:,})")
    board.say("CPU time of that in this process", f"{here:.1f} s, {len(rows) / here:,.0f} orders/s")
    board.say("CPU time of that, here and in the server", f"{work.seconds:.1f} s")
    board.say("the same rows by plain bulk_create", f"{plain:.1f} s, {plain_work:.1f} s of CPU")
    board.promise(f"ratio of CPU time, at most {MOST_TIMES}", kept=times <= MOST_TIMES, figure=f"{times:.2f}")
    board.say("peak memory: when loaded, when welcomed", f"{before} MB, {peak} MB")
    board.leave()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cdnow", description=__doc__)
    parser.add_argument("--clock", choices=MOMENTS, help="one run in this process, instead of both in their own")
    parser.add_argument("--first", type=int, help="so many orders only")
    given = parser.parse_args(arguments)
    django.setup()
    if given.clock is None:
        more = ["--first", str(given.first)] if given.first else []
        runs = [*(["cdnow", "--clock", name] for name in MOMENTS), ["buying"]]
        commands = ([sys.executable, "-m", f"tests.benchmarks.{name}", *how, *more] for name, *how in runs)
        sys.exit(max(subprocess.run(command, check=False).returncode for command in commands))
    for _database in a_database():
        run(given.clock, given.first)


def a_database() -> Iterator[None]:
    """A fresh database, migrated, and gone again afterwards."""
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    main()
