"""A program is tried on the shop's own orders: what the page says, who may see it, and how it goes on in parts."""

import csv
import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.insights.models import Trial
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.models import Member, PointWorth, Program, Unit
from loyalty_oscar.shop.insights import trials
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import RewardFactory
from tests.desk import staff
from tests.once import a_program
from tests.orders import come_back, imported

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_june():
    """It is 20 June 2026."""
    with clock.at(NOW):
        yield


@pytest.fixture
def draft():
    """A draft that gives two points for each euro."""
    program = Program.objects.create(code="draft", name="Draft Club", currency="EUR")
    unit = Unit.objects.create(program=program, names={"en": {"one": "point", "other": "points"}})
    PointWorth.objects.create(program=program, currency="EUR", points=100, minor=100)
    give(unit, 2)
    return program


def give(unit, points, at=NOW):
    params = {"currency": "EUR", "points": points, "step_minor": 100}
    save_rule(unit=unit, code="base", name="Base", type="per-amount", params=params, actor="system", at=at)


@pytest.fixture
def other():
    """Another draft, that gives five points for each euro."""
    program = Program.objects.create(code="other", name="Other Club", currency="EUR")
    unit = Unit.objects.create(program=program, names={"en": {"one": "star", "other": "stars"}})
    PointWorth.objects.create(program=program, currency="EUR", points=100, minor=100)
    give(unit, 5)
    return program


def orders(customers=3, each=4):
    """Each of some customers ordered 50.00 every 50 days; of the first order of each a piece of two came back."""
    for person in range(customers):
        user = get_user_model().objects.create_user(f"c{person}", f"c{person}@example.com", "x")
        for number in range(each):
            placed_at = NOW - timedelta(days=20 + 50 * number, hours=person)
            told = {"placed_at": placed_at, "number": f"{person}-{number}"}
            order = imported(user=user, lines=[("25.00", 2)], **told)
            if number == each - 1:
                come_back(line=order.lines.get(), quantity=1)


def page(program):
    return reverse("admin:loyalty_program_program_try", args=[program.pk])


def read(client, program):
    return client.get(page(program)).content.decode().replace("\xa0", " ")


def file_of(client, program, name):
    answer = client.get(page(program), {"csv": name})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    return list(lines)


class TestTheButton:
    def test_leads_from_the_page_of_a_program(self, draft):
        change = reverse("admin:loyalty_program_program_change", args=[draft.pk])
        assert page(draft) in staff().get(change).content.decode()

    def test_is_not_there_before_it_is_said_what_members_collect(self):
        bare = Program.objects.create(code="bare", name="Bare")
        change = reverse("admin:loyalty_program_program_change", args=[bare.pk])
        client = staff()
        assert page(bare) not in client.get(change).content.decode()
        assert client.get(page(bare)).status_code == 404


