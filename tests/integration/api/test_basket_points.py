"""Points in the basket through the API: what is set aside, what is refused, and that refusals move nothing."""

import json

import pytest

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Hold
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.redemption.models import UseTerms
from tests.integration.api.conftest import Api, api_of
from tests.points import give
from tests.storefront import TODAY, a_basket, a_product, a_user

pytestmark = pytest.mark.django_db
HERE = "basket/points"
NOTHING = {
    "ready": 700, "set_aside": 0, "asked": 0, "applied": 0, "worth": "0.00", "currency": "EUR", "total": "49.80",
    "because": {"code": "as_asked", "params": {}, "text": ""},
}  # fmt: skip


def books():
    """Everything that could have moved."""
    return list(Entry.objects.order_by("pk").values_list("key")), list(Account.objects.order_by("pk").values())


class TestPointsInTheBasket:
    def test_are_none_before_anybody_asked(self, api):
        assert api.get(HERE).json() == NOTHING

    def test_lower_the_total_by_their_worth(self, api):
        used = {
            **NOTHING,
            "ready": 200,
            "set_aside": 500,
            "asked": 500,
            "applied": 500,
            "worth": "5.00",
            "total": "44.80",
        }
        response = api.put(HERE, {"points": 500})
        assert response.status_code == 200
        assert response.json() == used == api.get(HERE).json()
        assert Hold.objects.get(state="open").points == 500

    def test_take_the_place_of_those_before(self, api):
        api.put(HERE, {"points": 500})
        assert api.put(HERE, {"points": 200}).json()["total"] == "47.80"
        account = Account.objects.get()
        assert (account.available, account.reserved) == (500, 200)

    def test_come_back_when_they_are_not_wanted_any_more_and_once(self, api):
        api.put(HERE, {"points": 500})
        assert api.delete(HERE).json() == NOTHING
        before = books()
        assert api.delete(HERE).json() == NOTHING
        assert books() == before
        assert Account.objects.get().available == 700
        assert [(step.entries, step.wrong) for step in audit()] == [(3, [])]

    def test_say_in_a_code_and_in_words_why_fewer_are_used(self, unit):
        user = a_user("small@example.com")
        give(user, 700, unit)
        a_basket(user, (a_product(price="3.17"), 1))
        found = api_of(user).put(HERE, {"points": 500}).json()
        assert (found["asked"], found["applied"], found["worth"], found["total"]) == (500, 317, "3.17", "0.00")
        assert found["because"]["code"] == "all_goods_paid"
        assert (found["ready"], found["set_aside"]) == (383, 317)
        assert api_of(user).get("me").json()["set_aside"] == 317
        assert found["because"]["params"] == {"minor": 317, "currency": "EUR"}
        assert found["because"]["text"].startswith("Paws can pay for your goods")

    def test_say_so_where_a_day_takes_no_more(self, api, unit):
        UseTerms.objects.update(per_day=300)
        found = api.put(HERE, {"points": 500}).json()
        assert (found["asked"], found["applied"], found["total"]) == (500, 300, "46.80")
        assert found["because"]["code"] == "daily_limit"

    def test_say_so_where_the_offer_is_switched_off(self, api, boris):
        from loyalty_oscar.shop.redemption.offer import our_offers

        our_offers().update(status="Suspended")
        found = api.put(HERE, {"points": 500}).json()
        assert (found["applied"], found["total"], found["because"]["code"]) == (0, "49.80", "not_now")

    def test_are_refused_with_a_code_where_staff_froze_the_member(self, api, boris):
        member = Account.objects.get(member__user=boris).member
        ledger.freeze(member=member, until=None, earns=True, reason="Review", actor="staff:1", at=TODAY)
        before = books()
        answer = api.put(HERE, {"points": 500})
        assert (answer.status_code, answer.json()["code"], books()) == (409, "points_frozen", before)
        assert api.get(HERE).json()["because"]["code"] == "points_frozen"
        assert api.get("me").json()["frozen"] is True

    def test_are_none_in_an_empty_basket(self, unit):
        user = a_user()
        give(user, 700, unit)
        a_basket(user)
        found = api_of(user).get(HERE).json()
        assert (found["total"], found["because"]["code"]) == ("0.00", "no_goods_for_points")

    def test_are_the_same_with_a_session_and_with_a_token(self, api, boris, client):
        client.force_login(boris)
        by_session = Api(client=client)
        api.put(HERE, {"points": 500})
        assert by_session.get(HERE).json() == api.get(HERE).json()
        assert by_session.put(HERE, {"points": 100}).json()["total"] == "48.80" == api.get(HERE).json()["total"]

    def test_are_not_found_without_an_open_basket(self, api, boris):
        boris.basket.freeze()
        before = books()
        for response in (api.get(HERE), api.put(HERE, {"points": 5}), api.delete(HERE)):
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert books() == before


