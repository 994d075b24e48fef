"""
The nightly standings of 100,000 members against bare SQL in the same run: `make benchmark`, its part `standings`.

The baseline is what a shop would write by hand, one statement on the same rows: sum what counts by member over this
year and the last, turn the sums into ranks by CASE, and UPDATE rank, level and date of those whose rank differs; down
one level where the date and the grace are over. It keeps no history, asks nobody whether an end was announced, writes
no letters, and is rolled back after its foreign keys were checked. Ours is the whole job `tiers`, as
`loyalty_run` does it. Both take turns, each on tables that were just filled and analyzed. What is compared is CPU
time, of this process and of its process on the server together, so that other work on the machine matters little;
seconds on the clock stand beside it. Neither may use several processes of the server.

`--window member-year` does the nights of a club whose years begin on the day on which each member joined, without a
statement by hand beside them; what is promised there is memory.
"""

import argparse
import gc
import os
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

from tests.benchmarks.board import Board, timed

MEMBERS, ROUNDS, MOST_TIMES = 100_000, 5, 2.5
THRESHOLDS = (1, 15_000, 40_000)
USUAL = datetime(2026, 7, 15, 2, tzinfo=UTC)
DECEMBER, LATER, TURN = (datetime(*day, 2, tzinfo=UTC) for day in ((2026, 12, 1), (2026, 12, 20), (2027, 2, 5)))
MEMORY_TIMES, MEMORY_MORE = 1.25, 2 * 2**20
KEPT = ("loyalty_tiers_standing", "loyalty_tiers_score", "loyalty_program_event", "loyalty_program_notice")

FILL = """
SELECT setseed(0.5);
INSERT INTO auth_user (username, email, password, first_name, last_name, is_active, is_staff, is_superuser, date_joined)
  SELECT 'm' || n, 'm' || n || '@example.com', '!', '', '', true, false, false, '2024-01-01'
  FROM generate_series(1, %(members)s) n;
INSERT INTO loyalty_program_member (public_id, program_id, user_id, joined_at)
  SELECT gen_random_uuid(), %(program)s, id, '2024-01-01'::timestamptz + (id %% %(days)s) * interval '1 day'
  FROM auth_user ORDER BY id;
INSERT INTO loyalty_tiers_score (member_id, order_id, placed_at, value)
  SELECT m.id, row_number() OVER (), '2024-01-01'::timestamptz + random() * interval '900 days',
         2000 + floor(random() * 10000)
  FROM loyalty_program_member m, generate_series(1, 8) WHERE random() < 0.6 AND m.id %% 10 <> 0;
"""
BARE = """
UPDATE loyalty_tiers_standing s
SET rank = new.rank, tier_id = (SELECT id FROM loyalty_tiers_tier t WHERE t.rank = new.rank), kept_until = new.kept
FROM (
  SELECT n.id, GREATEST(COALESCE(best, 0), n.rank - 1) AS rank,
         CASE WHEN best >= n.rank - 1 THEN kept ELSE %(then)s END AS kept
  FROM loyalty_tiers_standing n LEFT JOIN (
    SELECT member_id, GREATEST(this, last) AS best, CASE WHEN this >= last THEN %(then)s ELSE %(following)s END AS kept
    FROM (
      SELECT member_id,
        CASE WHEN this >= 40000 THEN 3 WHEN this >= 15000 THEN 2 WHEN this >= 1 THEN 1 ELSE 0 END AS this,
        CASE WHEN last >= 40000 THEN 3 WHEN last >= 15000 THEN 2 WHEN last >= 1 THEN 1 ELSE 0 END AS last
      FROM (
        SELECT member_id, COALESCE(SUM(value) FILTER (WHERE placed_at >= %(this)s), 0) AS this,
               COALESCE(SUM(value) FILTER (WHERE placed_at < %(this)s), 0) AS last
        FROM loyalty_tiers_score WHERE placed_at >= %(last)s AND placed_at < %(following)s GROUP BY member_id
      ) sums
    ) ranks
  ) counted ON counted.member_id = n.member_id
  WHERE n.is_current AND (best > n.rank OR (COALESCE(best, 0) < n.rank AND n.kept_until + interval '30 days' <= %(at)s))
) new
WHERE s.id = new.id AND s.rank <> new.rank
"""


