"""
`make lists`: what the pages of staff cost where there are 100,000 members, 200,000 orders, and 1,000,000 entries.

Each list is opened, searched, narrowed, sorted and left for its last page. Under 12 queries and 300 ms of CPU in this
process; what PostgreSQL took stands beside it. So are the pages that say whether a program pays, of the months that the
jobs of the night counted before: at most 15 queries.
"""

import argparse
import time
from datetime import UTC, datetime, timedelta

import django

from tests.benchmarks.board import Board
from tests.benchmarks.cdnow import a_database

MOST_QUERIES, MOST_CPU = 11, 0.3
NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
#: The figures of many programs and their names are one page, and no list.
FIGURES_QUERIES = 20
PAYS_QUERIES = 15

FILL = """
INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
  SELECT '!', false, 'u' || n, 'First' || (n % 997), 'Last' || (n % 1009), 'u' || n || '@example.com', false, true,
    now()
  FROM generate_series(1, {members}) n;
INSERT INTO loyalty_program_member (program_id, user_id, public_id, joined_at, terms_version)
  SELECT {program}, id, gen_random_uuid(), now() - (id % 900) * interval '1 day', 0
  FROM auth_user WHERE username LIKE 'u%%';
INSERT INTO loyalty_ledger_account (member_id, unit_id, available, pending, reserved, debt, lifetime_earned, seq)
  SELECT id, {unit}, CASE WHEN id % 50 = 0 THEN 0 ELSE 100 + id % 900 END, id % 7 * 10, 0,
    CASE WHEN id % 50 = 0 THEN 5 ELSE 0 END, 500, 10 FROM loyalty_program_member;
INSERT INTO order_order (number, user_id, site_id, currency, status, total_incl_tax, total_excl_tax, shipping_incl_tax,
    shipping_excl_tax, shipping_method, shipping_code, guest_email, date_placed, analytics_tracked)
  SELECT 100000 + id * 2 + n, id, 1, 'EUR', 'Delivered', 50, 50, 0, 0, '', '', '',
    now() - ((id + n) % 700) * interval '1 day', false
  FROM auth_user, generate_series(0, 1) n WHERE username LIKE 'u%%';
INSERT INTO loyalty_people_receipt (order_id, program_id, member_id, buyer, placed_at, currency, goods_minor,
    paid_minor, pieces, is_gone, is_first, is_member, changed_at)
  SELECT o.id, {program}, m.id, 'u:' || o.user_id, o.date_placed, 'EUR', 5000, 5000, 2, o.id % 50 = 0, false, true,
    o.date_placed
  FROM order_order o JOIN loyalty_program_member m ON m.user_id = o.user_id;
INSERT INTO loyalty_ledger_entry (account_id, seq, key, fingerprint, kind, counter, d_available, d_pending, d_reserved,
    d_debt, net_after, available_after, because, actor, effective_at, created_at)
  SELECT id, n, 'order:' || id * 10 + n || ':earn', '\\x00', 'earn', 'issuance', 20, 0, 0, 0, 20 * n, 20 * n,
    '{{"c": "order_earned", "p": {{"number": "1"}}}}', CASE WHEN id % 100 = 0 THEN 'staff:1' ELSE 'system' END,
    now() - (500 - 20 * n) * interval '1 day', now() - (500 - 20 * n) * interval '1 day'
  FROM loyalty_ledger_account, generate_series(1, 10) n;
INSERT INTO loyalty_ledger_lot (account_id, entry_id, source, granted, remaining, reserved, state, is_open,
    available_at, expires_at, extensions, graced)
  SELECT account_id, id, 'order:' || id, 20, CASE WHEN seq > 2 THEN 20 ELSE 0 END, 0,
    CASE WHEN seq > 2 THEN 'open' ELSE 'closed' END, seq > 2, created_at, created_at + interval '3 years', 0, false
  FROM loyalty_ledger_entry;
INSERT INTO loyalty_program_event (topic, key, member_id, payload, at, is_new)
  SELECT 'points-earned', 'order:' || id || ':earned', id, '{{}}', now(), false FROM loyalty_program_member;
INSERT INTO loyalty_redemption_claim (reward_id, member_id, key, state, because, got_at, paid, number, graced, text)
  SELECT (SELECT min(id) FROM loyalty_program_reward) + id % 20, id, 'gift:1',
    (ARRAY['open', 'asked', 'over'])[1 + id % 3],
    '{{"c": "goodwill", "p": {{}}}}', now() - (id % 900) * interval '1 day', 0, 0,
    false, ''
  FROM loyalty_program_member;
"""