class TestATrial:
    def test_says_what_a_draft_would_have_cost_and_gives_nothing(self, draft):
        orders()
        client = staff()
        answer = client.post(page(draft), {"months": "12"})
        assert (answer.status_code, answer["Location"]) == (302, page(draft))
        text = read(client, draft)
        assert "12 orders were tried, for which €525.00 stay paid." in text
        assert "3 customers get something." in text
        assert "3 customers come to 100 points, the first reward; half of them by order number 1." in text
        ways = file_of(client, draft, "draft-ways")
        assert [row["Given"] for row in ways] == ["1200"] * 3
        assert [row["Taken back"] for row in ways] == ["150"] * 3
        assert [row["Used"] for row in ways] == ["1050", "735", "0"]
        assert [row["Cost: share of turnover (%)"] for row in ways] == ["2.00", "1.40", "0.00"]
        assert [row["Owed at the end"] for row in ways] == ["0", "315", "1050"]
        assert not any(model.objects.exists() for model in (Entry, Account, Member, OrderSync))

    @pytest.mark.parametrize(("ends_at", "price"), [(NOW, 300), (NOW + timedelta(seconds=1), 10), (None, 10)])
    def test_says_who_comes_to_the_first_reward_that_is_not_over(self, draft, ends_at, price):
        RewardFactory(program=draft, price=10, ends_at=ends_at)
        RewardFactory(program=draft, price=300)
        orders()
        client = staff()
        client.post(page(draft), {"months": "12"})
        number = {10: 1, 300: 4}[price]
        said = f"3 customers come to {price} points, the first reward; half of them by order number {number}."
        assert said in read(client, draft)

    def test_costs_a_share_of_turnover_where_the_shop_sells_in_another_currency_too(self, draft, settings):
        PointWorth.objects.create(program=draft, currency="USD", points=100, minor=120)
        settings.OSCAR_DEFAULT_CURRENCY = "USD"
        orders()
        client = staff()
        client.post(page(draft), {"months": "12"})
        ways = file_of(client, draft, "draft-ways")
        assert [row["Cost: worth of what is used (USD)"] for row in ways] == ["12.60", "8.82", "0.00"]
        assert [row["Cost: share of turnover (%)"] for row in ways] == ["2.00", "1.40", "0.00"]

    def test_stands_beside_what_is_in_force(self, draft):
        orders()
        live = a_program(live_from=NOW - timedelta(days=1))
        client = staff()
        client.post(page(draft), {"months": "12"})
        assert Trial.objects.get().beside == live.program
        text = read(client, draft)
        assert text.index("Draft Club") < text.index("<strong>Paw Club</strong>")
        assert [row["Given"] for row in file_of(client, draft, "club-ways")] == ["600"] * 3

    def test_has_a_file_for_each_way_by_month(self, draft):
        orders()
        client = staff()
        client.post(page(draft), {"months": "6"})
        rows = file_of(client, draft, "draft-none")
        months = ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"]
        assert [row["Month"] for row in rows] == months
        assert {row["Given"] for row in rows} == {"0", "300"}
        assert client.get(page(draft), {"csv": "other"}).status_code == 404

    def test_says_that_the_program_was_changed_since(self, draft):
        client = staff()
        client.post(page(draft), {"months": "3"})
        assert "was changed since" not in read(client, draft)
        give(draft.unit, 3)
        assert "Draft Club was changed since. This is of before the change: try it again." in read(client, draft)

    def test_refuses_a_time_that_is_not_on_the_list(self, draft):
        text = staff().post(page(draft), {"months": "13"}).content.decode()
        assert "There is nothing of that name. Choose from the list." in text
        assert not Trial.objects.exists()

    def test_of_a_shop_without_orders_says_so(self, draft):
        client = staff()
        client.post(page(draft), {"months": "3"})
        assert "0 orders were tried, for which €0.00 stay paid." in read(client, draft)


