"""
What the ledger's writer takes, on PostgreSQL, against what the database can do at best in the same run.

CPU times are those of this process and of its connection's server process together, where Linux tells them, so that
other work on the machine counts little; ratios are medians of paired rounds.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

from tests.benchmarks.board import Board, Watch

TOGETHER, ROUNDS, SINGLE = 1000, 7, 300
OF_COPY, ALONE_MS, OF_FEW_LOTS, ENTRY_BYTES, LOT_BYTES = 0.35, 1.3, 0.9, 390, 330
NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


class Ours:
    """A program with accounts, and what is done to them."""

    def __init__(self, accounts: int) -> None:
        from loyalty_oscar.ledger.models import Account
        from loyalty_oscar.program.models import Member, Program, Unit
        from loyalty_oscar.program.operations import change_state

        self.program = Program.objects.create(code="club", name="Paw Club")
        change_state(program=self.program, to="live", actor="system", at=NOW - timedelta(hours=1))
        self.unit = Unit.objects.create(program=self.program)
        members = Member.objects.bulk_create(Member(program=self.program, joined_at=NOW) for _ in range(accounts))
        made = Account.objects.bulk_create(Account(member=member, unit=self.unit) for member in members)
        self.accounts = [account.pk for account in made]
        self.orders = 1_000_000

    def grant(self, account_id: int, **fields: Any) -> Any:
        from loyalty_oscar.kernel.because import Because
        from loyalty_oscar.ledger.operations import LotGrant

        self.orders += 1
        source, number = f"order:{self.orders}", str(self.orders + 100_000)
        why = Because("order_earned", order=self.orders, number=number)
        return LotGrant(
            account_id=account_id, points=40, key=f"{source}:earn", source=source, because=why, **fields
        )  # fmt: skip

    def grants(self, number: int, **fields: Any) -> list[Any]:
        return [self.grant(self.accounts[n % len(self.accounts)], **fields) for n in range(number)]


@contextmanager
def spent(cursor: Any) -> Iterator[Watch]:
    """CPU seconds of a block, here and in the server."""
    cursor.execute("SELECT pg_backend_pid()")
    server = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def told() -> float:
        return time.process_time() + (int(server.read_text().split()[0]) / 1e9 if server.exists() else 0)

    watch, start = Watch(), told()
    yield watch
    watch.seconds = told() - start


@contextmanager
def undone() -> Iterator[None]:
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def bulk(board: Board, ours: Ours, rounds: int) -> None:
    """A thousand decided awards, and COPY of the rows that came of them into the same tables."""
    from django.db import connection

    from loyalty_oscar.ledger.models import Entry, Lot
    from loyalty_oscar.ledger.operations import post_many

    tables = [Entry._meta.db_table, Lot._meta.db_table]
    pairs = []
    for _ in range(rounds + 1):
        grants = ours.grants(TOGETHER)
        with connection.cursor() as cursor:
            with undone():
                with spent(cursor) as posting:
                    post_many(grants=grants, at=NOW)
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                rows = []
                for table in tables:
                    with cursor.copy(f"COPY {table} TO STDOUT") as found:
                        rows.append(b"".join(map(bytes, found)))
            with undone(), spent(cursor) as copying:
                for table, data in zip(tables, rows, strict=True):
                    with cursor.copy(f"COPY {table} FROM STDIN") as into:
                        into.write(data)
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        pairs.append((posting.seconds, copying.seconds))
    ours_ms, copy_ms = (statistics.median(column) * 1000 for column in zip(*pairs[1:], strict=True))
    ratio = statistics.median(copied / posted for posted, copied in pairs[1:])
    figure = f"{ours_ms:.0f} ms, COPY {copy_ms:.0f} ms: {ratio:.2f}"
    board.promise(f"{TOGETHER:,} awards, at least {OF_COPY} of COPY", kept=ratio >= OF_COPY, figure=figure)


def alone(board: Board, ours: Ours) -> None:
    """One award after the other, each in a transaction of its own."""
    from loyalty_oscar.ledger.operations import post

    times = []
    for n in range(SINGLE):
        grant = ours.grant(ours.accounts[n % len(ours.accounts)])
        start = time.process_time()
        post(grant=grant, at=NOW)
        times.append(time.process_time() - start)
    took = statistics.median(times) * 1000
    board.promise(f"one award, at most {ALONE_MS} ms of CPU here", kept=took <= ALONE_MS, figure=f"{took:.2f} ms")


def spends(board: Board, ours: Ours, rounds: int) -> None:
    """Setting points aside with 20 open lots and with 10,000, by turns."""
    from django.db import connection

    from loyalty_oscar.ledger.operations import place_hold, post_many

    few, many = ours.accounts[:2]
    for account, lots in ((few, 20), (many, 10_000)):
        post_many(grants=[ours.grant(account, available_at=NOW) for _ in range(lots)], at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # As autovacuum does after so many rows; without it lots are sorted, not walked.
    took: dict[int, list[float]] = {few: [], many: []}
    for n in range(3 * rounds):
        for account in (few, many)[:: 1 if n % 2 else -1]:
            with connection.cursor() as cursor, undone(), spent(cursor) as watch:
                place_hold(
                    account_id=account, slot=f"basket:{n}", points=30, expires_at=NOW + timedelta(hours=1),
                    because=ours.grant(account).because, at=NOW,
                )  # fmt: skip
            took[account].append(watch.seconds)
    ratio = statistics.median(a / b for a, b in zip(took[few], took[many], strict=True))
    board.promise(f"a spend with 10,000 lots, {OF_FEW_LOTS} of one with 20", kept=ratio >= OF_FEW_LOTS,
                  figure=f"{ratio:.2f}")  # fmt: skip


def size(board: Board, ours: Ours) -> None:
    """Bytes of an entry and of a lot with all their indexes, in a copy without dead rows."""
    from django.db import connection

    from loyalty_oscar.ledger.models import Entry, Lot
    from loyalty_oscar.ledger.operations import post_many

    for _ in range(10):
        post_many(grants=ours.grants(TOGETHER, available_at=NOW, expires_at=NOW + timedelta(days=365)), at=NOW)
    for model, most in ((Entry, ENTRY_BYTES), (Lot, LOT_BYTES)):
        table = model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE copied (LIKE {table} INCLUDING ALL)")
            cursor.execute(f"INSERT INTO copied OVERRIDING SYSTEM VALUE SELECT * FROM {table} ORDER BY id")
            number = cursor.rowcount
            cursor.execute("SELECT pg_relation_size('copied'), pg_indexes_size('copied')")
            heap, indexes = (part / number for part in cursor.fetchone())
            cursor.execute("DROP TABLE copied")
        kept = heap + indexes <= most
        figure = f"{heap + indexes:.0f}: {heap:.0f} of row, {indexes:.0f} of indexes"
        board.promise(f"bytes of one {model._meta.verbose_name}, at most {most}", kept=kept, figure=figure)


def run(rounds: int) -> int:
    board = Board("The ledger's writer")
    ours = Ours(TOGETHER)
    bulk(board, ours, rounds)
    alone(board, ours)
    spends(board, ours, rounds)
    size(board, ours)
    return board.broken


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ledger", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"paired rounds (default {ROUNDS})")
    given = parser.parse_args(arguments)
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
    try:
        broken = run(given.rounds)
    finally:
        teardown_databases(made, verbosity=0)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
