"""A trial counts to the point what the ledger counts: the same orders through both, month by month."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Min
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.insights import queries
from loyalty_oscar.insights.laws import law_of
from loyalty_oscar.insights.operations import count
from loyalty_oscar.insights.trial import Past, Play, UseWay, months_of
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.flows import Flow
from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.ledger.operations import capture, expire_due, mature_due, place_hold
from loyalty_oscar.shop.orders.facts import gather_orders
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import a_program, clock
from loyalty_oscar.tiers.models import Standing
from loyalty_oscar.tiers.operations import settle
from loyalty_oscar.tiers.queries import ladder_of
from tests.integration.tiers.ladders import a_ladder
from tests.orders import come_back, imported

pytestmark = pytest.mark.django_db
SAMPLE = Path(__file__).parents[2] / "benchmarks" / "cdnow_sample.txt"
BEGIN, END = datetime(1997, 1, 1, tzinfo=UTC), datetime(1998, 7, 1, tzinfo=UTC)
ZONE = "America/New_York"
GRACE = timedelta(days=10)


class Ledger:
    """The shop from order to order, each point moved in the moment in which it is due."""

    def __init__(self, unit, way):
        self.unit, self.way = unit, way
        self.back: dict[int, datetime] = {}
        self.users: dict[str, object] = {}

    def live(self, events):
        """Play (moment, what, its arguments) in order of time, and on to the end."""
        for at, what, *told in sorted(events, key=lambda event: event[0]):
            self.go_on(at)
            with clock.at(at):
                getattr(self, what)(at, *told)
        self.go_on(END - timedelta(microseconds=1))

    def go_on(self, to):
        while True:
            pending, open_ = Lot.objects.filter(state="pending"), Lot.objects.filter(is_open=True, state="open")
            dates = [
                pending.aggregate(first=Min("available_at"))["first"],
                open_.filter(remaining__gt=0).aggregate(first=Min("expires_at"))["first"],
            ]
            ends = Standing.objects.filter(is_current=True, rank__gt=0).aggregate(first=Min("kept_until"))["first"]
            dates.append(ends + GRACE if ends else None)
            due = min((one for one in dates if one), default=None)
            if due is None or due > to:
                break
            with clock.at(due):
                if due == dates[-1]:
                    over = Standing.objects.filter(is_current=True, rank__gt=0, kept_until=ends)
                    ids = list(over.values_list("member_id", flat=True))
                    settle(ladder=ladder_of(program_id=self.unit.program_id), member_ids=ids, at=due, announced=ids)
                list(expire_due(at=due))
                list(mature_due(at=due))
                self.use(due)

    def use(self, at):
        for account in Account.objects.filter(available__gt=0) if self.way == UseWay.ALL else ():
            told = {"account_id": account.pk, "points": account.available, "at": at, "because": Because("order_paid")}
            hold = place_hold(slot=f"basket:{account.pk}-{account.seq}", expires_at=at + timedelta(hours=1), **told)
            capture(hold_id=hold.pk, **told)

    def order(self, at, name, number, lines):
        if name not in self.users:
            self.users[name] = get_user_model().objects.create_user(name, f"{name}@example.com", "x")
        currency = self.unit.program.currency
        order = imported(user=self.users[name], lines=lines, placed_at=at, number=number, currency=currency)
        sync_orders(order_ids=[order.pk], at=at)
        self.use(at)

    def send_back(self, at, number, quantity):
        order = get_model("order", "Order").objects.get(number=number)
        come_back(line=order.lines.order_by("pk").first(), quantity=quantity)
        self.back[order.pk] = at
        sync_orders(order_ids=[order.pk], at=at)
        self.use(at)

    def cancel(self, at, number):
        order = get_model("order", "Order").objects.get(number=number)
        get_model("order", "Order").objects.filter(pk=order.pk).update(status="Cancelled")
        self.back[order.pk] = at
        sync_orders(order_ids=[order.pk], at=at)
        list(expire_due(at=at))
        self.use(at)


def tried(unit, ledger, until=END):
    """The sums of a trial of the orders that are there."""
    found = law_of(unit=unit, at=until, share=60)
    trial = Play(law=found.law, until=until, zone=unit.program.time_zone)
    ids = get_model("order", "Order").objects.values_list("pk", flat=True)
    orders = gather_orders(order_ids=ids, set_codes=found.sets, at=until)
    of_user: dict[object, list[Past]] = {}
    for order in sorted(orders, key=lambda order: (order.placed_at, order.order_id)):
        of_user.setdefault(order.user_id, []).append(Past(order=order, back_at=ledger.back.get(order.order_id)))
    for past in of_user.values():
        trial.play(orders=past)
    return trial.sums


def same(unit, ledger):
    """Compare each month, and return all that the trial says in all of them together."""
    first, last = BEGIN.date() - timedelta(days=1), END.date() - timedelta(days=1)
    list(count(at=END + timedelta(days=2)))
    sums = tried(unit, ledger)
    real = queries.months(unit=unit, first=first, last=last)
    months = [one for one in months_of(sums=sums, way=ledger.way, first=first, last=last) if one.last >= real[0].first]
    said = [(m.last, m.given, -m.back, -m.used, -m.out, m.owed, m.debt) for m in months]
    flows = (Flow.GIVEN, Flow.BACK, Flow.USED, Flow.OUT)
    assert said == [(m.last, *(m.flows.get(flow, 0) for flow in flows), m.end.points, m.end.debt) for m in real]
    return {name: sum(getattr(month, name) for month in months) for name in ("given", "back", "used", "out", "debt")}


def cdnow():
    for number, line in enumerate(SAMPLE.read_text().splitlines()[1:]):
        customer, day, pieces, dollars = line.split()
        at = datetime.strptime(day, "%Y%m%d").replace(hour=4, minute=30 + number % 2, tzinfo=UTC)
        yield at, "order", customer, f"c-{number}", [(Decimal(dollars) / int(pieces), int(pieces))]


def drawn(seed, orders=40):
    """A shop of its own: few customers who order much, send parts back and cancel, in time or late."""
    chance = random.Random(seed)
    for number in range(orders):
        at = BEGIN + timedelta(days=chance.randrange(500), hours=chance.randrange(24), seconds=number)
        prices = [chance.randrange(1, 9000) for _line in range(chance.choice((1, 1, 2, 3)))]
        lines = [(f"{price / 100:.2f}", chance.randrange(1, 5)) for price in prices]
        yield at, "order", f"p{chance.randrange(6)}", f"d-{number}", lines
        later = at + timedelta(days=chance.choice((3, 10, 30, 90)), minutes=chance.randrange(999))
        if later < END and chance.random() < 0.4:
            is_part = chance.random() < 0.6
            told = (
                ("send_back", f"d-{number}", chance.randint(1, lines[0][1])) if is_part else ("cancel", f"d-{number}")
            )
            yield later, *told


def a_shop(**terms):
    told = {"hold_days": 14, "expiry": "months", "expiry_months": 3, "time_zone": ZONE, **terms}
    return a_program(currency="USD", live_from=BEGIN - timedelta(days=30), **told)


def rule(unit, code, type, narrowed=(), **params):
    told = {"name": code, "params": params, "narrowed": narrowed, "actor": "system"}
    save_rule(unit=unit, code=code, type=type, at=BEGIN - timedelta(days=20), **told)


class TestATrial:
    @pytest.mark.parametrize("way", [UseWay.NONE, UseWay.ALL])
    def test_says_of_real_orders_what_the_ledger_says(self, way):
        unit = a_shop()
        rule(unit, "first", "first-order", points=25)
        ledger = Ledger(unit, way)
        ledger.live(cdnow())
        told = same(unit, ledger)
        assert told["given"] > 4000
        assert told["used" if way == UseWay.ALL else "out"] > 2000

    @pytest.mark.parametrize(
        ("way", "terms"),
        [
            (UseWay.NONE, {}),
            (UseWay.ALL, {}),
            (UseWay.ALL, {"debt_policy": "clamp", "rounding": "half_up"}),
            (UseWay.NONE, {"expiry": "inactivity", "expiry_months": 2, "rounding_stage": "line", "hold_days": 0}),
            (UseWay.NONE, {"expiry": "fixed", "expiry_month": 2, "expiry_day": 29, "rounding": "block"}),
            (UseWay.ALL, {"expiry": "never"}),
        ],
        ids=["unused", "used", "borne", "inactivity", "fixed", "never"],
    )
    def test_says_of_a_drawn_shop_with_returns_what_the_ledger_says(self, way, terms):
        unit = a_shop(**terms)
        ledger = Ledger(unit, way)
        ledger.live(drawn(seed=len(terms)))
        assert same(unit, ledger)["back"] > 500

    def test_keeps_caps_and_bonuses_as_the_ledger_does(self):
        unit = a_shop()
        rule(unit, "first", "first-order", points=50)
        rule(unit, "third", "every-nth", points=7, pieces=3)
        rule(
            unit,
            "much",
            "per-order",
            [{"code": "minimum-spend", "params": {"currency": "USD", "minimum_minor": 9000}}],
            points=20,
        )
        rule(unit, "double", "multiplier", [{"code": "cap-per-month", "params": {"points": 90}}], percent=200)
        rule(unit, "each", "per-unit", [{"code": "cap-per-member", "params": {"points": 30}}], points=3)
        ledger = Ledger(unit, UseWay.NONE)
        ledger.live(drawn(seed=7))
        assert same(unit, ledger)["back"] > 500

    @pytest.mark.parametrize("window", ["calendar-year", "quarter", "rolling"])
    def test_climbs_and_falls_as_members_do(self, window):
        unit = a_shop()
        a_ladder(unit=unit, window=window, percents=(100, 150, 225), grace_days=GRACE.days)
        ledger = Ledger(unit, UseWay.NONE)
        ledger.live(drawn(seed=11, orders=40))
        plain = sum(award.points for award in Award.objects.all())
        assert same(unit, ledger)["given"] == plain
        assert {row.rank for row in Standing.objects.all()} >= {1, 2, 3}