class TestTwoDrafts:
    def test_stand_side_by_side_with_what_is_in_force(self, draft, other):
        orders()
        a_program(live_from=NOW - timedelta(days=1))
        client = staff()
        client.post(page(draft), {"months": "12", "against": str(other.pk)})
        text = read(client, draft)
        assert "Side by side: Members use 70 %" in text
        assert text.index("Side by side: Members use") < text.index("<strong>Draft Club</strong>")
        rows = {row["Figure"]: row for row in file_of(client, draft, "side-by-side")}
        names = ("Draft Club", "Other Club", "Paw Club")
        told = {figure: tuple(row[name] for name in names) for figure, row in rows.items()}
        assert told == {
            "Turnover": ("525.00", "525.00", "525.00"),
            "New members": ("3", "3", "3"),
            "Given": ("1200", "3000", "600"),
            "Given: worth": ("12.00", "30.00", "6.00"),
            "Used": ("735", "1836", "366"),
            "Cost: worth of what is used": ("7.35", "18.36", "3.66"),
            "Cost: share of turnover": ("1.40", "3.50", "0.70"),
            "Members who come to the first reward": ("3", "3", "3"),
            "Orders until half of them have it": ("1", "1", "3"),
            "Owed at the end": ("315", "789", "159"),
            "Owed at the end: worth": ("3.15", "7.89", "1.59"),
        }

    def test_stand_side_by_side_by_month(self, draft, other):
        orders()
        client = staff()
        client.post(page(draft), {"months": "6", "against": str(other.pk)})
        rows = file_of(client, draft, "side-by-side-months")
        assert [row["Month"] for row in rows][::6] == ["2025-12", "2026-06"]
        assert [
            (row["Draft Club: Given"], row["Other Club: Given"]) for row in rows if row["Draft Club: Given"] != "0"
        ] == [("300", "750")] * 4
        sums = [sum(int(row[f"{name}: New members"]) for row in rows) for name in ("Draft Club", "Other Club")]
        assert sums == [3, 3]
        assert rows[-1]["Other Club: Owed at the end: worth (EUR)"] == "7.89"

    def test_are_drawn_in_money(self, draft, other):
        orders()
        client = staff()
        client.post(page(draft), {"months": "6", "against": str(other.pk)})
        text = read(client, draft)
        assert "Worth of what is given in each month" in text
        assert "Worth of what is owed at the end of each month" in text

    def test_of_several_currencies_are_not_drawn_together(self, draft, other):
        Program.objects.filter(pk=other.pk).update(currency="CHF")
        orders()
        client = staff()
        client.post(page(draft), {"months": "6", "against": str(other.pk)})
        assert "Worth of what is given in each month" not in read(client, draft)
        assert "Side by side, by month" in read(client, draft)

    @pytest.mark.parametrize(("mine", "its"), [("Europe/Berlin", "America/New_York"), ("Asia/Tokyo", "Europe/Berlin")])
    def test_of_several_zones_count_in_the_days_of_the_one_that_is_tried(self, draft, other, mine, its):
        Program.objects.filter(pk=draft.pk).update(time_zone=mine)
        Program.objects.filter(pk=other.pk).update(time_zone=its)
        user = get_user_model().objects.create_user("eve", "eve@example.com", "x")
        begins, ends = (datetime(2026, month, 1, tzinfo=ZoneInfo(mine)) for month in (1, 7))
        for number, placed_at in enumerate((begins, ends - timedelta(seconds=1))):
            imported(user=user, lines=[("25.00", 2)], placed_at=placed_at, number=f"eve-{number}")
        client = staff()
        with clock.at(ends):
            client.post(page(draft), {"months": "6", "against": str(other.pk)})
        rows = file_of(client, draft, "side-by-side-months")
        given = [(row["Month"], row["Draft Club: Given"], row["Other Club: Given"]) for row in rows]
        between = [(f"2026-0{month}", "0", "0") for month in range(2, 6)]
        assert given == [("2026-01", "100", "250"), *between, ("2026-06", "100", "250")]

    def test_one_that_is_gone_leaves_the_other(self, draft, other):
        client = staff()
        client.post(page(draft), {"months": "3", "against": str(other.pk)})
        Trial.objects.update(against=None)
        text = read(client, draft)
        assert "Side by side:" not in text
        assert "<strong>Draft Club</strong>" in text

    def test_are_chosen_among_drafts(self, draft, other):
        live = a_program(live_from=NOW - timedelta(days=1))
        client = staff()
        text = read(client, draft)
        assert f'<option value="{other.pk}">Other Club</option>' in text
        assert "Paw Club</option>" not in text
        for wrong in (live.program_id, draft.pk, "x"):
            text = client.post(page(draft), {"months": "3", "against": wrong}).content.decode()
            assert "There is nothing of that name. Choose from the list." in text
        assert not Trial.objects.exists()

    def test_where_there_is_one_nobody_is_asked(self, draft):
        assert 'name="against"' not in read(staff(), draft)

    def test_go_on_in_parts_together(self, draft, other, monkeypatch, settings):
        monkeypatch.setattr(trials, "AT_ONCE", 0)
        settings.LOYALTY_SWEEP_BATCH = 4
        orders()
        client = staff()
        client.post(page(draft), {"months": "12", "against": str(other.pk)})
        [trial_id] = trials.unfinished()
        next(trials.work(trial_id=trial_id, at=NOW))
        assert "4 of 12 orders are tried." in read(client, draft)
        give(other.unit, 1)
        list(jobs.run(only="trials"))
        rows = {row["Figure"]: row for row in file_of(client, draft, "side-by-side")}
        assert (rows["Given"]["Draft Club"], rows["Given"]["Other Club"]) == ("1200", "600")


