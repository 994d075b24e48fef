"""
The night of campaigns in a shop of 100,000 members on which nothing is due, and one on which many are: a part of
`make benchmark`.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

import django

from tests.benchmarks.board import Board, timed
from tests.benchmarks.cdnow import a_database
from tests.benchmarks.scale import from_now_on

MEMBERS, QUIET, CARRIED = 100_000, 1.0, 500
#: Nobody has a birthday, joined, or is late in that week, and it is neither the day of the season nor a first of month.
NOW = datetime(2026, 9, 20, 2, tzinfo=UTC)
PARAMS = {
    "day": {"month": 12, "day": 6},
    "surprise": {"members": 3},
    "warranty": {"sets": ["none"], "months": 24},
    "leaving": {"months": 24},
}
FILL = """
INSERT INTO auth_user (username, email, password, first_name, last_name, is_active, is_staff, is_superuser, date_joined)
  SELECT 'm' || n, 'm' || n || '@example.com', '!', '', '', true, false, false, '2024-01-01'
  FROM generate_series(1, %(members)s) n;
INSERT INTO loyalty_program_member (public_id, program_id, user_id, joined_at)
  SELECT gen_random_uuid(), %(program)s, id, timestamptz '2024-01-01' + (id %% 240) * interval '1 day'
  FROM auth_user WHERE username LIKE 'm%%' ORDER BY id;
INSERT INTO loyalty_people_birthday (member_id, day, month, set_at)
  SELECT id, 1 + id %% 28, 1 + id %% 8, '2024-06-01' FROM loyalty_program_member;
INSERT INTO loyalty_people_buyerstats (member_id, orders, spend_minor, biggest_minor, late_at, counted_at)
  SELECT id, 3, 9000, 3000, timestamptz '2026-01-01' + (id %% 240) * interval '1 day', '2026-09-19'
  FROM loyalty_program_member;
INSERT INTO loyalty_people_receipt (order_id, program_id, member_id, buyer, placed_at, currency, goods_minor,
                                    paid_minor, pieces, is_gone, is_first, is_member, changed_at)
  SELECT id + 10000000, %(program)s, id, 'u:' || user_id, timestamptz '2025-01-01' + (id %% 240) * interval '1 day',
         'EUR', 3000, 3000, 1, false, true, true, '2026-09-19'
  FROM loyalty_program_member;
ANALYZE;
"""


def nights(board: Board, members: int) -> None:
    """Plan a night on which nothing is due, and carry out one on which something is."""
    from django.db import connection

    from loyalty_oscar.journeys.carrying import carry_out
    from loyalty_oscar.journeys.models import Campaign, Occurrence
    from loyalty_oscar.journeys.occasions import occasions
    from loyalty_oscar.journeys.planning import find
    from loyalty_oscar.program.models import ProductSet
    from loyalty_oscar.testing import a_program

    program = a_program(live_from=datetime(2024, 1, 1, tzinfo=UTC)).program
    ProductSet.objects.create(code="none", name="None")
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"members": members, "program": program.pk})
    for code in [name for name, occasion in occasions.items() if occasion.due]:
        told = {"code": code, "name": code, "points": 5, "least_orders": 0, "params": PARAMS.get(code, {})}
        Campaign.objects.create(program=program, occasion=code, **told)
    from_now_on()
    with timed() as quiet:
        planned = sum(number for _campaign, number in find(at=NOW))
    assert planned == 0
    board.promise(
        f"{members:,} members, nothing due: planned", kept=quiet.seconds < QUIET, figure=f"{quiet.seconds:.2f} s"
    )
    with timed() as season:
        planned = sum(number for _campaign, number in find(at=datetime(2026, 12, 6, 2, tzinfo=UTC)))
    board.say("a day for all of them: planned", f"{planned / season.seconds:,.0f}/s")
    Occurrence.objects.filter(pk__gt=Occurrence.objects.order_by("pk")[CARRIED - 1].pk).delete()
    with timed() as carried:
        done = sum(carry_out(at=datetime(2026, 12, 6, 3, tzinfo=UTC)))
    assert done == CARRIED
    board.say("carried out", f"{done / carried.seconds:,.0f}/s")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.campaigns", description=__doc__)
    parser.add_argument("--members", type=int, default=MEMBERS, help=f"how many there are (default {MEMBERS:,})")
    given = parser.parse_args(arguments)
    django.setup()
    board = Board("The night of campaigns")
    for _database in a_database():
        nights(board, given.members)
    board.leave()


if __name__ == "__main__":
    main()
