"""Rewards through the API: what there is, having one once for each key, and the code of one's own."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.operations import freeze, merge
from loyalty_oscar.program.models import Member, Program, Reward
from loyalty_oscar.program.operations import change_state, give
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.segments import set_members
from loyalty_oscar.redemption.models import Claim, ClaimStep
from loyalty_oscar.redemption.operations import ask, fulfil, give_back
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import LadderFactory, RewardFactory, SegmentFactory
from tests.integration.api.conftest import Api, api_of
from tests.storefront import TODAY, a_user

pytestmark = pytest.mark.django_db
KEY = {"Idempotency-Key": "4f0c-1"}
WANT = "rewards/spa-day/claims"


@pytest.fixture
def reward(unit):
    """A day at the spa for 500, with two codes, good for 30 days."""
    return RewardFactory(
        code="spa-day", name="A day at the spa", codes=["SPA-1", "SPA-2"], valid_days=30, params={"where": "At the spa"}
    )


def books():
    """Everything that could have moved."""
    return (
        [*Entry.objects.order_by("pk").values_list("key")],
        [*Account.objects.order_by("pk").values()],
        [*Claim.objects.order_by("pk").values()],
        [*Reward.objects.order_by("pk").values_list("taken")],
    )


def assert_refused(response, status, code, before):
    """An answer says so, and nothing moved."""
    assert (response.status_code, response.json()["code"], set(response.json())) == (status, code, {"code", "detail"})
    assert books() == before


class TestTheRewards:
    def test_are_told_with_their_price_and_whether_one_can_have_them(self, api, reward):
        RewardFactory(
            code="seat", name="A seat", price=701, quota=9, taken=2, params={"ask": "Which row?"}, text="Front."
        )
        forget_cache()
        cheap, dear = api.get("rewards").json()["rewards"]
        assert cheap == {
            "code": "spa-day", "name": "A day at the spa", "text": "", "picture": None, "kind": "code", "points": 500,
            "left": None, "until": None, "good_for_days": 30, "amounts": [], "asks": "", "can_be_had": True,
            "because": None,
        }  # fmt: skip
        assert (dear["left"], dear["can_be_had"], dear["asks"], dear["text"]) == (7, False, "Which row?", "Front.")
        assert dear["because"] == {
            "code": "reward_points_missing", "params": {"points": 1}, "text": "You need 1\xa0paw more."
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("params", "amounts"),
        [
            ({"percent": 10}, []),
            ({"amount": 500, "most": None, "least": 0}, [("EUR", "5.00", None, None)]),
            (
                {"amount": 500, "currencies": {"JPY": {"amount": 700, "least": 2_500}, "KWD": {"amount": 1_505}}},
                [("EUR", "5.00", None, None), ("JPY", "700", None, "2500"), ("KWD", "1.505", None, None)],
            ),
            (
                {"percent": 10, "currencies": {"CHF": {"most": 1}}},
                [("EUR", None, None, None), ("CHF", None, "0.01", None)],
            ),
        ],
    )
    def test_have_their_amounts_by_currency(self, api, unit, params, amounts):
        RewardFactory(code="off", price=5, kind="off", params=params)
        forget_cache()
        names = ("currency", "amount", "most", "least")
        told = [dict(zip(names, row, strict=True)) for row in amounts]
        assert [found["amounts"] for found in api.get("rewards").json()["rewards"]] == [told]
        assert api.post("rewards/off/claims", **KEY).json()["amounts"] == told

    def test_have_the_address_of_their_picture(self, api, reward):
        Reward.objects.update(picture="loyalty/rewards/spa.jpg")
        forget_cache()
        (found,) = api.get("rewards").json()["rewards"]
        assert found["picture"] == "http://testserver/media/loyalty/rewards/spa.jpg"

    def test_are_hidden_from_who_is_not_on_their_list(self, api, boris, unit, reward):
        segment = SegmentFactory(program=unit.program)
        Reward.objects.update(segment=segment)
        forget_cache()
        before = books()
        assert api.get("rewards").json() == {"rewards": []}
        assert_refused(api.post(WANT, **KEY), 404, "not_found", before)
        set_members(segment=segment, member_ids=[Member.objects.get(user=boris).pk], at=TODAY - timedelta(days=1))
        assert len(api.get("rewards").json()["rewards"]) == 1
        assert api.post(WANT, **KEY).status_code == 200

    def test_are_told_to_who_will_join_with_the_first_order(self, unit, reward):
        (found,) = api_of(a_user("new@example.com")).get("rewards").json()["rewards"]
        assert (found["can_be_had"], found["because"]["code"]) == (False, "reward_points_missing")
        assert not Member.objects.filter(user__email="new@example.com").exists()


class TestAClaim:
    def test_takes_its_price_once_for_each_key(self, api, reward):
        first = api.post(WANT, **KEY)
        assert first.status_code == 200
        assert first.json() == api.post(WANT, {}, **KEY).json() == api.get("claims").json()["claims"][0]
        assert first.json() == {
            "id": Claim.objects.get().pk, "reward": "spa-day", "name": "A day at the spa", "kind": "code",
            "state": "open", "points": 500, "since": "2026-05-06T12:00:00+02:00",
            "until": "2026-06-06T00:00:00+02:00", "text": "",
            "amounts": [], "code": None, "where": "At the spa",
            "because": {
                "code": "reward_bought", "params": {"name": "A day at the spa"},
                "text": "Used for the reward “A day at the spa”",
            },
        }  # fmt: skip
        assert api.get("me").json()["ready"] == 200
        assert [step.wrong for step in audit()] == [[]]

    @pytest.mark.parametrize(("price", "code"), [(501, "reward_dearer"), (500, None), (400, None)])
    def test_takes_no_more_than_was_shown(self, api, reward, price, code):
        Reward.objects.update(price=price)
        before, response = books(), api.post(WANT, {"points": 500, "text": ""}, **KEY)
        if code:
            assert_refused(response, 409, code, before)
        else:
            assert response.json()["points"] == price

    @pytest.mark.parametrize("points", [None, "500", 500.0, True, 0, -1, 10**9, [500]])
    def test_is_refused_for_points_that_are_no_whole_number(self, api, reward, points):
        assert_refused(api.post(WANT, {"points": points}, **KEY), 400, "invalid", books())

    def test_of_what_staff_do_is_asked_for_with_what_one_says(self, api, unit):
        RewardFactory(code="spa-day", price=5)
        found = api.post(WANT, {"text": " Mondays, 10 o’clock 🐕 "}, **KEY).json()
        assert (found["state"], found["text"]) == ("asked", "Mondays, 10 o’clock 🐕")

    @pytest.mark.parametrize("sign", ["ä", "🐕"])
    def test_takes_500_characters_of_any_language(self, api, unit, sign):
        RewardFactory(code="spa-day", price=5)
        assert api.post(WANT, {"text": sign * 500}, **KEY).json()["text"] == sign * 500

    @pytest.mark.parametrize(
        ("about", "code"),
        [
            ({"price": 701}, "reward_points_missing"),
            ({"is_on": False}, "reward_over"),
            ({"ends_at": TODAY}, "reward_over"),
            ({"rank": 3}, "reward_not_for_you"),
            ({"quota": 4, "taken": 4}, "reward_gone"),
        ],
    )
    def test_is_refused_with_a_code_and_words_and_nothing_moves(self, api, unit, reward, about, code):
        LadderFactory(program=unit.program)
        Reward.objects.update(**about)
        before = books()
        response = api.post(WANT, **KEY)
        assert_refused(response, 409, code, before)
        assert response.json()["detail"].endswith(".")

    def test_is_refused_where_one_has_enough_or_no_code_is_left(self, api, reward):
        Reward.objects.update(price=5, per_member=3)
        assert [api.post(WANT, **{"Idempotency-Key": str(n)}).status_code for n in range(2)] == [200, 200]
        before = books()
        assert_refused(api.post(WANT, **{"Idempotency-Key": "2"}), 409, "reward_gone", before)
        Reward.objects.update(per_member=2)
        assert_refused(api.post(WANT, **{"Idempotency-Key": "2"}), 409, "reward_had_enough", before)

    def test_is_refused_while_the_program_pauses(self, api, unit, reward):
        change_state(program=unit.program, to="paused", actor="system", at=TODAY)
        assert_refused(api.post(WANT, **KEY), 409, "not_now", books())

    def test_is_refused_under_the_key_of_another_reward(self, api, reward):
        RewardFactory(code="seat", price=5)
        assert api.post(WANT, **KEY).status_code == 200
        assert_refused(api.post("rewards/seat/claims", **KEY), 409, "key_used", books())

    @pytest.mark.parametrize("key", [None, "", " ", "a b", "x" * 65, "schlüssel".encode("latin-1").decode("latin-1")])
    def test_is_refused_without_a_sound_key(self, api, reward, key):
        before = books()
        response = api.post(WANT, {"text": "Monday"}, **({} if key is None else {"Idempotency-Key": key}))
        assert_refused(response, 400, "invalid", before)
        assert "Idempotency-Key" in response.json()["detail"]

    def test_takes_the_longest_key_that_is_sound(self, api, reward):
        assert api.post(WANT, **{"Idempotency-Key": "!~" * 32}).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [
            '{"text": 5}', '{"text": null}', '{"text": true}', '{"text": ["Monday"]}', '{"text": "a", "text": "b"}',
            '{"text": "Monday", "member": 1}', '{"price": 1}', '["Monday"]', '"Monday"', "5", "nothing", "{",
            "[]", "0", "false", "null", '""',
            '{"text": "\\u0000"}', '{"text": "\\ud800"}', json.dumps({"text": "x" * 501}),
        ],
    )  # fmt: skip
    def test_is_refused_with_a_body_that_is_none(self, api, reward, body):
        before = books()
        assert api.post(WANT, raw=body, **KEY).status_code == 400
        assert books() == before

    def test_is_refused_with_a_large_body_or_another_kind(self, api, reward):
        before = books()
        assert_refused(api.post(WANT, raw=json.dumps({"text": "x" * 9000}), **KEY), 413, "too_large", before)
        assert_refused(
            api.post(WANT, raw="text=x", content_type="text/plain", **KEY), 415, "unsupported_media_type", before
        )

    @pytest.mark.parametrize("code", ["nothing", "a b", "SPA-DAY", "%00", "💥"])
    def test_is_not_found_of_a_reward_that_is_none(self, api, reward, code):
        assert_refused(api.post(f"rewards/{code}/claims", **KEY), 404, "not_found", books())

    def test_is_not_found_of_a_reward_that_is_only_given(self, api, reward):
        Reward.objects.update(price=None)
        assert_refused(api.post(WANT, **KEY), 404, "not_found", books())

    def test_is_not_found_by_who_never_joined(self, unit, reward):
        Program.objects.update(enrolment=Program.Enrolment.OPT_IN)
        forget_cache()
        assert_refused(api_of(a_user("new@example.com")).post(WANT, **KEY), 404, "not_found", books())

    def test_is_only_read_by_a_get(self, api, reward):
        assert api.get(WANT).status_code == 405
        assert not Claim.objects.exists()


class TestTheClaims:
    def test_come_newest_first_in_pages_without_a_gap(self, api, unit):
        RewardFactory(code="spa-day", price=1)
        for number in range(53):
            assert api.post(WANT, **{"Idempotency-Key": str(number)}).status_code == 200
        first = api.get("claims").json()
        second = api.get(first["next"].partition("/loyalty/api/")[2]).json()
        ids = [claim["id"] for claim in first["claims"] + second["claims"]]
        assert (len(first["claims"]), len(ids), second["next"]) == (50, 53, None)
        assert ids == sorted(ids, reverse=True)
        assert api.get("claims?before=0").json() == {"next": None, "claims": []}

    def test_are_none_of_somebody_who_has_none(self, api, ada, reward):
        api.post(WANT, **KEY)
        assert api_of(ada).get("claims").json() == {"next": None, "claims": []}

    def test_cost_the_same_for_one_and_for_many(self, api, unit, django_assert_num_queries):
        RewardFactory(code="spa-day", price=1)
        for number in range(9):
            api.post(WANT, **{"Idempotency-Key": str(number)})
        with django_assert_num_queries(3):  # token and user, account and member, claims
            api.get("claims")


class TestACode:
    @pytest.fixture
    def claim(self, api, reward):
        return f"claims/{api.post(WANT, **KEY).json()['id']}/code"

    def test_is_shown_to_its_member_and_used_then(self, api, claim):
        shown = api.post(claim)
        assert shown.status_code == 200
        assert (shown.json()["code"], shown.json()["state"]) == ("SPA-1", "used")
        assert api.post(claim).json() == shown.json() == api.get("claims").json()["claims"][0]

    def test_of_somebody_else_is_not_there(self, ada, stranger, claim):
        before = books()
        assert_refused(api_of(ada).post(claim), 404, "not_found", before)
        assert_refused(stranger.post(claim), 401, "not_authenticated", before)

    @pytest.mark.parametrize("id", ["0", "999999999", "9" * 30, "x", "-1", "1.0", "٣", "%00"])
    def test_of_nothing_is_not_there(self, api, claim, id):
        assert_refused(api.post(f"claims/{id}/code"), 404, "not_found", books())

    def test_is_none_of_what_went_back_or_has_none(self, api, claim, unit):
        give_back(claim=Claim.objects.get(), note="why", actor="staff:1", at=TODAY)
        assert_refused(api.post(claim), 409, "no_code", books())
        RewardFactory(code="seat", price=1)
        seat = api.post("rewards/seat/claims", **{"Idempotency-Key": "seat"}).json()["id"]
        assert_refused(api.post(f"claims/{seat}/code"), 409, "no_code", books())


class TestAFrozenMember:
    @pytest.mark.parametrize(("about", "door"), [({"codes": ["SPA-1"]}, "code"), ({"price": None}, "ask")])
    def test_uses_no_reward(self, api, boris, about, door):
        member, reward = Member.objects.get(user=boris), RewardFactory(**about)
        promise = Promise(reward_id=reward.pk)
        give(member_id=member.pk, promise=promise, key="staff:1", because=Because("goodwill"), at=TODAY)
        freeze(member=member, until=None, earns=True, reason="asked", actor="staff:1", at=TODAY)
        assert_refused(api.post(f"claims/{Claim.objects.get().pk}/{door}"), 409, "points_frozen", books())


class TestAsking:
    @pytest.fixture
    def gift(self, boris, unit):
        """The address to ask for a grooming that Boris was given."""
        member = Member.objects.get(user=boris)
        promise = Promise(reward_id=RewardFactory(code="grooming", name="A grooming", price=None).pk)
        give(member_id=member.pk, promise=promise, key="staff:1", because=Because("goodwill"), at=TODAY)
        return f"claims/{Claim.objects.get().pk}/ask"

    def test_tells_the_shop_what_one_says_once(self, api, gift):
        assert Claim.objects.get().state == "open"
        asked = api.post(gift, {"text": " Tuesday suits us "})
        assert asked.status_code == 200
        assert [asked.json()[name] for name in ("state", "text", "reward")] == ["asked", "Tuesday suits us", "grooming"]
        assert asked.json()["because"]["text"] == "Asked for: “A grooming”"
        assert api.post(gift, {"text": "Friday"}).json() == asked.json()
        assert [*ClaimStep.objects.order_by("pk").values_list("state", flat=True)] == ["open", "asked"]

    def test_needs_no_words(self, api, gift):
        assert api.post(gift).json()["state"] == "asked"

    @pytest.mark.parametrize("body", [{"text": 5}, {"text": "x" * 501}, {"words": "x"}, ["text"]])
    def test_is_refused_with_a_body_that_is_none(self, api, gift, body):
        assert_refused(api.post(gift, body), 400, "invalid", books())

    def test_of_what_is_used_or_nobody_hands_out_is_refused(self, api, gift, reward):
        claim = Claim.objects.get()
        fulfil(claim=ask(claim=claim, at=TODAY), actor="staff:1", at=TODAY)
        assert_refused(api.post(gift), 409, "not_to_ask", books())
        spa = api.post(WANT, **KEY).json()["id"]
        assert_refused(api.post(f"claims/{spa}/ask"), 409, "not_to_ask", books())

    def test_of_somebody_else_is_not_there(self, ada, stranger, gift):
        before = books()
        assert_refused(api_of(ada).post(gift), 404, "not_found", before)
        assert_refused(stranger.post(gift), 401, "not_authenticated", before)


class TestAnotherSite:
    def test_has_nothing_and_sees_nothing_without_the_token_of_the_form(self, boris, reward, api):
        claim = f"claims/{api.post(WANT, **KEY).json()['id']}/code"
        client = Client(enforce_csrf_checks=True)
        client.force_login(boris)
        before = books()
        for path in (WANT, claim):
            assert_refused(Api(client=client).post(path, **KEY), 403, "permission_denied", before)


class TestTheTime:
    def test_of_an_answer_is_the_programs(self, api, reward):
        with clock.at(TODAY + timedelta(days=200)):
            assert api.post(WANT, **KEY).json()["since"] == "2026-11-22T11:00:00+01:00"


def test_of_a_login_that_was_merged_none_can_be_had(unit, api, boris, ada, reward):
    merge(member=Member.objects.get(user=boris), into=Member.objects.get(user=ada), actor="staff:1", at=TODAY)
    before = books()
    assert_refused(api.post(WANT, **KEY), 404, "not_found", before)
