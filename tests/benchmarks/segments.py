"""
The nightly look at six segments by rule, of 100,000 members and a million orders: `make benchmark`, part `segments`.

What is promised: all six in at most a minute, and memory that hangs on the slice and not on how many members there
are. The first night everybody comes in, and afterwards one in a hundred changes; both are measured.
"""

import argparse
import sys
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import django

from tests.benchmarks.board import Board, timed
from tests.benchmarks.standings import sql

MEMBERS, ORDERS, MOST_SECONDS = 100_000, 10, 60
NOW = datetime(2026, 7, 15, 2, tzinfo=UTC)
MEMORY_TIMES, MEMORY_MORE = 1.25, 2 * 2**20

FILL = """
SELECT setseed(0.5);
INSERT INTO auth_user (username, email, password, first_name, last_name, is_active, is_staff, is_superuser, date_joined)
  SELECT 'm' || n, 'm' || n || '@example.com', '!', '', '', true, false, false, '2024-01-01'
  FROM generate_series(1, %(members)s) n;
INSERT INTO loyalty_program_member (public_id, program_id, user_id, joined_at)
  SELECT gen_random_uuid(), %(program)s, id, '2024-01-01' FROM auth_user ORDER BY id;
INSERT INTO loyalty_ledger_account (member_id, unit_id, available, pending, reserved, debt, lifetime_earned, seq)
  SELECT id, %(unit)s, id %% 1000, 0, 0, 0, 0, 0 FROM loyalty_program_member;
INSERT INTO loyalty_tiers_standing (member_id, tier_id, rank, is_current, is_counted, is_strict, starts_at, because,
    actor, extensions)
  SELECT m.id, t.id, t.rank, true, true, false, '2025-01-01', '{}', 'system', 0
  FROM loyalty_program_member m JOIN loyalty_tiers_tier t ON t.rank = m.id %% 4;
INSERT INTO loyalty_people_contact (member_id, language, bounced)
  SELECT id, CASE WHEN id %% 5 = 0 THEN 'de' ELSE '' END, ''
  FROM loyalty_program_member;
INSERT INTO order_order (number, user_id, site_id, currency, status, total_incl_tax, total_excl_tax, shipping_incl_tax,
    shipping_excl_tax, shipping_method, shipping_code, guest_email, date_placed, analytics_tracked)
  SELECT 100000 + m.user_id * %(orders)s + n, m.user_id, 1, 'EUR', 'Delivered', 50, 50, 0, 0, '', '', '',
    '2026-07-14'::timestamptz - random() * interval '900 days', false
  FROM loyalty_program_member m, generate_series(1, %(orders)s) n;
INSERT INTO order_line (order_id, product_id, partner_name, partner_sku, partner_line_reference, partner_line_notes,
    title, upc, quantity, allocation_cancelled, line_price_incl_tax, line_price_excl_tax,
    line_price_before_discounts_incl_tax, line_price_before_discounts_excl_tax, unit_price_incl_tax,
    unit_price_excl_tax, status, num_allocated)
  SELECT o.id, p.id, '', '', '', '', 'Food', '', 1, false, 25, 25, 25, 25, 25, 25, '', 0
  FROM order_order o, generate_series(0, 1) n
  JOIN LATERAL (SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM catalogue_product) every
                WHERE place = (o.id + n * 7) %% %(products)s) p ON true;
INSERT INTO loyalty_people_receipt (order_id, program_id, member_id, buyer, placed_at, currency, goods_minor,
    paid_minor, pieces, is_gone, is_first, is_member, changed_at)
  SELECT o.id, %(program)s, m.id, 'u:' || o.user_id, o.date_placed, 'EUR', 5000, 5000, 2, o.id %% 50 = 0, false,
    true, o.date_placed
  FROM order_order o JOIN loyalty_program_member m ON m.user_id = o.user_id;
"""


def fill(members: int) -> None:
    """A shop with so many members, ten orders each of two lines, and six segments."""
    from oscar.test import factories

    from loyalty_oscar.program.models import Segment
    from loyalty_oscar.program.queries import forget_cache
    from loyalty_oscar.testing import a_program
    from loyalty_oscar.testing.factories import LadderFactory, ProductSetFactory

    unit = a_program(code="club", name="Paw Club")
    LadderFactory(program=unit.program)
    products = [factories.create_product(title=f"Food {number}") for number in range(50)]
    ProductSetFactory(code="cats", products=products[:10])
    ProductSetFactory(code="dogs", products=products[10:15])
    forget_cache()
    told = {"program": unit.program_id, "unit": unit.pk, "members": members, "orders": ORDERS}
    sql(FILL, **told, products=len(products))
    sql("ANALYZE")
    cats, dogs = ({"sets": [code]} for code in ("cats", "dogs"))
    asked = {
        "cat-homes": [("owns", cats)],
        "cats-now": [("bought", cats | {"days": 90})],
        "no-dogs": [("owns", cats), ("not-bought", dogs | {"days": 365})],
        "gold": [("level", {"least": 3, "most": None})],
        "rich": [("points", {"least": 500, "most": None}), ("bought", dogs | {"days": 180})],
        "german": [("language", {"languages": ["de"]})],
    }
    for code, rows in asked.items():
        found = [{"trait": trait, "params": params} for trait, params in rows]
        Segment.objects.create(program=unit.program, code=code, name=code, kind="rule", traits=found)


def night(board: Board, name: str, at: datetime) -> None:
    """Do the job as `loyalty_run` does."""
    from loyalty_oscar.shop.upkeep import jobs

    with timed() as watch:
        steps = list(jobs.run(only="segments", at=at))
    assert not steps[-1].error, steps[-1].error
    figure = f"{watch.seconds:.1f} s, {steps[-1].done:,} came or went"
    board.promise(f"{name}, at most {MOST_SECONDS} s", kept=watch.seconds <= MOST_SECONDS, figure=figure)


def memory(board: Board, members: int) -> None:
    """What the look holds at most in its first slices, and in all of them."""
    from loyalty_oscar.program import segment_rules

    segment_rules.SLICE = max(1, members // 10)
    [program_id] = segment_rules.programs_with_rules()
    peaks = []
    tracemalloc.start()
    for _step in segment_rules.look_at_members(program_id=program_id, at=NOW, failed=print):
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    first, most = max(peaks[:2]), max(peaks)
    figure = f"{first / 2**20:.1f} MB, {most / 2**20:.1f} MB"
    board.promise("memory: two tenths, all", kept=most <= MEMORY_TIMES * first + MEMORY_MORE, figure=figure)


def run(members: int) -> int:
    """Measure the nights; returns how many promises were broken."""
    board = Board(f"Six segments by rule: {members:,} members, {members * ORDERS:,} orders")
    fill(members)
    night(board, "the first night, everybody comes in", NOW)
    night(board, "a night on which nobody changes", NOW + timedelta(minutes=1))
    sql("UPDATE loyalty_ledger_account SET available = 1000 - available WHERE id % 97 = 0")
    night(board, "a usual night, one in a hundred changes", NOW + timedelta(minutes=2))
    memory(board, members)
    return board.broken


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.segments", description=__doc__)
    parser.add_argument("--members", type=int, default=MEMBERS, help=f"how many (default {MEMBERS:,})")
    given = parser.parse_args(arguments)
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=())
    try:
        broken = run(given.members)
    finally:
        teardown_databases(made, verbosity=0)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