class TestManyOrders:
    @pytest.fixture(autouse=True)
    def few_at_once(self, monkeypatch, settings):
        monkeypatch.setattr(trials, "AT_ONCE", 0)
        settings.LOYALTY_SWEEP_BATCH = 4

    def test_are_the_business_of_a_job_which_can_stop_anywhere(self, draft):
        orders()
        client = staff()
        client.post(page(draft), {"months": "12"})
        assert "0 of 12 orders are tried." in read(client, draft)
        [trial_id] = trials.unfinished()
        assert next(trials.work(trial_id=trial_id, at=NOW)) == 4
        assert "4 of 12 orders are tried." in read(client, draft)
        list(jobs.run(only="trials"))
        assert trials.unfinished() == []
        assert [row["Given"] for row in file_of(client, draft, "draft-ways")] == ["1200"] * 3

    def test_wait_for_no_other_that_fails(self, draft, monkeypatch):
        orders()
        other = Program.objects.create(code="other", name="Other Club", currency="EUR")
        Unit.objects.create(program=other, names={"en": {"one": "point", "other": "points"}})
        broken, good = (trials.ask(program=one, months=12, actor="staff:1", at=NOW).pk for one in (other, draft))
        law_of = trials.law_of

        def fails(*, unit, **told):
            if unit.program_id == other.pk:
                raise LookupError("gone")
            return law_of(unit=unit, **told)

        monkeypatch.setattr(trials, "law_of", fails)
        error = list(jobs.run(only="trials"))[-1].error
        assert (trials.unfinished(), good) == ([broken], Trial.objects.get(finished_at=NOW).pk)
        assert error == f"trials that cannot go on: {broken}; the log says why"

    @pytest.mark.parametrize("begun", [True, False])
    @pytest.mark.parametrize("minutes", [0, 5])
    def test_begin_anew_where_the_program_was_changed_meanwhile(self, draft, begun, minutes):
        orders()
        client = staff()
        client.post(page(draft), {"months": "12"})
        [trial_id] = trials.unfinished()
        if begun:
            next(trials.work(trial_id=trial_id, at=NOW))
        later = NOW + timedelta(minutes=minutes)
        give(draft.unit, 4, at=later)
        with clock.at(later):
            list(jobs.run(only="trials"))
        assert [row["Given"] for row in file_of(client, draft, "draft-ways")] == ["2400"] * 3
        assert "was changed since" not in read(client, draft)

    def test_begin_anew_where_the_program_is_changed_while_the_job_runs(self, draft):
        orders()
        client = staff()
        client.post(page(draft), {"months": "12"})
        night = jobs.run(only="trials")
        next(night)
        later = NOW + timedelta(minutes=5)
        give(draft.unit, 4, at=later)
        with clock.at(later):
            list(night)
        assert [row["Given"] for row in file_of(client, draft, "draft-ways")] == ["2400"] * 3


class TestWhoMay:
    def test_look_is_who_sees_programs(self, draft):
        client = staff("view_program")
        assert client.get(page(draft)).status_code == 200
        assert 'name="months"' not in read(client, draft)
        assert client.post(page(draft), {"months": "12"}).status_code == 403

    def test_try_is_who_changes_programs(self, draft):
        assert staff("change_program").post(page(draft), {"months": "12"}).status_code == 302

    def test_nobody_else_does(self, draft):
        assert staff("view_member").get(page(draft)).status_code == 403
        assert Client().get(page(draft)).status_code == 302

    @pytest.mark.parametrize("key", ["0", "x", "9" * 30])
    def test_of_no_program_there_is_none(self, key):
        assert staff().get(reverse("admin:loyalty_program_program_try", args=[key])).status_code == 404


class TestItsCost:
    def test_is_pinned(self, draft, django_assert_num_queries):
        orders()
        client = staff()
        client.post(page(draft), {"months": "12"})
        client.get(page(draft))
        with django_assert_num_queries(9):
            client.get(page(draft))

    @pytest.mark.parametrize("customers", [2, 6])
    def test_of_a_step_does_not_grow_with_its_orders(self, draft, customers, monkeypatch, django_assert_num_queries):
        monkeypatch.setattr(trials, "AT_ONCE", 0)
        orders(customers=customers)
        staff().post(page(draft), {"months": "12"})
        [trial_id] = trials.unfinished()
        step = trials.work(trial_id=trial_id, at=NOW)
        with django_assert_num_queries(18):
            assert next(step) == 4 * customers