def sql(text: str, **values: Any) -> int:
    """Run statements; returns how many rows the last one touched."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(text, values or None)
        return cursor.rowcount


class Spent:
    """CPU seconds of this process and of its process on the server (Linux), and seconds on the clock."""

    def __init__(self) -> None:
        from django.db import connection

        self.server = Path(f"/proc/{connection.connection.info.backend_pid}/stat")
        self.begun, self.clock = self.cpu(), time.perf_counter()

    def cpu(self) -> float:
        ticks = self.server.read_text().rpartition(")")[2].split()[11:13]
        return time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> tuple[float, float]:
        return self.cpu() - self.begun, time.perf_counter() - self.clock


class Club:
    """A club of many members, with up to eight orders each in two and a half years."""

    def __init__(self, members: int, window: str = "calendar-year") -> None:
        from loyalty_oscar.program.queries import forget_cache
        from loyalty_oscar.testing import a_program
        from loyalty_oscar.tiers.models import Ladder, Tier

        self.members = members
        program = a_program(code="club", name="Paw Club").program
        ladder = Ladder.objects.create(program=program, window=window)
        for rank, (name, threshold) in enumerate(zip(("Bronze", "Silver", "Gold"), THRESHOLDS, strict=True), start=1):
            Tier.objects.create(ladder=ladder, rank=rank, code=name.lower(), name=name, threshold=threshold)
        forget_cache()
        sql(FILL, program=program.pk, members=members, days=365 if window == "member-year" else 1)
        sql("ANALYZE")

    def keep(self) -> None:
        """Remember how the tables are now."""
        for table in KEPT:
            sql(f"DROP TABLE IF EXISTS kept_{table}")
            sql(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")

    def restore(self) -> None:
        """Put everything back as it was kept, and look at it as autovacuum would."""
        sql(f"TRUNCATE {', '.join(KEPT)}, loyalty_program_jobrun CASCADE")
        for table in KEPT:
            sql(f"INSERT INTO {table} SELECT * FROM kept_{table}")
            sql(f"VACUUM ANALYZE {table}")

    def lift(self, share: int) -> None:
        """Let one in so many members have bought enough for Gold, of those who have less."""
        sql(
            "INSERT INTO loyalty_tiers_score (member_id, order_id, placed_at, value)"
            " SELECT member_id, 10000000 + member_id, '2026-07-14', 40000 FROM loyalty_tiers_standing"
            " WHERE is_current AND rank < 3 ORDER BY random() LIMIT %(most)s",
            most=self.members // share,
        )


def job(at: datetime) -> tuple[int, int]:
    """Do the job `tiers` as `loyalty_run` does; returns in how many steps, and what it says was done."""
    from loyalty_oscar.shop.upkeep import jobs

    steps = list(jobs.run(only="tiers", at=at))
    assert not steps[-1].error, steps[-1].error
    return len(steps), steps[-1].done


def bare(at: datetime, year: int) -> int:
    """Do what a shop would by hand, and undo it; returns how many stand elsewhere."""
    from django.db import transaction

    years = {name: datetime(year + n, 1, 1, tzinfo=UTC) for n, name in ((-1, "last"), (0, "this"), (1, "following"))}
    with transaction.atomic():
        moved = sql(BARE, at=at, then=datetime(year + 2, 1, 1, tzinfo=UTC), **years)
        sql("SET CONSTRAINTS ALL IMMEDIATE")  # As its COMMIT would.
        transaction.set_rollback(True)
    return moved


def moved() -> int:
    """How many rows of history were added since the tables were kept."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT (SELECT COUNT(*) FROM {KEPT[0]}) - (SELECT COUNT(*) FROM kept_{KEPT[0]})")
        return cursor.fetchone()[0]


def night(board: Board, club: Club, name: str, at: datetime, *, rounds: int, is_promised: bool = False) -> None:
    """Both ways of one night, in turn; the median of what their CPU times are to each other."""
    club.keep()
    pairs = []
    for number in range(rounds):
        took: dict[str, tuple[float, float]] = {}
        ways: list[tuple[str, Callable[[], Any]]] = [("bare", lambda: bare(at, at.year)), ("ours", lambda: job(at))]
        for way, do in ways[:: 1 if number % 2 else -1]:
            club.restore()
            gc.collect()
            gc.freeze()  # What Django loaded is not looked through in the middle of a round.
            spent = Spent()
            result = do()
            took[way] = spent.stop()
            if way == "ours":
                steps, moves = result[0], moved()
            else:
                updated = result
        pairs.append((took["bare"], took["ours"]))
    times = statistics.median(ours[0] / plain[0] for plain, ours in pairs)
    plain, ours = ([statistics.median(one) for one in zip(*way, strict=True)] for way in zip(*pairs, strict=True))
    figure = (
        f"{moves:,} move, {plain[0]:.2f} s, {ours[0]:.2f} s, {times:.2f} x"
        f" (on the clock {plain[1]:.2f} s, {ours[1]:.2f} s in {steps} steps)"
    )
    board.promise(f"{name}: as many as by hand", kept=updated == moves, figure=f"{updated:,}")
    if is_promised:
        board.promise(f"{name}, at most {MOST_TIMES} x", kept=times <= MOST_TIMES, figure=figure)
    else:
        board.say(name, figure)