def fill(members: int):
    """A shop with so many members, written straight into its tables."""
    from django.db import connection

    from loyalty_oscar.earning.operations import save_rule
    from loyalty_oscar.insights.models import Aim
    from loyalty_oscar.testing import a_program
    from loyalty_oscar.testing.factories import CampaignFactory, GoalFactory, LadderFactory, RewardFactory

    unit = a_program(live_from=datetime(2025, 1, 1, tzinfo=UTC))
    for number in range(100):
        save_rule(
            unit=unit, code=f"r{number}", name=f"Rule {number}", type="multiplier", params={"percent": 110},
            narrowed=[{"code": "dates", "params": {"first": f"2030-01-{1 + number % 28:02}", "last": "2030-01-31"}}],
            actor="staff:1", at=datetime(2025, 1, 2, tzinfo=UTC),
        )  # fmt: skip
    LadderFactory(program=unit.program)
    for number in range(20):
        RewardFactory(program=unit.program, name=f"Reward {number}", price=500)
        GoalFactory(program=unit.program, name=f"Goal {number}", points=5)
        CampaignFactory(program=unit.program, name=f"Campaign {number}", points=5)
    this = datetime.now(UTC).date()
    for figure in Aim.Figure:
        ends = {"starts_on": this - timedelta(days=200), "start": 0, "ends_on": this + timedelta(days=200)}
        Aim.objects.create(program=unit.program, figure=figure, target=5000, **ends)
    with connection.cursor() as cursor:
        for statement in (
            FILL.format(members=members, program=unit.program_id, unit=unit.pk).replace("%%", "%").split(";")
        ):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute(
            "INSERT INTO loyalty_tiers_standing (member_id, tier_id, rank, is_current, is_counted, is_strict,"
            " starts_at, because, actor, extensions)"
            " SELECT m.id, t.id, t.rank, true, true, false, now(), '{}', 'system', 0 FROM loyalty_program_member m,"
            " (SELECT id, rank FROM loyalty_tiers_tier ORDER BY rank LIMIT 1) t WHERE m.id % 3 = 0"
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return unit


#: Page by page, with what it is narrowed by.
PAGES = {
    "loyalty_program_member": (
        "", "?p=900", "?q=last77", "?q=u4711@example.com", "?q=100242", "?ready=100", "?points=debt", "?points=pending",
        "?ordered=in-30", "?ordered=not-365", "?ordered=never", "?o=2", "?o=-3", "?o=-6", "?o=7",
    ),
    "loyalty_ledger_account": ("", "?p=900", "?q=last77"),
    "loyalty_ledger_entry": ("", "?p=4000", "?q=order:4711", "?kind__exact=earn", "?q=u4711@example.com"),
    "loyalty_ledger_hold": ("",),
    "loyalty_earning_rule": ("", "?q=Rule 7", "?type=multiplier"),
    "loyalty_program_event": ("", "?q=u4711@example.com"),
    "loyalty_program_delivery": ("",),
    "loyalty_program_segment": ("",),
    "loyalty_shop_ordersync": ("",),
    "loyalty_redemption_redemption": ("",),
    "loyalty_program_reward": ("", "?q=Reward 7", "?in_force=now"),
    "loyalty_redemption_claim": ("", "?p=900", "?q=last77", "?q=u4711@example.com"),
    "loyalty_journeys_goal": ("", "?in_force=now"),
    "loyalty_journeys_campaign": ("", "?in_force=now"),
    "loyalty_journeys_occurrence": ("",),
    "loyalty_referrals_referral": ("",),
}  # fmt: skip

#: Whether a program pays: figures and cohorts, the yearly check-up, goals, and the calendar of campaigns.
PAYS_PAGES = (
    "loyalty_insights_book_pays",
    "loyalty_insights_book_checkup",
    "loyalty_insights_aim_changelist",
    "loyalty_journeys_calendar",
)


def look(board: Board, client, url: str, most: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        wall, cpu = time.perf_counter(), time.process_time()
        status = client.get(url).status_code
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    server = sum(float(query["time"]) for query in asked.captured_queries)
    took = f"{wall * 1000:.0f} ms, {server * 1000:.0f} of them PostgreSQL"
    figure = f"{len(asked)} queries, {cpu * 1000:.0f} ms of CPU, {took}"
    kept = status == 200 and len(asked) <= most and cpu <= MOST_CPU
    board.promise(url.removeprefix("/admin/"), kept=kept, figure=figure)
    if server > 0.2:
        slow = max(asked.captured_queries, key=lambda query: float(query["time"]))
        board.say("  the slowest", f"{slow['time']} s: {slow['sql'][:230]} … {slow['sql'][-160:]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lists", description=__doc__)
    parser.add_argument("--members", type=int, default=100_000)
    members = parser.parse_args().members
    django.setup()
    for _database in a_database():
        from django.contrib.auth import get_user_model
        from django.test import Client
        from django.urls import reverse

        from loyalty_oscar.insights.elements import count_elements
        from loyalty_oscar.insights.monthly import count_months
        from loyalty_oscar.insights.operations import count
        from loyalty_oscar.journeys.calendar import count_ahead

        board = Board(f"lists: {members:,} members")
        fill(members)
        for what, job in (
            ("entries counted", count),
            ("figures of months", count_months),
            ("parts of programs", count_elements),
            ("days of campaigns", count_ahead),
        ):
            start = time.perf_counter()
            counted = sum(job(at=datetime.now(UTC)))
            board.say(what, f"{counted:,} in {time.perf_counter() - start:.0f} s")
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "x"))
        for name, asked in PAGES.items():
            for more in asked:
                look(board, client, reverse(f"admin:{name}_changelist") + more, MOST_QUERIES)
        look(board, client, reverse("admin:loyalty_insights_book_changelist"), FIGURES_QUERIES)
        for page in PAYS_PAGES:
            look(board, client, reverse(f"admin:{page}"), PAYS_QUERIES)
        look(board, client, reverse("admin:app_list", args=["loyalty_program"]), 40)
        board.leave()


if __name__ == "__main__":
    main()
