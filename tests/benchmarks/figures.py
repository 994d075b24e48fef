"""
`make figures`: a year and a half of a real shop, played day by day, and its figures against SQL written by hand.

CDNOW's orders earn as they are placed; points become ready, are used, come back, run out; orders are cancelled and
stand again; staff gives and undoes; people are erased; and a second program lives beside it. `--every 20` takes only
each 20th customer. `tests/integration/insights/test_against_sql.py` plays a few of them in each `make test`.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import django

from tests.benchmarks.board import Board, timed
from tests.benchmarks.cdnow import FILE, a_database

ZONE = "America/New_York"
BEGIN, END = date(1997, 1, 1), date(1998, 7, 1)
#: Both clock changes of 1997 (6 April, 26 October), the turn of the year, a quarter, one day, and everything.
PERIODS = (
    (date(1997, 1, 1), date(1997, 3, 31)),
    (date(1997, 3, 30), date(1997, 4, 6)),
    (date(1997, 10, 20), date(1997, 10, 26)),
    (date(1997, 12, 1), date(1998, 1, 31)),
    (date(1998, 2, 28), date(1998, 2, 28)),
    (date(1997, 1, 1), date(1998, 6, 30)),
)
#: Moments of a day (UTC): before and after midnight in New York with and without summer time, and the afternoon.
HOURS = ((3, 45), (4, 30), (5, 15), (18, 0))
NET = "(e.d_available + e.d_pending + e.d_reserved - e.d_debt)"
ENTRIES = "loyalty_ledger_entry e JOIN loyalty_ledger_account a ON a.id = e.account_id"
DAY = f"(e.created_at AT TIME ZONE '{ZONE}')::date"


def purchases(file: Path, every: int) -> dict[date, list[tuple[str, float]]]:
    """What each of these customers paid, by day."""
    found: dict[date, list[tuple[str, float]]] = defaultdict(list)
    for line in file.read_text().splitlines()[1:]:
        if line.strip():
            customer, day, _units, dollars = line.split()
            if int(customer) % every == 1 % every:
                found[datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()].append((customer, dollars))
    return found


def a_shop():
    """A program of the time with two rules, whose points run out after three months, and another one beside it."""
    from loyalty_oscar.earning.operations import save_rule
    from loyalty_oscar.program.models import Program, Unit
    from loyalty_oscar.testing import a_program

    since = datetime(1996, 12, 1, tzinfo=UTC)
    terms = {"hold_days": 14, "expiry": "months", "expiry_months": 3, "time_zone": ZONE}
    unit = a_program(currency="USD", live_from=since, **terms)
    save_rule(
        unit=unit, code="first", name="First order", type="first-order", params={"points": 25}, actor="system", at=since
    )
    other = Program.objects.create(code="other", name="Other", time_zone="UTC")
    return unit, Unit.objects.create(program=other)


class Life:
    """The shop from day to day. What happens to an order follows from its number alone, so each run is the same."""

    def __init__(self, unit, other) -> None:
        self.unit, self.other, self.number = unit, other, 0
        self.users: dict[str, int] = {}
        self.later: dict[date, list[tuple[str, int]]] = defaultdict(list)

    def live(self, rows: dict[date, list[tuple[str, float]]]) -> None:
        from loyalty_oscar.insights.operations import check, count

        day = BEGIN
        while day <= END:
            today = rows.get(day, [])
            for slot, (hour, minute) in enumerate(HOURS):
                at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                some, is_last = today[slot :: len(HOURS)], slot == len(HOURS) - 1
                if some or is_last or slot == 1:
                    self.moment(at, some, is_last=is_last)
            if day.day % 9 == 0:
                list(count(at=at))
            day += timedelta(days=1)
        list(count(at=at + timedelta(days=1)))
        list(check(at=at + timedelta(days=1)))

    def moment(self, at: datetime, some: Sequence[tuple[str, float]], *, is_last: bool) -> None:
        from loyalty_oscar.ledger.operations import expire_due, mature_due
        from loyalty_oscar.shop.orders.sync import sync_orders
        from loyalty_oscar.testing import clock

        with clock.at(at):
            if is_last:
                list(mature_due(at=at))
            else:
                list(expire_due(at=at))
            ids = self.order(some, at)
            for start in range(0, len(ids), 500):
                sync_orders(order_ids=ids[start : start + 500], at=at)
            if is_last:
                for what, number in self.later.pop(at.date(), ()):
                    getattr(self, what)(number, at)

    def order(self, some: Sequence[tuple[str, float]], at: datetime) -> list[int]:
        from django.contrib.auth import get_user_model
        from oscar.core.loading import get_model

        User, Order, Line = get_user_model(), get_model("order", "Order"), get_model("order", "Line")
        for customer in sorted({customer for customer, _dollars in some} - self.users.keys()):
            self.users[customer] = User.objects.create(username=customer, email=f"{customer}@example.com").pk
        first = self.number
        orders = Order.objects.bulk_create(
            Order(
                number=str(100001 + first + n), user_id=self.users[customer], site_id=1, currency="USD",
                status="Delivered", total_incl_tax=dollars, total_excl_tax=dollars, date_placed=at,
            )
            for n, (customer, dollars) in enumerate(some)
        )  # fmt: skip
        money = ("line_price_incl_tax", "line_price_excl_tax", "line_price_before_discounts_incl_tax",
                 "line_price_before_discounts_excl_tax")  # fmt: skip
        Line.objects.bulk_create(
            Line(
                order=order, title="CDs", upc="", quantity=1, status="Delivered", num_allocated=0,
                **dict.fromkeys(money, dollars),
            )
            for order, (_customer, dollars) in zip(orders, some, strict=True)
        )  # fmt: skip
        self.number += len(orders)
        for n, order in enumerate(orders):
            number = first + n
            if number % 11 == 0:
                self.later[at.date() + timedelta(days=5 + number % 60)].append(("cancel", order.pk))
            if number % 44 == 0:
                self.later[at.date() + timedelta(days=90 + number % 60)].append(("stand_again", order.pk))
            if number % 3 == 0:
                self.later[at.date() + timedelta(days=15 + number % 60)].append(("use", order.pk))
            for every, what in ((13, "thank"), (29, "undo"), (17, "beside"), (97, "erase")):
                if number % every == 0:
                    self.later[at.date() + timedelta(days=1 + number % 20)].append((what, order.pk))
        return [order.pk for order in orders]

    # What happens later, each by the order it comes from -------------------------------------------------------------

    def cancel(self, order_id: int, at: datetime, status: str = "Cancelled") -> None:
        from oscar.core.loading import get_model

        from loyalty_oscar.shop.orders.sync import sync_orders

        get_model("order", "Order").objects.filter(pk=order_id).update(status=status)
        get_model("order", "Line").objects.filter(order=order_id).update(status=status)
        sync_orders(order_ids=[order_id], at=at)

    def stand_again(self, order_id: int, at: datetime) -> None:
        self.cancel(order_id, at, "Delivered")

    def account(self, order_id: int):
        from loyalty_oscar.earning.models import Award

        award = Award.objects.filter(source_id=order_id).select_related("account__member").first()
        return award and award.account

    def thank(self, order_id: int, at: datetime, key: str = "manual:{}") -> None:
        from loyalty_oscar.kernel.because import Because
        from loyalty_oscar.ledger.operations import adjust

        if account := self.account(order_id):
            code = "goodwill" if order_id % 2 else "adjusted"
            adjust(
                account_id=account.pk, points=7 + order_id % 5, key=key.format(order_id), because=Because(code),
                actor=f"staff:{order_id % 3}", note="x", at=at, expires_at=at + timedelta(days=40),
            )  # fmt: skip

    def undo(self, order_id: int, at: datetime) -> None:
        from loyalty_oscar.kernel.because import Because
        from loyalty_oscar.ledger.models import Entry
        from loyalty_oscar.ledger.operations import reverse

        self.thank(order_id, at, "manual:u{}")
        for entry in Entry.objects.filter(key=f"manual:u{order_id}").select_related("account"):
            reverse(entry=entry, key=f"{entry.key}:undo", because=Because("undone_by_hand"), at=at, actor="staff:1")

    def beside(self, order_id: int, at: datetime) -> None:
        """The other program gives something, too."""
        from loyalty_oscar.kernel.because import Because
        from loyalty_oscar.ledger.operations import LotGrant, open_account, post
        from loyalty_oscar.program.models import Member

        member = Member.objects.create(program=self.other.program, joined_at=at)
        account = open_account(member=member, unit=self.other)
        grant = LotGrant(
            account_id=account.pk, points=3, key=f"order:{order_id}:earn", source="x", because=Because("adjusted")
        )
        post(grant=grant, at=at)

    def erase(self, order_id: int, at: datetime) -> None:
        account = self.account(order_id)
        if account and account.member.user_id:
            account.member.user = None
            account.member.erased_at = at
            account.member.save()

    def use(self, order_id: int, at: datetime) -> None:
        """A customer uses what is ready, and of some of these orders a part comes back."""
        from loyalty_oscar.kernel.because import Because
        from loyalty_oscar.kernel.errors import NotEnoughPoints
        from loyalty_oscar.ledger.operations import capture, place_hold, restore

        account = self.account(order_id)
        if account is None or account.available < 10:
            return
        why, points = Because("order_paid", number=str(order_id)), account.available * 4 // 5
        try:
            held = place_hold(
                account_id=account.pk, slot=f"basket:{order_id}", points=points, expires_at=at + timedelta(hours=1),
                because=why, at=at,
            )  # fmt: skip
        except NotEnoughPoints:
            return  # Some ran out since this morning's job.
        capture(hold_id=held.pk, account_id=account.pk, points=points, because=why, at=at)
        if order_id % 2 == 0:
            restore(
                hold_id=held.pk, account_id=account.pk, points=points // 2, key=f"order:{order_id}:use:back",
                goods_returned=True, because=why, at=at,
            )  # fmt: skip


# The same by SQL ---------------------------------------------------------------------------------------------------


def ask(sql: str, *values) -> list[tuple]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def flows_by_sql(unit_id: int, first: date, last: date) -> dict[str, int]:
    """Given, used, taken back, run out and by hand."""
    [row] = ask(
        f"""
        SELECT
          COALESCE(SUM({NET}) FILTER (WHERE counter = 'issuance' AND kind IN ('earn', 'welcome')), 0),
          COALESCE(-SUM({NET}) FILTER (WHERE counter = 'redemption'), 0),
          COALESCE(-SUM({NET}) FILTER (WHERE counter = 'issuance' AND kind IN ('claw', 'restore')), 0),
          COALESCE(-SUM({NET}) FILTER (WHERE counter = 'breakage'), 0),
          COALESCE(SUM({NET}) FILTER (WHERE counter = 'adjustment'), 0)
        FROM {ENTRIES} WHERE a.unit_id = %s AND {DAY} BETWEEN %s AND %s
        """,
        *(unit_id, first, last),
    )
    return dict(zip(("Given", "Used", "Taken back", "Run out", "By hand"), map(int, row), strict=True))


def net_by_sql(unit_id: int, last: date) -> int:
    """What all accounts had after their last entry of a day or before, as these entries say themselves."""
    [(points,)] = ask(
        f"""
        SELECT COALESCE(SUM(net_after), 0) FROM (
          SELECT DISTINCT ON (e.account_id) e.net_after FROM {ENTRIES}
          WHERE a.unit_id = %s AND e.created_at < (%s::date + 1)::timestamp AT TIME ZONE '{ZONE}'
          ORDER BY e.account_id, e.seq DESC
        ) newest
        """,
        *(unit_id, last),
    )
    return int(points)


def givers_by_sql(unit_id: int, first: date, last: date) -> dict[str, tuple[int, int]]:
    """What each kind of giver gave net, and to how many accounts."""
    rows = ask(
        f"""
        SELECT CASE WHEN key LIKE 'order:%%' THEN 'rules' WHEN key LIKE 'manual:%%' THEN 'staff' END,
          SUM({NET}), COUNT(DISTINCT a.id) FILTER (WHERE {NET} > 0 AND NOT (counter = 'issuance' AND kind = 'restore'))
        FROM {ENTRIES}
        WHERE a.unit_id = %s AND {DAY} BETWEEN %s AND %s AND counter IN ('issuance', 'adjustment') AND {NET} <> 0
        GROUP BY 1
        """,
        *(unit_id, first, last),
    )
    return {name: (int(points), members) for name, points, members in rows}


def first_orders_by_sql(unit_id: int, first: date, last: date) -> int:
    """What the rule for first orders gave with these orders, as their awards say."""
    [(points,)] = ask(
        f"""
        SELECT COALESCE(SUM((bonus ->> 'p')::int), 0)
        FROM {ENTRIES}
        JOIN loyalty_earning_award w ON e.key = 'order:' || w.source_id || ':earn' AND w.account_id = a.id,
          jsonb_array_elements(w.bonuses) bonus
        WHERE a.unit_id = %s AND {DAY} BETWEEN %s AND %s AND bonus ->> 'rule' = 'first'
        """,
        *(unit_id, first, last),
    )
    return int(points)


def due_by_sql(unit_id: int) -> dict[date | None, int]:
    """What is left of lots, ready or on the way, by the month of its last day."""
    rows = ask(
        f"""
        SELECT date_trunc('month', (l.expires_at - interval '1 microsecond') AT TIME ZONE '{ZONE}')::date,
          SUM(l.remaining + l.reserved)
        FROM loyalty_ledger_lot l JOIN loyalty_ledger_account a ON a.id = l.account_id
        WHERE a.unit_id = %s AND l.remaining + l.reserved > 0 GROUP BY 1
        """,
        unit_id,
    )
    return {month: int(points) for month, points in rows}


def members_of(unit, giver: str, first: date, last: date) -> int:
    """How many accounts got something of a giver, whichever of its things gave it."""
    from loyalty_oscar.insights.models import Given
    from loyalty_oscar.insights.packing import unpack

    rows = Given.objects.filter(unit=unit, giver=giver, day__gte=first, day__lte=last)
    return len({account for row in rows for account in unpack(row.accounts)})


def differences(unit) -> Iterator[tuple[str, object, object]]:
    """Everything that the page says otherwise than SQL does: what, the page, SQL."""
    from loyalty_oscar.insights import queries, tables

    for first, last in PERIODS:
        months = queries.months(unit=unit, first=first, last=last)
        table = tables.by_month(unit=unit, months=months)
        heads = [column.label for column in table.columns]
        shown = dict(zip(heads, table.sums, strict=True))
        for name, points in flows_by_sql(unit.pk, first, last).items():
            yield f"{name}, {first} to {last}", shown[name], points
        yield f"owed less to make up, {last}", months[-1].end.net, net_by_sql(unit.pk, last)
        rows = queries.given(unit=unit, first=first, last=last)
        sums = {name: sum(row.net for row in rows if row.giver == name) for name in {row.giver for row in rows}}
        for name, (points, members) in givers_by_sql(unit.pk, first, last).items():
            yield f"{name}, {first} to {last}", sums.get(name, 0), points
            if name in sums:
                yield f"members by {name}, {first} to {last}", members_of(unit, name, first, last), members
        bonus = sum(row.plus for row in rows if row.item == "rule:first")
        yield f"first orders, {first} to {last}", bonus, first_orders_by_sql(unit.pk, first, last)
    told = {due.first: due.ready + due.pending for due in queries.due(unit=unit)}
    yield "by the month in which it runs out", {k: v for k, v in told.items() if v}, due_by_sql(unit.pk)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.figures", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="each so many-th customer only")
    every = parser.parse_args().every
    if not FILE.exists():
        sys.exit(f"There is no {FILE}. Set CDNOW_FILE to where cdnow_master.txt lies.")
    django.setup()
    for _database in a_database():
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        from loyalty_oscar.insights import queries
        from loyalty_oscar.insights.models import Book, Day, Given
        from loyalty_oscar.insights.operations import _anew
        from loyalty_oscar.ledger.models import Entry
        from tests.integration.ledger.books import wrong

        board, rows = Board("figures: CDNOW day by day, against SQL"), purchases(FILE, every)
        unit, other = a_shop()
        life = Life(unit, other)
        with timed() as watch:
            life.live(rows)
        board.say("orders, entries, played in", f"{life.number:,}, {Entry.objects.count():,}, {watch.seconds:.0f} s")
        board.say("rows of days, of what gave", f"{Day.objects.count():,}, {Given.objects.count():,}")
        for what, shown, meant in differences(unit):
            board.promise(what, kept=shown == meant, figure=shown if isinstance(shown, int) else "")
        board.promise("nothing was ever counted anew", kept=not Book.objects.filter(off_at__isnull=False).exists())
        board.promise("the audit is clean", kept=not wrong())
        with CaptureQueriesContext(connection) as asked, timed() as watch:
            here = time.process_time()
            queries.months(unit=unit, first=BEGIN, last=END)
            queries.given(unit=unit, first=BEGIN, last=END)
            queries.due(unit=unit)
            here = time.process_time() - here
        board.say("all figures", f"{len(asked)} queries, {watch.seconds * 1000:.0f} ms, {here * 1000:.0f} ms of CPU")
        book = Book.objects.get(unit=unit)
        with timed() as watch:
            counted = _anew(book, unit, at=datetime(1998, 8, 1, tzinfo=UTC))
        board.say("counted anew", f"{counted:,} entries in {watch.seconds:.1f} s")
        board.leave()


if __name__ == "__main__":
    main()
