"""What a member has and why, through the API."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import PointWorth, Program, Unit
from loyalty_oscar.program.queries import forget_cache
from tests.integration.api.conftest import api_of
from tests.points import give, points_club, use
from tests.storefront import a_basket, a_product, a_user, arrive, boris, buy, day, send_back

pytestmark = pytest.mark.django_db
NOTHING = {
    "ready": 0, "set_aside": 0, "on_the_way": 0, "to_make_up": 0, "frozen": False, "worth": "0.00",
    "currency": "EUR", "is_money": False, "expiring": [], "goals": [],
}  # fmt: skip


def all_entries(api):
    """The entries of all pages."""
    found, where = [], "entries"
    while where:
        page = api.get(where).json()
        found += page["entries"]
        where = page["next"] and page["next"].partition("/loyalty/api/")[2]
    return found


class TestWhatAMemberHas:
    def test_is_what_the_ledger_says(self, unit):
        user = boris()
        account = Account.objects.get()
        found = api_of(user).get("me").json()
        assert (found["ready"], found["on_the_way"]) == (account.available, account.pending) != (0, 0)
        assert found["worth"] == f"{account.available / 100:.2f}"
        assert sum(row["points"] for row in found["expiring"]) == account.available

    def test_names_the_instants_at_which_points_run_out(self, unit):
        user = a_user()
        give(user, 30, unit, source="late", until=day(12, 31))
        give(user, 20, unit, source="soon", until=day(6, 30))
        assert api_of(user).get("me").json()["expiring"] == [
            {"points": 20, "at": "2026-06-30T14:00:00+02:00"},
            {"points": 30, "at": "2026-12-31T13:00:00+01:00"},
        ]

    def test_says_where_numbers_are_money(self, unit):
        user = a_user()
        give(user, 1250, unit)
        Unit.objects.update(is_money=True)
        forget_cache()
        found = api_of(user).get("me").json()
        assert (found["ready"], found["is_money"], found["worth"], found["currency"]) == (1250, True, "12.50", "EUR")

    def test_leaves_out_what_is_set_aside(self, api, boris, unit):
        use(boris, boris.basket, 500, unit=unit)
        assert api.get("me").json()["ready"] == 200

    def test_tells_what_is_to_be_made_up(self, unit):
        user = a_user()
        buy(user, (a_product(), 2), on=day(1, 10))
        Account.objects.update(debt=7)
        found = api_of(user).get("me").json()
        assert (found["ready"], found["on_the_way"], found["to_make_up"]) == (0, 49, 7)

    def test_is_nothing_for_somebody_whose_first_order_will_join(self, unit):
        assert api_of(a_user()).get("me").json() == NOTHING

    def test_has_no_worth_where_nobody_said_it(self, unit):
        PointWorth.objects.all().delete()
        forget_cache()
        found = api_of(a_user()).get("me").json()
        assert (found["worth"], found["currency"]) == (None, None)

    def test_is_not_found_by_those_who_never_joined(self):
        points_club(club={"enrolment": Program.Enrolment.OPT_IN})
        for path in ("me", "entries", "basket/points"):
            assert api_of(a_user(f"{path[0]}@example.com")).get(path).status_code == 404

    def test_is_not_found_where_no_program_serves_the_site(self, api, unit):
        Program.objects.update(state="closed")
        forget_cache()
        assert api.get("me").status_code == 404


class TestTheEntries:
    def test_add_up_to_what_the_member_has(self, unit):
        user = boris()
        account = Account.objects.get()
        found = all_entries(api_of(user))
        assert sum(row["points"] for row in found) == account.available + account.reserved - account.debt
        assert sum(row["on_the_way"] for row in found) == account.pending
        assert [row["seq"] for row in found] == sorted((row["seq"] for row in found), reverse=True)

    def test_say_why_in_words_and_as_a_code_and_name_their_order(self, unit):
        user = a_user()
        order = arrive(buy(user, (a_product(), 1), on=day(5, 1)), on=day(5, 2))
        send_back(order, 1, on=day(5, 3))
        back, earned = api_of(user).get("entries").json()["entries"]
        assert earned == {
            "seq": 1,
            "at": earned["at"],
            "kind": "earn",
            "points": 0,
            "on_the_way": 24,
            "ready_after": 0,
            "set_aside_after": 0,
            "because": {
                "code": "order_earned",
                "params": {"order": order.pk, "number": str(order.number)},
                "text": f"Order {order.number}",
            },
            "order": str(order.number),
        }
        assert (back["on_the_way"], back["because"]["code"], back["order"]) == (
            -24,
            "goods_returned",
            str(order.number),
        )

    def test_say_what_was_ready_and_set_aside_after_each_while_a_basket_takes_points(self, unit):
        user = a_user()
        give(user, 700, unit)
        a_basket(user, (a_product(price="49.80"), 1))
        assert api_of(user).put("basket/points", {"points": 500}).status_code == 200
        give(user, 40, unit, source="later")
        found, me = api_of(user).get("entries").json()["entries"], api_of(user).get("me").json()
        assert [(row["points"], row["ready_after"], row["set_aside_after"]) for row in found] == [
            (40, 240, 500), (700, 700, 0),
        ]  # fmt: skip
        assert (found[0]["ready_after"], found[0]["set_aside_after"]) == (me["ready"], me["set_aside"])

    def test_speak_the_language_of_the_request(self, api):
        assert api.get("entries", **{"Accept-Language": "de"}).headers["Content-Language"] == "de"

    def test_come_in_pages_without_a_gap(self, unit):
        user = a_user()
        for number in range(120):
            give(user, 1, unit, source=f"gift-{number}")
        first = api_of(user).get("entries").json()
        assert len(first["entries"]) == 50
        assert [row["seq"] for row in all_entries(api_of(user))] == list(range(120, 0, -1))

    def test_stay_where_they_are_when_newer_ones_come(self, unit):
        user = a_user()
        for number in range(60):
            give(user, 1, unit, source=f"gift-{number}")
        onward = api_of(user).get("entries").json()["next"]
        give(user, 1, unit, source="one-more")
        page = api_of(user).get(onward.partition("/loyalty/api/")[2]).json()
        assert [row["seq"] for row in page["entries"]] == list(range(10, 0, -1))
        assert page["next"] is None

    def test_leave_out_what_is_only_set_aside(self, api, boris, unit):
        use(boris, boris.basket, 500, unit=unit)
        assert [row["kind"] for row in api.get("entries").json()["entries"]] == ["adjust"]

    def test_cost_the_same_whatever_there_is_to_tell(self, unit):
        user, costs = a_user(), []
        api = api_of(user)
        for month in (1, 2, 3):
            buy(user, (a_product(), 1), on=day(month, 10))
            with CaptureQueriesContext(connection) as asked:
                assert len(api.get("entries").json()["entries"]) == month
            costs.append(sum(query["sql"].startswith("SELECT") for query in asked.captured_queries))
        assert costs[1:] == [4, 4]  # token and user, account and member, entries, orders

    @pytest.mark.parametrize("place", ["", "x", "-1", "1.0", "٣", "1e3", "9" * 19, "0x1", " 1", "1&before=2"])
    def test_refuse_a_place_that_is_none(self, api, place):
        response = api.get(f"entries?before={place}")
        assert (response.status_code, response.json()["code"]) == (400, "invalid")

    @pytest.mark.parametrize(("place", "rows"), [("0", 0), ("1", 0), ("2", 1), ("9" * 18, 1)])
    def test_begin_at_any_place_that_is_one(self, api, place, rows):
        assert len(api.get(f"entries?before={place}").json()["entries"]) == rows


class TestAnEmptyBasket:
    def test_belongs_to_nobody_who_looks(self, unit):
        user = a_user()
        a_basket(a_user("other@example.com"))
        assert api_of(user).get("basket/points").status_code == 404
