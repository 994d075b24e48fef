"""The page of figures: every number on it, and in its files, is what the accounts say."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.insights import operations
from loyalty_oscar.insights.models import Day
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Member, Program, Unit
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.once import a_program
from tests.orders import come_back, place

pytestmark = pytest.mark.django_db

FIGURES = reverse("admin:loyalty_insights_book_changelist")
FRONT = reverse("admin:app_list", args=["loyalty_program"])
NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
BUCKETS = ("available", "pending", "reserved", "debt")


@pytest.fixture(autouse=True)
def in_june():
    """It is 20 June 2026."""
    with clock.at(NOW):
        yield


@pytest.fixture
def desk():
    """Make a signed-in client of somebody of staff with these permissions (`app.codename`), or with all of them."""

    def make(*names):
        users = get_user_model().objects
        user = users.create_user(
            f"staff{users.count()}", f"s{users.count()}@example.com", "x", is_staff=True, is_superuser=not names,
            first_name="Ada", last_name="Byron",
        )  # fmt: skip
        for label in names:
            app, codename = label.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client()
        client.force_login(user)
        client.user = user
        return client

    return make


@pytest.fixture
def unit():
    return a_program(live_from=NOW - timedelta(days=90), time_zone="Europe/Berlin")


def person(name):
    return get_user_model().objects.create_user(name, f"{name}@example.com", "x")


def text(response):
    return response.content.decode().replace("\xa0", " ")


def file_of(client, name, **asked):
    """The rows of a file by the heads of its columns."""
    answer = client.get(FIGURES, {"csv": name, **asked})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))


def on_page(response, name):
    """The numbers of a table of the page, row by row, without what parts thousands; sums last."""
    table = response.context["tables"][name]
    shown = [[cell for cell, _is_number in row] for row in [*table.shown(), table.shown_sums()]]
    html = text(response)
    for row in shown:
        for cell in row:
            assert cell.replace("\xa0", " ").replace("'", "&#x27;") in html
    return [[cell.replace(",", "").replace("\N{MINUS SIGN}", "-") for cell in row] for row in shown]


@pytest.fixture
def lively(unit, desk, django_capture_on_commit_callbacks):
    """A shop in which everything that points can do was done, over three months; returns a signed-in client."""
    at = NOW - timedelta(days=80)
    save_rule(unit=unit, code="double", name="Double June", type="multiplier", params={"percent": 200},
              narrowed=[{"code": "dates", "params": {"first": "2026-06-01", "last": "2026-06-30"}}],
              actor="system", at=at)  # fmt: skip
    save_rule(unit=unit, code="first", name="=First order", type="first-order", params={"points": 50},
              narrowed=[], actor="system", at=at)  # fmt: skip
    client = desk()
    boris, priya = person("boris"), person("priya")
    bought = []
    for who, days in ((boris, 70), (priya, 40), (boris, 3)):
        with clock.at(NOW - timedelta(days=days)), django_capture_on_commit_callbacks(execute=True):
            order = place(user=who, lines=[("33.30", 3)], number=f"n{days}")
            order.date_placed = clock.now()
            order.save()
            bought.append(order)
    with clock.at(NOW - timedelta(days=2)), django_capture_on_commit_callbacks(execute=True):
        come_back(line=bought[2].lines.get(), quantity=1)
    mine = Account.objects.get(member__user=boris)
    hers = Account.objects.get(member__user=priya)
    actor = f"staff:{client.user.pk}"
    moved = {"actor": actor, "note": "x", "at": NOW - timedelta(days=1)}
    ledger.adjust(account_id=mine.pk, points=120, key="manual:a", because=Because("goodwill"), **moved)
    ledger.adjust(account_id=hers.pk, points=500, key="manual:b", because=Because("adjusted"), **moved)
    ledger.adjust(account_id=hers.pk, points=-20, key="manual:c", because=Because("adjusted"), **moved)
    held = ledger.place_hold(
        account_id=hers.pk, slot="basket:9", points=300, asked=300, expires_at=NOW + timedelta(hours=1),
        because=Because("adjusted"), at=NOW - timedelta(days=1),
    )  # fmt: skip
    ledger.capture(
        hold_id=held.pk, account_id=hers.pk, points=250, because=Because("order_paid"), at=NOW - timedelta(hours=20)
    )
    campaign = Campaign.objects.create(program=unit.program, code="word", name="Summer", occasion="sign-up", points=5)
    grant = ledger.LotGrant(
        account_id=mine.pk, points=5, key=f"campaign:{campaign.pk}:sign-up", source="x", because=Because("adjusted"),
        available_at=NOW, expires_at=NOW + timedelta(days=40),
    )  # fmt: skip
    ledger.post(grant=grant, at=NOW - timedelta(hours=10))
    list(operations.count(at=NOW))
    return client


class TestEveryFigure:
    def test_of_the_months_is_the_sum_of_the_entries(self, lively):
        page = on_page(lively.get(FIGURES), "months")
        rows = file_of(lively, "months")
        # 99.90 paid three times, once for double points and a third of that returned; 50 for two first orders.
        given, back = 99 + 99 + 199 + 2 * 50 + 5, 199 // 3
        assert [int(number) for number in page[-1][1:6]] == [given, 250, back, 0, 120 + 500 - 20]
        assert [row["Month"] for row in rows] == ["2026-04", "2026-05", "2026-06"]
        for column, number in (("Given", 1), ("Used", 2), ("Taken back", 3), ("Run out", 4), ("By hand", 5)):
            assert sum(int(row[column]) for row in rows) == int(page[-1][number])
        assert int(rows[-1]["Owed at the end"]) == sum(
            Account.objects.aggregate(**{name: Sum(name) for name in BUCKETS[:3]}).values()
        )
        assert_clean()

    def test_of_what_gave_adds_up_to_the_months(self, lively):
        [months] = [on_page(lively.get(FIGURES), "months")[-1]]
        givers = on_page(lively.get(FIGURES), "givers")
        given, _used, back, _out, by_hand = map(int, months[1:6])
        assert int(givers[-1][5]) == given - back + by_hand
        by_name = {row[1]: row for row in givers[:-1]}
        assert {name: int(row[5]) for name, row in by_name.items()} == {
            "Base": 99 + 99 + 100 - 33,
            "Double June": 99 - 33,
            "=First order": 100,
            "Summer": 5,
            "Goodwill by Ada Byron (s0@example.com)": 120,
            "Changed by hand by Ada Byron (s0@example.com)": 480,
        }
        assert by_name["Base"][-1] == "2"
        rows = file_of(lively, "givers")
        assert [int(row["Stays"]) for row in rows] == [int(row[5]) for row in givers[:-1]]

    def test_of_what_is_owed_is_what_the_accounts_say(self, lively):
        sums = Account.objects.aggregate(**{name: Sum(name) for name in BUCKETS})
        owed = [sums["available"], sums["reserved"], sums["pending"]]
        rows = file_of(lively, "owed")
        assert [int(row["Paws"]) for row in rows] == [*owed, sum(owed), sums["debt"]]
        due = file_of(lively, "due")
        assert sum(int(row["Ready"]) for row in due) == sums["available"] + sums["reserved"]
        assert sum(int(row["On the way"]) for row in due) == sums["pending"]
        assert [row["Runs out in"] for row in due if row["On the way"] == "5"] == ["2026-07"]

    def test_of_a_day_before_is_what_was_owed_then(self, lively):
        asked = {"first": "2026-04-01", "last": "2026-04-30"}
        rows = file_of(lively, "owed", **asked)
        assert int(rows[3]["Paws"]) == 99 + 50
        assert [row["Month"] for row in file_of(lively, "months", **asked)] == ["2026-04"]
        assert file_of(lively, "givers", first="2026-05-01", last="2026-05-31")[0]["Given"] == "99"

    def test_is_worth_what_points_buy_today(self, lively):
        [first, *_] = file_of(lively, "months")
        assert first["Worth today (EUR)"] == "1.49"
        assert "100 paws for" in text(lively.get(FIGURES))

    def test_stays_as_it_was_when_a_member_is_erased(self, lively):
        before = file_of(lively, "months")
        Member.objects.update(user=None)
        list(operations.check(at=NOW))
        assert file_of(lively, "months") == before

    def test_of_two_programs_is_never_mixed(self, lively):
        other = Program.objects.create(code="other", name="Other", time_zone="UTC")
        unit = Unit.objects.create(program=other, names={"en": {"one": "star", "other": "stars"}})
        member = Member.objects.create(program=other, joined_at=NOW)
        account = ledger.open_account(member=member, unit=unit)
        moment = NOW - timedelta(hours=5)
        grant = ledger.LotGrant(account_id=account.pk, points=7, key="x", source="x", because=Because("adjusted"))
        before = {name: file_of(lively, name) for name in ("months", "givers", "owed", "due")}
        ledger.post(grant=grant, at=moment)
        list(operations.count(at=NOW))
        for name, rows in before.items():
            assert file_of(lively, name, program="club") == rows
        assert [row["Given"] for row in file_of(lively, "months", program="other")] == ["7"]
        assert file_of(lively, "owed", program="other")[3]["Stars"] == "7"


class TestAFile:
    def test_turns_no_name_into_a_formula(self, lively):
        raw = lively.get(FIGURES, {"csv": "givers"}).getvalue().decode()
        assert "'=First order" in raw
        assert not re.search(r"(^|,)=", raw, re.MULTILINE)

    def test_has_numbers_without_groups(self, lively):
        Day.objects.filter(kind="earn").update(plus=1234567, d_pending=1234567, d_available=0, d_debt=0)
        assert "1234567" in lively.get(FIGURES, {"csv": "months"}).getvalue().decode()
        assert "1,234,567" in text(lively.get(FIGURES))

    def test_has_numbers_below_zero_as_numbers(self, lively):
        Day.objects.filter(counter="adjustment", minus=0).delete()
        Day.objects.filter(counter="adjustment").update(plus=0, minus=20, d_available=-20)
        assert sum(int(row["By hand"]) for row in file_of(lively, "months")) == -20

    def test_of_no_such_table_is_not_there(self, lively):
        assert lively.get(FIGURES, {"csv": "secrets"}).status_code == 404

    def test_of_a_period_that_makes_no_sense_is_not_there(self, lively):
        assert lively.get(FIGURES, {"csv": "months", "first": "xx"}).status_code == 404


class TestTheFilters:
    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"first": "xx"}, "Write a day as year, month and day, for example 2026-05-31."),
            ({"last": "31.12.2026"}, "Write a day as year, month and day, for example 2026-05-31."),
            ({"first": "2026-02-30"}, "Write a day as year, month and day, for example 2026-05-31."),
            ({"first": "2026-05-02", "last": "2026-05-01"}, "The last day comes before the first."),
            ({"first": "2026-06-21", "last": "2026-06-30"}, "This day has not come yet."),
            ({"first": "9999-12-31", "last": "9999-12-31"}, "This day has not come yet."),
            ({"program": "nope"}, "There is nothing of that name. Choose from the list."),
            ({"giver": "<script>"}, "There is nothing of that name. Choose from the list."),
        ],
    )
    def test_say_what_is_wrong_and_show_nothing(self, lively, asked, said):
        response = lively.get(FIGURES, asked)
        assert response.status_code == 200
        assert said in text(response)
        assert "tables" not in response.context
        assert "<script>" not in text(response).partition("loyalty-period")[2].partition("</form>")[0]

    @pytest.mark.parametrize(
        "asked",
        [
            {"first": "0001-01-01"},
            {"last": "9999-12-31"},
            {"first": "2026-06-20", "last": "2026-06-20"},
            {"first": "", "last": "", "program": "", "giver": ""},
            {"unknown": "x"},
        ],
    )
    def test_take_what_makes_sense(self, lively, asked):
        assert "tables" in lively.get(FIGURES, asked).context

    def test_show_one_kind_of_what_gave(self, lively):
        rows = file_of(lively, "givers", giver="staff")
        assert {row["Kind"] for row in rows} == {"Staff"}
        assert len(rows) == 2


class TestThePage:
    def test_says_of_a_fresh_shop_when_figures_will_stand_there(self, unit, desk):
        list(operations.count(at=NOW))
        said = text(desk().get(FIGURES))
        assert "The figures stand here about an hour after members got something" in said
        assert "<table" not in said.partition('id="content-main"')[2]

    def test_opens_without_any_program(self, desk):
        assert "There is no program yet. Its figures will stand here." in text(desk().get(FIGURES))

    def test_is_linked_from_the_front_page_in_the_admin_and_on_the_dashboard(self, unit, desk):
        client = desk()
        for url in (FRONT, reverse("loyalty:dashboard")):
            assert f'href="{FIGURES}"' in text(client.get(url))

    def test_is_for_those_who_may_see_figures(self, unit, desk):
        assert desk("loyalty_insights.view_book").get(FIGURES).status_code == 200
        clerk = desk("loyalty_ledger.view_account")
        assert clerk.get(FIGURES).status_code == 403
        assert clerk.get(FIGURES, {"csv": "months"}).status_code == 403
        assert f'href="{FIGURES}"' not in text(clerk.get(FRONT))

    def test_draws_charts_that_can_be_read_aloud_and_need_no_script_or_style(self, lively):
        html = text(lively.get(FIGURES)).partition('id="content-main"')[2].partition("<footer")[0]
        assert html.count('role="img"') == 2
        for name in ("bars", "line"):
            assert f'aria-labelledby="loyalty-chart-{name} loyalty-chart-{name}-about"' in html
            assert f'<title id="loyalty-chart-{name}">' in html
            assert f'<desc id="loyalty-chart-{name}-about">' in html
        assert " style=" not in html
        assert "<script" not in html

    def test_asks_as_much_of_a_large_shop_as_of_a_small_one(self, lively, unit, django_assert_num_queries):
        lively.get(FIGURES)
        with django_assert_num_queries(QUERIES):
            lively.get(FIGURES)
        for number in range(60):
            with clock.at(NOW - timedelta(days=number, hours=2)):
                member = Member.objects.create(program=unit.program, joined_at=NOW)
                account = ledger.open_account(member=member, unit=unit)
                for source in ("manual:x", "campaign:1:x", "order:77:earn", "tier:1:gift"):
                    grant = ledger.LotGrant(
                        account_id=account.pk, points=7, key=source, source=source, because=Because("adjusted"),
                        available_at=NOW, expires_at=NOW + timedelta(days=40 * number + 1),
                    )  # fmt: skip
                    ledger.post(grant=grant, at=NOW - timedelta(days=number, hours=2))
        list(operations.count(at=NOW))
        with django_assert_num_queries(QUERIES + 1):  # The names of levels.
            lively.get(FIGURES)


#: With the session and the user.
QUERIES = 15


class TestTheFrontPage:
    def test_says_of_this_month_what_the_figures_say(self, lively):
        [row] = file_of(lively, "months", first="2026-06-01", last="2026-06-30")
        html = text(lively.get(FRONT))
        said = dict(re.findall(r"<dt>(\w[\w ]*) this month</dt><dd>(\d+) paws</dd>", html))
        given = sum(int(row[name]) for name in ("Given", "By hand"))
        assert said == {"Given": str(given), "Used": row["Used"], "Taken back": row["Taken back"], "Run out": "0"}

    def test_counts_what_an_order_gives_again_as_less_taken_back(self, lively):
        before = text(lively.get(FRONT))
        account = Account.objects.get(member__user__username="boris")
        moved = {"account_id": account.pk, "source": "order:9", "because": Because("adjusted"), "at": NOW}
        grant = ledger.LotGrant(
            account_id=account.pk, points=10, key="order:9:earn", source="order:9", because=Because("adjusted")
        )
        ledger.post(grant=grant, at=NOW)
        ledger.claw_back(points=10, key="order:9:sync:1", **moved)
        ledger.give_back(points=10, key="order:9:sync:2", **moved)
        after = text(lively.get(FRONT))
        used = re.compile(r"<dt>(?:Used|Taken back) this month</dt><dd>[^<]*</dd>")
        assert used.findall(before) == used.findall(after) != []