def memory(board: Board, club: Club, at: datetime) -> None:
    """What the walk holds at most in a fifth of the members and in the rest, when all move."""
    from loyalty_oscar.tiers.operations import settle_all
    from loyalty_oscar.tiers.queries import ladders_in_force

    def megabytes() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    [ladder] = ladders_in_force()
    club.restore()
    sql(f"TRUNCATE {KEPT[0]} CASCADE")
    first = fifth = held = 0
    tracemalloc.start()
    for last, _moved in settle_all(ladder=ladder, at=at):
        first = first or last
        if not fifth and last - first >= club.members // 5:
            fifth, held = tracemalloc.get_traced_memory()[1], megabytes()
            tracemalloc.reset_peak()
    whole = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    figure = f"{fifth / 2**20:.1f} MB, {whole / 2**20:.1f} MB (process {held} MB, {megabytes()} MB)"
    kept = whole <= MEMORY_TIMES * fifth + MEMORY_MORE
    board.promise("memory: a fifth of the members, all of them", kept=kept, figure=figure)


def announce() -> None:
    """Let December announce the ends, and every mail arrive."""
    from loyalty_oscar.program.models import Notice

    for at in (DECEMBER, LATER):
        job(at)
    Notice.objects.update(sent_at=LATER, accepted_at=LATER)


def own_years(members: int, rounds: int) -> int:
    """The nights of a club whose years begin on the day on which each member joined."""
    board = Board(f"Nightly standings of {members:,} members with years of their own, medians of {rounds} rounds")
    sql("SET max_parallel_workers_per_gather = 0")
    club = Club(members, "member-year")
    with timed() as watch:
        steps, _done = job(USUAL)
    board.say("the first night counts everybody", f"{watch.seconds:.1f} s in {steps} steps")
    alone(board, club, "a night on which nobody moves", USUAL, rounds=rounds)
    alone(board, club, "the next night", USUAL + timedelta(days=1), rounds=rounds)
    club.lift(100)
    alone(board, club, "the usual night, one in a hundred climbs", USUAL, rounds=rounds)
    sql("UPDATE loyalty_tiers_standing SET rank = 0, tier_id = NULL, kept_until = NULL")
    alone(board, club, "the worst night, all climb", USUAL, rounds=min(rounds, 3))
    memory(board, club, USUAL)
    return board.broken


def alone(board: Board, club: Club, name: str, at: datetime, *, rounds: int) -> None:
    """Our way of one night; the median of its CPU times."""
    club.keep()
    took, steps, moves = [], 0, 0
    for _number in range(rounds):
        club.restore()
        gc.collect()
        gc.freeze()
        spent = Spent()
        steps, _done = job(at)
        took.append(spent.stop())
        moves = moved()
    cpu, clock = (statistics.median(one) for one in zip(*took, strict=True))
    board.say(name, f"{moves:,} move, {cpu:.2f} s (on the clock {clock:.2f} s in {steps} steps)")


def run(members: int, rounds: int) -> int:
    board = Board(f"Nightly standings of {members:,} members: by hand, ours, medians of {rounds} paired rounds")
    sql("SET max_parallel_workers_per_gather = 0")
    club = Club(members)
    with timed() as watch:
        steps, _done = job(USUAL)
    board.say("the first night counts everybody", f"{watch.seconds:.1f} s in {steps} steps")
    night(board, club, "a night on which nobody moves", USUAL, rounds=rounds)
    club.lift(100)
    night(board, club, "the usual night, one in a hundred climbs", USUAL, rounds=rounds, is_promised=True)
    sql("UPDATE loyalty_tiers_standing SET rank = 0, tier_id = NULL, kept_until = NULL")
    night(board, club, "the worst night, all climb", USUAL, rounds=min(rounds, 3))
    memory(board, club, USUAL)
    club.restore()
    job(USUAL)
    announce()
    night(board, club, "the year's turn, many fall after the grace", TURN, rounds=min(rounds, 3))
    return board.broken


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.standings", description=__doc__)
    parser.add_argument("--members", type=int, default=MEMBERS, help=f"how many (default {MEMBERS:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"paired rounds of the nights (default {ROUNDS})")
    parser.add_argument("--window", choices=("calendar-year", "member-year"), default="calendar-year")
    given = parser.parse_args(arguments)
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
    try:
        broken = (own_years if given.window == "member-year" else run)(given.members, given.rounds)
    finally:
        teardown_databases(made, verbosity=0)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
