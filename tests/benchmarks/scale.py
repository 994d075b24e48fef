"""
`make scale`: a program with two hundred thousand dated lots pauses, goes on, and is closed.

Pausing and going on must take less than a minute each (closing, once in its life, two), and no more memory than with a
tenth of the lots. `--lots` takes another number.
"""

import argparse
import contextlib
import gc
import re
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

from tests.benchmarks.board import Board, timed

LOTS, EACH, MINUTE, ROOM = 200_000, 10, 60, 30
NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


def from_now_on() -> None:
    """Count the most memory from here, where the system can (Linux); else it is the most that there ever was."""
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory() -> float:
    """The most memory that this process has taken since, in MB."""
    with contextlib.suppress(OSError):
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(code: str, lots: int):
    """A program with so many dated lots, ten in each account; every second account has something set aside."""
    from loyalty_oscar.kernel.because import Because
    from loyalty_oscar.ledger import operations as ledger
    from loyalty_oscar.ledger.models import Account, Hold, HoldLot, Lot
    from loyalty_oscar.program.models import Member, Program, Unit
    from loyalty_oscar.program.operations import change_state

    program = Program.objects.create(code=code, name="Paw Club")
    change_state(program=program, to="live", actor="system", at=NOW - timedelta(days=90))
    unit, why = Unit.objects.create(program=program), Because("goodwill")
    members = Member.objects.bulk_create(
        (Member(program=program, joined_at=NOW) for _ in range(lots // EACH)), batch_size=1000
    )
    rows = Account.objects.bulk_create((Account(member=one, unit=unit) for one in members), batch_size=1000)
    for start in range(0, len(rows), 200):
        grants = [
            ledger.LotGrant(
                account_id=account.pk, points=10, key=f"gift:{n}", source=f"gift:{n}", because=why,
                available_at=NOW, expires_at=NOW + timedelta(days=30 + n),
            )
            for account in rows[start : start + 200]
            for n in range(EACH)
        ]  # fmt: skip
        ledger.post_many(grants=grants, at=NOW)
    # As `place_hold` does it, thousands at once: the first lot of every second account.
    first = Lot.objects.filter(account__unit=unit, source="gift:0").order_by("account_id")[::2]
    for start in range(0, len(first), 200):
        _set_aside(first[start : start + 200], why, Account, Hold, HoldLot)
    return program


def _set_aside(lots, why, *models) -> None:
    from loyalty_oscar.ledger.models import Counter, Kind
    from loyalty_oscar.ledger.operations.bulk import desks

    _account, hold_model, part_model = models
    with desks(account_ids=[lot.account_id for lot in lots], at=NOW) as working:
        holds = hold_model.objects.bulk_create(
            hold_model(
                account_id=lot.account_id, slot=f"basket:{lot.pk}", origin=f"basket:{lot.pk}", asked=10, points=10,
                created_at=NOW, expires_at=NOW + timedelta(days=900),
            )
            for lot in lots
        )  # fmt: skip
        part_model.objects.bulk_create(
            part_model(hold=hold, lot=lot, points=10) for hold, lot in zip(holds, lots, strict=True)
        )
        for hold, lot in zip(holds, lots, strict=True):
            one = working[lot.account_id]
            one.reserve(lot, 10)
            one.write(key=f"hold:{hold.public_id}:hold", kind=Kind.HOLD, counter=Counter.SELF, because=why)


def life(board: Board, program, lots: int, *, quick: bool) -> float:
    """Pause, go on and close, each timed; returns the memory that was needed at most."""
    from django.db.models import F

    from loyalty_oscar.ledger.models import Account, Hold, Lot
    from loyalty_oscar.program.operations import change_state

    steps = (("paused", 1), ("live", 8), ("closing", 9), ("closed", 100))
    from_now_on()
    before = memory()
    for to, days in steps:
        with timed() as watch:
            change_state(program=program, to=to, actor="staff:1", at=NOW + timedelta(days=days))
        program.refresh_from_db()
        if to != "closing":
            figure = f"{watch.seconds:.1f} s, {memory() - before:+.0f} MB"
            most = MINUTE * (2 if to == "closed" else 1)
            board.promise(f"{to}, {lots:,} lots", kept=not quick or watch.seconds < most, figure=figure)
    mine = {"account__unit__program": program}
    moved = Lot.objects.filter(extensions=1, expires_at__gt=F("first_expires_at"), **mine).count()
    board.promise("every date moved by the pause", kept=moved == lots, figure=f"{moved:,}")
    board.promise("nothing set aside", kept=not Hold.objects.filter(state="open", **mine).exists())
    board.promise("nothing left", kept=not Lot.objects.filter(is_open=True, **mine).exists())
    left = Account.objects.filter(unit__program=program).exclude(available=0, pending=0, reserved=0, debt=0)
    board.promise("every account is at nothing", kept=not left.exists())
    return memory() - before


def main() -> None:
    """Do it with a tenth of the lots first, so that one sees what memory more of them need."""
    parser = argparse.ArgumentParser(prog="scale", description="Pause, resume and close a program with many lots.")
    parser.add_argument("--lots", type=int, default=LOTS, help="dated lots")
    asked = parser.parse_args()
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    from tests.integration.ledger.books import wrong

    board = Board("scale: a whole program pauses, goes on, is closed")
    made = setup_databases(verbosity=0, interactive=False)
    try:
        small = asked.lots // 10
        less = life(board, fill("small", small), small, quick=False)
        with timed() as watch:
            big = fill("big", asked.lots)
        board.say(f"writing {asked.lots:,} lots", f"{watch.seconds:.0f} s")
        more = life(board, big, asked.lots, quick=True)
        figure = f"{less:+.0f} MB, {more:+.0f} MB"
        board.promise("memory of so many, and of ten times as many", kept=more - less < ROOM, figure=figure)
        board.promise("the audit finds nothing", kept=wrong() == [])
    finally:
        teardown_databases(made, verbosity=0)
    board.leave()


if __name__ == "__main__":
    main()
