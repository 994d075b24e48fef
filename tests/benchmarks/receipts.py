"""
Receipts of orders from before, and the night that counts how members buy: a part of `make benchmark`.

Filling is compared with reading the facts of the same orders, round by round. The night counts all members of a shop
with ten receipts each, then those that changed, and then all traits are asked; with a tenth of the members it may need
no less memory.
"""

import argparse
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import django

from tests.benchmarks.board import Board, timed
from tests.benchmarks.cdnow import a_database, load
from tests.benchmarks.scale import from_now_on, memory

ORDERS, ROUNDS, LEAST_SPEED = 10_000, 5, 0.5
MEMBERS, EACH, NIGHT, ROOM = 100_000, 10, 60, 30
NOW = datetime(2026, 5, 5, 2, tzinfo=UTC)
ASKED = {
    "orders": {"least": 3, "days": 365},
    "spend": {"most": 5000},
    "last": {"least": 90},
    "basket": {"least": 5000},
    "biggest": {"least": 9000},
    "late": {},
    "cell": {"recency": [4, 5], "money": [5]},
    "birthday": {"days": 7},
    "joined": {"least": 30},
}
FILL = """
INSERT INTO auth_user (username, email, password, first_name, last_name, is_active, is_staff, is_superuser, date_joined)
  SELECT 'm' || n, 'm' || n || '@example.com', '!', '', '', true, false, false, '2024-01-01'
  FROM generate_series(1, %(members)s) n;
INSERT INTO loyalty_program_member (public_id, program_id, user_id, joined_at)
  SELECT gen_random_uuid(), %(program)s, id, '2024-01-01' FROM auth_user WHERE username LIKE 'm%%' ORDER BY id;
INSERT INTO loyalty_people_receipt (order_id, program_id, member_id, buyer, placed_at, currency, goods_minor,
                                    paid_minor, pieces, is_gone, is_first, is_member, changed_at)
  SELECT row_number() OVER () + 10000000, %(program)s, m.id, 'u:' || m.user_id, %(at)s - random() * interval '900 days',
         'EUR', 5000, 1000 + floor(random() * 9000), 1, random() < 0.05, n = 1, true, %(at)s - interval '30 days'
  FROM loyalty_program_member m, generate_series(1, %(each)s) n;
ANALYZE;
"""


def filling(board: Board, number: int) -> None:
    """Fill the receipts of so many orders, and read the facts of the same, in rounds."""
    from oscar.core.loading import get_model

    from loyalty_oscar.people.models import Receipt
    from loyalty_oscar.program.conf import conf
    from loyalty_oscar.shop.orders.backfill import gather
    from loyalty_oscar.shop.people.filling import fill
    from loyalty_oscar.testing import a_program, clock

    load([(f"c{n % (number // EACH)}", NOW - timedelta(hours=n), 2, Decimal("24.90")) for n in range(number)])
    a_program(currency="USD", live_from=NOW - timedelta(days=1))
    ids = list(get_model("order", "Order").objects.order_by("pk").values_list("pk", flat=True))
    portions = [ids[start : start + conf.SWEEP_BATCH] for start in range(0, number, conf.SWEEP_BATCH)]
    ratios = []
    for _round in range(ROUNDS):
        Receipt.objects.all().delete()
        with clock.at(NOW):
            with timed() as reading:
                for portion in portions:
                    gather(order_ids=portion, set_codes=(), at=NOW)
            with timed() as writing:
                written = sum(fill(at=NOW))
        assert written == number
        ratios.append(reading.seconds / writing.seconds)
    board.say("facts read", f"{number / reading.seconds:,.0f} orders/s")
    ratio = statistics.median(ratios)
    figure = f"{number / writing.seconds:,.0f} orders/s, {ratio:.2f}"
    board.promise(f"receipts filled, of that speed at least {LEAST_SPEED}", kept=ratio >= LEAST_SPEED, figure=figure)


def a_night(board: Board, members: int) -> float:
    """Count the members of a shop, and ask all traits of them; returns the memory that was needed at most, in MB."""
    from django.db import connection

    from loyalty_oscar.people.buyers import count_changed
    from loyalty_oscar.people.models import BuyerStats, Receipt
    from loyalty_oscar.program.models import Program
    from loyalty_oscar.program.registries import traits

    program = Program.objects.create(code=f"of-{members}", name="Paw Club", currency="EUR")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE loyalty_people_receipt, loyalty_people_buyerstats")
        cursor.execute("DELETE FROM loyalty_program_member; DELETE FROM auth_user")
        cursor.execute(FILL, {"members": members, "each": EACH, "program": program.pk, "at": NOW})
    from_now_on()
    before, whole = memory(), {"program_id": program.pk, "at": NOW}
    with timed() as first:
        counted = sum(count_changed(since=None, at=NOW))
    needed = memory() - before
    assert counted == members == BuyerStats.objects.filter(member__program=program).count()
    changed = Receipt.objects.order_by("pk").values_list("pk", flat=True)[: members // 100]
    Receipt.objects.filter(pk__in=list(changed)).update(changed_at=NOW)
    with timed() as later:
        sum(count_changed(since=NOW, at=NOW + timedelta(days=1)))
    board.promise(
        f"{members:,} members, {members * EACH:,} receipts: all counted", kept=first.seconds < NIGHT,
        figure=f"{first.seconds:.1f} s, {needed:+.0f} MB",
    )  # fmt: skip
    board.say("a hundredth of the receipts changed", f"{later.seconds:.1f} s")
    for code, params in ASKED.items():
        with timed() as watch:
            found = len(traits.get(code).holders(params=params, after=0, last=2**62, **whole))
        board.say(f"trait {code}", f"{watch.seconds:.2f} s, {found:,} members")
    return needed


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.receipts", description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS, help=f"how many are filled (default {ORDERS:,})")
    parser.add_argument("--members", type=int, default=MEMBERS, help=f"how many are counted (default {MEMBERS:,})")
    given = parser.parse_args(arguments)
    django.setup()
    board = Board("Receipts of orders from before, and the night")
    for _database in a_database():
        filling(board, given.orders)
    for _database in a_database():
        few, many = (a_night(board, members) for members in (given.members // 10, given.members))
        figure = f"{few:.0f} MB, {many:.0f} MB"
        board.promise("as much memory for many as for few", kept=many - few < ROOM, figure=figure)
    board.leave()


if __name__ == "__main__":
    main()