class TestARefusal:
    @pytest.mark.parametrize(
        ("terms", "points", "code"),
        [
            ({}, 701, "not_enough_points"),
            ({"minimum": 200}, 199, "too_few_points"),
            ({"per_day": 50, "minimum": 60}, 100, "daily_limit"),
            ({"is_on": False}, 100, "not_now"),
        ],
    )
    def test_has_its_code_and_moves_nothing(self, api, terms, points, code):
        UseTerms.objects.update(**terms)
        before = books()
        response = api.put(HERE, {"points": points})
        assert (response.status_code, response.json()["code"]) == (409, code)
        assert set(response.json()) == {"code", "detail"}
        assert books() == before

    def test_is_said_while_the_program_pauses(self, api, unit):
        change_state(program=unit.program, to="paused", actor="system", at=TODAY)
        response = api.put(HERE, {"points": 100})
        assert (response.status_code, response.json()["code"]) == (409, "not_now")
        assert not Hold.objects.exists()

    def test_is_said_when_the_basket_went_to_the_payment_in_between(self, api, boris, monkeypatch):
        from loyalty_oscar.api.redemption import points

        find = points.basket_of

        def found_and_then_frozen(**where):
            basket = find(**where)
            type(basket).objects.filter(pk=basket.pk).update(status="Frozen")
            return basket

        monkeypatch.setattr(points, "basket_of", found_and_then_frozen)
        before = books()
        response = api.put(HERE, {"points": 100})
        assert (response.status_code, response.json()["code"]) == (409, "basket_closed")
        assert books() == before

    def test_leaves_what_was_set_aside_before(self, api):
        api.put(HERE, {"points": 500})
        assert api.put(HERE, {"points": 701}).status_code == 409
        assert api.get(HERE).json()["applied"] == 500

    def test_meets_somebody_who_never_had_a_point(self, unit):
        user = a_user("new@example.com")
        a_basket(user, (a_product(), 1))
        response = api_of(user).put(HERE, {"points": 1})
        assert (response.status_code, response.json()["code"]) == (409, "not_enough_points")
        assert api_of(user).delete(HERE).json()["asked"] == 0
        assert not Account.objects.exists()


BAD = {
    "text": '{"points": "5"}',
    "text with blanks": '{"points": " 5 "}',
    "other digits": '{"points": "٥"}',
    "fraction of nothing": '{"points": 5.0}',
    "fraction": '{"points": 5.5}',
    "power": '{"points": 1e3}',
    "true": '{"points": true}',
    "minus": '{"points": -1}',
    "zero": '{"points": 0}',
    "minus zero": '{"points": -0}',
    "huge": json.dumps({"points": 2**70}),
    "a bigint that overflows": json.dumps({"points": 10**18 + 1}),
    "more digits than an int takes": '{"points": ' + "9" * 900 + "}",
    "not a number": '{"points": NaN}',
    "infinity": '{"points": Infinity}',
    "infinite power": '{"points": 1e400}',
    "null": '{"points": null}',
    "list": '{"points": []}',
    "object": '{"points": {}}',
    "no object": "5",
    "no points": "{}",
    "nothing at all": "null",
    "a list": '[{"points": 5}]',
    "half a text": '{"points": 5',
    "two texts": '{"points": 5}{"points": 6}',
    "leading zeros": '{"points": 0005}',
    "underscore": '{"points": 1_000}',
    "twice": '{"points": 5, "points": 500}',
    "something unknown": '{"points": 5, "unit": "paws"}',
    "a lone surrogate": '{"points": 5, "\\ud800": 1}',
    "a nul": '{"points": 5, "\\u0000": 1}',
    "another name": '{"Points": 5}',
    "deep": "[" * 1000,
    "no text": b'\xff\xfe{"points": 5}',
    "another encoding": '{"points": 5}'.encode("utf-16"),
}


class TestA13ANumberThatIsNone:
    @pytest.mark.parametrize("body", BAD.values(), ids=BAD)
    def test_is_refused_and_moves_nothing(self, api, body):
        before = books()
        response = api.put(HERE, raw=body)
        assert response.status_code == 400
        assert set(response.json()) == {"code", "detail"}
        assert books() == before

    def test_is_refused_where_there_is_no_body(self, api):
        assert api.put(HERE).status_code == 400

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", ""]
    )
    def test_is_refused_in_another_content_type(self, api, kind):
        response = api.put(HERE, raw="points=5", content_type=kind)
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
        assert not Hold.objects.exists()

    def test_is_refused_in_two_megabytes(self, api):
        response = api.put(HERE, raw='{"points": 5' + " " * 2_000_000 + "}")
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
        assert not Hold.objects.exists()

    @pytest.mark.parametrize("points", [1, 700])
    def test_is_none_of_these(self, api, points):
        assert api.put(HERE, raw=f' {{"points" : {points}}}\n').json()["asked"] == points
