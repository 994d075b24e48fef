"""The page "Does it pay": what stands on it and in its files is what receipts and accounts say."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import F, Sum
from django.test import Client
from django.urls import reverse

from loyalty_oscar.insights import operations
from loyalty_oscar.insights.models import Aim, Element
from loyalty_oscar.insights.monthly import count_months
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.models import Member, PointWorth
from loyalty_oscar.testing import clock
from tests.buying import paid_rows
from tests.once import a_program

pytestmark = pytest.mark.django_db

PAYS = reverse("admin:loyalty_insights_book_pays")
CHECKUP = reverse("admin:loyalty_insights_book_checkup")
FIGURES = reverse("admin:loyalty_insights_book_changelist")
SAMPLE = Path(__file__).parents[1] / "benchmarks" / "cdnow_sample.txt"
NOW = datetime(1998, 7, 2, 3, tzinfo=UTC)
BEGIN = datetime(1997, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_july():
    with clock.at(NOW):
        yield


@pytest.fixture
def unit():
    return a_program(live_from=BEGIN, time_zone="UTC", currency="EUR")


@pytest.fixture
def client():
    user = get_user_model().objects.create_user("clerk", "clerk@example.com", "x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_book"))
    found = Client()
    found.force_login(user)
    return found


def an_account(unit):
    return ledger.open_account(member=Member.objects.create(program=unit.program, joined_at=BEGIN), unit=unit)


def bought(unit, rows, **more):
    known = Receipt.objects.count() + 1
    told = {"program": unit.program, "currency": "EUR", "pieces": 1, "changed_at": NOW, **more}
    told["is_member"] = "member" in more
    return Receipt.objects.bulk_create(
        Receipt(order_id=known + n, buyer=buyer, placed_at=at, goods_minor=paid, paid_minor=paid, **told)
        for n, (buyer, at, paid) in enumerate(rows)
    )


@pytest.fixture
def history(unit):
    """The orders of a few customers of CDNOW, of whom one is a member with points that came, went and ran out."""
    bought(unit, paid_rows(SAMPLE))
    account = an_account(unit)
    [order] = bought(unit, [("member", datetime(1998, 5, 5, 12, tzinfo=UTC), 200_000)], member=account.member)
    with clock.at(datetime(1998, 5, 5, 12, tzinfo=UTC)):
        grant = ledger.LotGrant(
            account_id=account.pk, points=2_000, key="order:9000:earn", source=f"order:{order.order_id}",
            because=Because("adjusted"), available_at=clock.now(),
        )  # fmt: skip
        ledger.post(grant=grant, at=clock.now())
        held = ledger.place_hold(
            account_id=account.pk, slot="basket:9", points=300, asked=300, expires_at=NOW,
            because=Because("adjusted"), at=clock.now(),
        )  # fmt: skip
        ledger.capture(
            hold_id=held.pk, account_id=account.pk, points=300, because=Because("order_paid"), at=clock.now()
        )
    list(operations.count(at=NOW))
    list(count_months(at=NOW))


def text(response):
    return response.content.decode().replace("\xa0", " ")


def file_of(client, name, **asked):
    answer = client.get(PAYS, {"csv": name, **asked})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))


def file_of_checkup(client):
    answer = client.get(CHECKUP, {"csv": "checkup"})
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))


class TestThePage:
    def test_says_each_figure_with_what_it_means(self, client, history):
        PointWorth.objects.update(points=100, minor=1_000)
        found = {row["Figure"]: row for row in file_of(client, "figures", length="3", window="90")}
        assert all(row["What it means"] for row in found.values())
        page = text(client.get(PAYS, {"length": "3", "window": "90"}))
        for row in found.values():
            assert row["Figure"] in page
            assert row["What it means"] in page
        values = {name: row["Value"] for name, row in found.items()}
        assert values["Turnover of members"] == "2000.00"
        assert "Who had a paid order in the 90 days before the first day." in page
        # 300 of 2,000 paws at ten cents.
        assert values["Cost of what was used"] == "30.00"
        assert values["Give-back rate"] == "1.50"
        assert values["Owed at the end"] == "1700"
        assert "1.50 %" in page

    def test_stands_beside_the_sentence_that_says_why_the_first_can_flatter(self, client, history):
        assert "so it can flatter and pass 100 %" in text(client.get(PAYS))

    def test_says_not_enough_data_where_nobody_was_there_at_the_start(self, client, unit):
        bought(unit, [("a", datetime(1998, 6, 1, 12, tzinfo=UTC), 500)])
        list(count_months(at=NOW))
        values = {row["Figure"]: row["Value"] for row in file_of(client, "figures")}
        assert (values["Customers at the start"], values["Acquired"]) == ("0", "1")
        assert values["Kept"] == values["Won back"] == values["Retention, as in the articles"] == ""
        assert "Not enough data" in text(client.get(PAYS))

    def test_says_of_a_shop_without_orders_when_figures_come(self, client, unit):
        page = text(client.get(PAYS))
        assert "Not enough data: no order of June 1998 or before is counted." in page
        assert "<table" not in page.partition('id="content-main"')[2]
        assert client.get(PAYS, {"csv": "figures"}).status_code == 404

    def test_opens_without_any_program(self, client):
        assert "There is no program yet." in text(client.get(PAYS))

    def test_says_nothing_of_costs_where_nobody_said_what_points_are_worth(self, client, history):
        PointWorth.objects.all().delete()
        assert "nothing is said of costs" in text(client.get(PAYS))
        assert {row["Figure"]: row["Value"] for row in file_of(client, "figures")}["Give-back rate"] == ""

    def test_is_linked_from_the_figures_and_for_those_who_may_see_them(self, client, unit):
        assert f'href="{PAYS}?program=club"' in text(client.get(FIGURES))
        stranger = Client()
        user = get_user_model().objects.create_user("other", "other@example.com", "x", is_staff=True)
        stranger.force_login(user)
        assert stranger.get(PAYS).status_code == 403
        assert stranger.get(PAYS, {"csv": "sales"}).status_code == 403

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"month": "1998-07"}, "There is nothing of that name. Choose from the list."),
            ({"month": "x"}, "There is nothing of that name. Choose from the list."),
            ({"length": "5"}, "There is nothing of that name. Choose from the list."),
            ({"window": "0"}, "There is nothing of that name. Choose from the list."),
            ({"length": "6", "window": "90"}, "Choose at least as many days as the period has."),
            ({"length": "12", "window": "180"}, "Choose at least as many days as the period has."),
            ({"used": "101"}, "less than or equal to 100"),
            ({"used": "-1"}, "greater than or equal to 0"),
        ],
    )
    def test_says_what_is_wrong_and_shows_nothing(self, client, history, asked, said):
        page = client.get(PAYS, asked)
        assert said in text(page)
        assert "tables" not in page.context
        assert client.get(PAYS, {"csv": "sales", **asked}).status_code == 404

    def test_asks_as_much_of_a_large_shop_as_of_a_small_one(self, client, history, unit, django_assert_num_queries):
        client.get(PAYS)
        with django_assert_num_queries(QUERIES):
            client.get(PAYS)
        bought(unit, [(f"x{n}", BEGIN + timedelta(days=n), 100) for n in range(500)])
        list(count_months(at=NOW))
        with django_assert_num_queries(QUERIES):
            client.get(PAYS)


#: With the session and the user.
QUERIES = 12


class TestTheFiles:
    def test_have_a_row_for_each_month_and_each_cohort(self, client, history):
        rows = file_of(client, "stays")
        assert len(rows) == 15
        assert (rows[0]["Final month"], rows[-1]["Final month"]) == ("1997-04", "1998-06")
        bought_in_may = {row["First order in"]: row for row in file_of(client, "cohorts")}["1998-05"]
        assert bought_in_may["To date (EUR)"] == bought_in_may["In that month (EUR)"] == "2000.00"
        assert (bought_in_may["1 month later (EUR)"], bought_in_may["2 months later (EUR)"]) == ("2000.00", "")

    def test_say_of_a_cohort_no_month_that_is_not_counted_whole(self, client, unit):
        """June was over when the page was opened, and last counted in the night of its last day."""
        bought(unit, [("a", datetime(1998, 6, 5, tzinfo=UTC), 500), ("b", datetime(1998, 5, 5, tzinfo=UTC), 700)])
        list(count_months(at=datetime(1998, 6, 30, 3, tzinfo=UTC)))
        may, june = file_of(client, "cohorts")
        assert (may["In that month (EUR)"], may["1 month later (EUR)"], may["To date (EUR)"]) == ("7.00", "", "7.00")
        assert (june["In that month (EUR)"], june["To date (EUR)"]) == ("", "5.00")
        list(count_months(at=NOW))
        may, june = file_of(client, "cohorts")
        assert (may["1 month later (EUR)"], june["In that month (EUR)"]) == ("7.00", "5.00")

    def test_divide_each_order_of_a_month(self, client, history, unit):
        PointWorth.objects.update(points=100, minor=1_000)
        rows = file_of(client, "sales", month="1998-05", used="85")
        whole = [row for row in rows if row["Paid (EUR)"] == "2000.00"]
        assert [(row["Day"], row["Points"], row["Revenue (EUR)"], row["Deferred (EUR)"]) for row in whole] == [
            ("1998-05-05", "2000", "1843.32", "156.68")
        ]
        assert len(rows) == Receipt.objects.filter(placed_at__year=1998, placed_at__month=5).count()
        assert all(row["Deferred (EUR)"] == "0.00" for row in rows if row not in whole)

    def test_divide_what_is_left_of_an_order_and_of_its_points(self, client, history, unit):
        PointWorth.objects.update(points=100, minor=1_000)
        order = Receipt.objects.latest("pk")
        account = order.member.accounts.get()
        ledger.claw_back(
            account_id=account.pk, source=f"order:{order.order_id}", points=1_000, key="order:9000:sync:1",
            because=Because("adjusted"), at=NOW,
        )  # fmt: skip
        Receipt.objects.filter(pk=order.pk).update(paid_minor=100_000)
        [row] = [row for row in file_of(client, "sales", month="1998-05", used="85") if row["Points"] != "0"]
        assert (row["Points"], row["Revenue (EUR)"], row["Deferred (EUR)"]) == ("1000", "921.66", "78.34")

    def test_divide_what_is_left_of_an_order_whose_member_was_merged(self, client, history, unit):
        """Its points went on with another member, and of them some were taken back."""
        order = Receipt.objects.latest("pk")
        into = an_account(unit)
        ledger.merge(member=order.member, into=into.member, actor="staff:1", at=NOW)
        for points, left in ((0, "2000"), (1_000, "1000")):
            if points:
                ledger.claw_back(
                    account_id=into.pk, source=f"order:{order.order_id}", points=points, key="order:9000:sync:1",
                    because=Because("adjusted"), at=NOW,
                )  # fmt: skip
            rows = file_of(client, "sales", month="1998-05")
            assert [row["Points"] for row in rows if row["Points"] != "0"] == [left]


class TestWhatIsOwed:
    def test_goes_from_month_to_month_as_the_accounts_say(self, client, unit):
        """A year of entries; each month closes with what the entries up to its end add up to, and opens with it."""
        accounts = [an_account(unit) for _n in range(3)]
        day, ends = datetime(1997, 7, 3, 12, tzinfo=UTC), {}
        for step in range(120):
            at = day + timedelta(days=3 * step)
            account = accounts[step % 15 // 5]
            with clock.at(at):
                self.something(account, step, at)
            list(operations.count(at=at + timedelta(hours=2)))
            sums = Entry.objects.aggregate(net=Sum(F("d_available") + F("d_pending") + F("d_reserved") - F("d_debt")))
            ends[f"{at:%Y-%m}"] = sums["net"]
        list(operations.count(at=NOW))
        rows = file_of(client, "forward", length="12")
        assert {row["Month"]: int(row["Closing"]) for row in rows} == {
            month: net for month, net in ends.items() if month < "1998-07"
        }
        assert [row["Opening"] for row in rows] == ["0", *(row["Closing"] for row in rows[:-1])]
        for row in rows:
            less = sum(int(row[name]) for name in ("Used", "Run out", "Taken back"))
            assert int(row["Closing"]) == int(row["Opening"]) + int(row["Given"]) + int(row["By hand"]) - less
        for name in ("Given", "Used", "Run out", "Taken back", "By hand"):
            assert any(int(row[name]) for row in rows), name
        assert min(int(row["Closing"]) for row in rows) >= 0

    def something(self, account, step, at):
        """Something that points can do, each in its turn."""
        told = {"account_id": account.pk, "because": Because("adjusted"), "at": at}
        if step % 5 == 1:
            held = ledger.place_hold(
                slot=f"basket:{step}", points=20, asked=20, expires_at=at + timedelta(hours=1), **told
            )  # fmt: skip
            ledger.capture(hold_id=held.pk, points=20, **told)
        elif step % 5 == 2:
            ledger.adjust(points=7, key=f"manual:{step}", actor="staff:1", note="x", **told)
        elif step % 15 == 4:
            list(ledger.expire_due(at=at))
        else:
            grant = ledger.LotGrant(
                account_id=account.pk, points=50 + step, key=f"order:{step}:earn", source=f"order:{step}",
                because=Because("adjusted"), available_at=at, expires_at=at + timedelta(days=60),
            )  # fmt: skip
            ledger.post(grant=grant, at=at)
            if step % 15 == 3:
                ledger.claw_back(source=grant.source, points=30, key=f"order:{step}:sync:1", **told)


def an_aim(unit, figure="kept", **fields):
    told = {"starts_on": date(1998, 1, 1), "start": 3_000, "ends_on": date(1999, 1, 1), "target": 9_000}
    return Aim.objects.create(program=unit.program, figure=figure, **{**told, **fields})


def part(unit, **fields):
    """A rule that a few members used in the year before today."""
    told = {"kind": "rules", "item": "base", "name": "Base", "since": date(1997, 1, 1), "day": date(1998, 7, 2)}
    return Element.objects.create(program=unit.program, **{**told, "cost": 1_200, "uptake": 4, "could": 40, **fields})


class TestGoals:
    def test_stand_where_the_months_say(self, client, history, unit):
        PointWorth.objects.update(points=100, minor=1_000)
        an_aim(unit)
        an_aim(unit, "give_back", start=500, target=100)
        an_aim(unit, "customers", start=0, target=10)
        an_aim(unit, "members", start=0, target=100)
        an_aim(unit, "repeat", starts_on=date(1998, 7, 2))
        an_aim(unit, "existing", starts_on=date(1998, 10, 1), ends_on=date(1999, 9, 30))
        rows = {row["Figure"]: row for row in file_of(client, "goals")}
        stays = file_of(client, "stays")[-1]
        kept = rows["Kept"]
        assert (kept["Start value"], kept["Target"], kept["Final month"]) == ("30.00", "90.00", "1998-06")
        assert kept["Value"] == stays["Part kept (%)"]
        # Half of the year but for a day and a half: 181 of 365 days.
        assert kept["Should be"] == "59.75"
        assert kept["How it stands"] == ("Ahead" if float(kept["Value"]) >= 59.75 else "Behind")
        # 300 of 2,000 paws at ten cents, of 2,000.00; below one percent is the target.
        assert (rows["Give-back rate"]["Value"], rows["Give-back rate"]["How it stands"]) == ("1.50", "Ahead")
        assert rows["Customers at the end"]["Value"] == stays["At the end"]
        assert rows["Customers at the end"]["How it stands"] == "Reached"
        assert (rows["Members"]["Value"], rows["Members"]["How it stands"]) == ("0", "Behind")
        assert (rows["Repeat rate"]["Value"], rows["Repeat rate"]["How it stands"]) == ("", "Not enough data")
        assert rows["Share of existing customers"]["How it stands"] == "It begins on 1 October 1998."

    def test_have_a_chart_with_its_table_and_file(self, client, history, unit):
        aim = an_aim(unit)
        page = text(client.get(PAYS))
        assert f'id="loyalty-chart-goal-{aim.pk}"' in page
        rows = file_of(client, f"goal-{aim.pk}")
        assert [row["Month"] for row in rows] == ["1997-12", *(f"1998-0{month}" for month in range(1, 7))]
        assert (rows[0]["Should be"], rows[-1]["Should be"]) == ("30.00", "59.75")

    def test_are_those_of_the_program_and_may_be_none(self, client, history):
        page = text(client.get(PAYS))
        assert "No goal is set." in page
        assert "Set a goal" not in page
        assert client.get(PAYS, {"csv": "goals"}).status_code == 404

    def test_and_parts_cost_no_more_queries_the_more_there_are(
        self, client, history, unit, django_assert_max_num_queries
    ):
        for length, window in ((1, 90), (3, 90), (12, 365)):
            for figure in Aim.Figure.values:
                an_aim(unit, figure, length=length, window=window)
        for number in range(30):
            part(unit, item=f"rule-{number}")
        client.get(PAYS)
        with django_assert_max_num_queries(15):
            client.get(PAYS)
        with django_assert_max_num_queries(15):
            client.get(CHECKUP)


class TestTheCheckUp:
    def test_says_of_each_part_what_to_do_and_why(self, client, history, unit):
        part(unit)
        part(unit, kind="campaigns", item="7", name="Surprise", told=100, told_bought=60, held=50, held_bought=9)
        part(unit, kind="sales", item="3", name="Trail", cost=None, uptake=None, could=None)
        part(unit, kind="rewards", item="bowl", name="Bowl", cost=0, uptake=0)
        rows = {row["Part"]: row for row in file_of_checkup(client)}
        assert (rows["Base"]["Cost"], rows["Base"]["Members who used it"], rows["Base"]["What to do"]) == (
            "12.00",
            "4",
            "Keep",
        )
        assert (rows["Surprise"]["Difference"], rows["Surprise"]["What to do"]) == ("Not enough data", "Wait")
        assert (rows["Trail"]["Cost"], rows["Trail"]["What to do"]) == ("Not known", "Wait")
        assert (rows["Bowl"]["What to do"], rows["Bowl"]["Why"]) == ("Stop", "Nobody used it in the year.")
        page = text(client.get(CHECKUP))
        for row in rows.values():
            assert row["Why"] in page
        assert "From 2 July 1997 to 1 July 1998." in page
        assert [row["Part"] for row in file_of(client, "parts")] == list(rows)

    @pytest.mark.parametrize(("cost", "said"), [(20_000, "Keep"), (20_001, "Change")])
    def test_holds_costs_against_what_members_paid(self, client, history, unit, cost, said):
        # The one member paid 2,000.00 in the year.
        part(unit, cost=cost)
        assert [row["What to do"] for row in file_of_checkup(client)] == [said]

    def test_says_when_nothing_is_counted(self, client, unit):
        page = text(client.get(CHECKUP))
        assert "Nothing is counted yet." in page
        assert client.get(CHECKUP, {"csv": "checkup"}).status_code == 404

    def test_opens_without_any_program(self, client):
        assert "There is no program yet." in text(client.get(CHECKUP))

    def test_is_for_those_who_may_see_the_figures(self, unit):
        stranger = Client()
        stranger.force_login(get_user_model().objects.create_user("other", "o@example.com", "x", is_staff=True))
        assert stranger.get(CHECKUP).status_code == 403
        assert stranger.get(CHECKUP, {"csv": "checkup"}).status_code == 403
