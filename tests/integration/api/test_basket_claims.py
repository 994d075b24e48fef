"""Rewards in the basket through the API: put there, taken out, and refusals that move nothing."""

import pytest

from loyalty_oscar.redemption.models import Claim, Redemption
from tests.integration.api.conftest import Api, api_of
from tests.points import give
from tests.rewards import a_reward, have
from tests.storefront import TODAY, a_basket, a_product, a_user

pytestmark = pytest.mark.django_db
HERE = "basket/claims"


@pytest.fixture
def claim(unit, boris):
    """Boris has 5.00 off; his basket costs 49.80."""
    return have(boris, a_reward(unit, "off", amount=500))


@pytest.fixture
def api(boris):
    return api_of(boris)


def books():
    return [*Claim.objects.order_by("pk").values()], [*Redemption.objects.order_by("pk").values()]


class TestAReward:
    def test_is_put_in_and_taken_out(self, api, claim):
        told = {"id": claim.pk, "reward": claim.reward.code, "name": claim.reward.name, "kind": "off"}
        because = {"code": "as_asked", "params": {}, "text": ""}
        there = {"claims": [{**told, "off": "5.00", "because": because}], "currency": "EUR", "total": "44.80"}
        for _again in range(2):
            answer = api.put(f"{HERE}/{claim.pk}")
            assert (answer.status_code, answer.json()) == (200, there)
        assert api.get(HERE).json() == there
        assert api.get("basket/points").json()["total"] == "44.80"
        for _again in range(2):
            assert api.delete(f"{HERE}/{claim.pk}").json() == {"claims": [], "currency": "EUR", "total": "49.80"}
        assert Claim.objects.get().state == "open"

    @pytest.mark.parametrize("how", ["token", "session"])
    def test_leaves_the_points_ready_that_the_basket_takes_no_more(self, unit, boris, claim, client, how):
        give(boris, 5_000, unit, source="more")
        client.force_login(boris)
        api = api_of(boris) if how == "token" else Api(client=client)
        assert api.put("basket/points", {"points": 4_980}).json()["ready"] == 220
        api.put(f"{HERE}/{claim.pk}")
        told = api.get("basket/points").json()
        assert (told["asked"], told["applied"], told["set_aside"], told["ready"]) == (4_980, 4_480, 4_480, 720)

    def test_that_is_a_gift_comes_with_the_product_that_is_chosen(self, unit, boris, api):
        mug, bowl = a_product("Mug", "9.90"), a_product("Bowl", "12.00")
        gift = have(boris, a_reward(unit, "product", products=[mug.pk, bowl.pk], pieces=1))
        assert (api.put(f"{HERE}/{gift.pk}").status_code, api.put(f"{HERE}/{gift.pk}").json()["code"]) == (
            409,
            "gift_to_choose",
        )
        answer = api.put(f"{HERE}/{gift.pk}", {"product": bowl.pk})
        assert (answer.json()["total"], answer.json()["claims"][0]["off"]) == ("49.80", "12.00")
        assert api.delete(f"{HERE}/{gift.pk}").json()["total"] == "49.80"
        assert boris.basket.lines.count() == 1

    @pytest.mark.parametrize("name", ["nothing", "0", "9" * 19, "%00", "another's"])
    def test_of_nobody_or_another_is_not_found(self, unit, api, claim, name):
        anna = a_user("anna@example.com")
        if name == "another's":
            a_basket(anna, (a_product(), 1))
            assert api_of(anna).put(f"{HERE}/{claim.pk}").status_code == 404
            return
        before = books()
        assert (api.put(f"{HERE}/{name}").status_code, api.delete(f"{HERE}/{name}").status_code) == (404, 404)
        assert books() == before

    @pytest.mark.parametrize("body", [{"product": "7"}, {"product": 0}, {"points": 5}, [], {"product": 7, "more": 1}])
    def test_is_refused_with_a_body_that_means_nothing(self, api, claim, body):
        before = books()
        assert api.put(f"{HERE}/{claim.pk}", body).status_code == 400
        assert books() == before

    def test_that_is_given_back_is_refused(self, api, claim):
        Claim.objects.update(state="back")
        before = books()
        answer = api.put(f"{HERE}/{claim.pk}")
        assert (answer.status_code, answer.json()["code"]) == (409, "reward_not_open")
        assert books() == before

    def test_says_why_it_takes_nothing(self, unit, boris, api):
        gift = have(boris, a_reward(unit, "off", amount=500, least=5_000))
        told = api.put(f"{HERE}/{gift.pk}").json()["claims"][0]
        assert (told["off"], told["because"]["code"]) == ("0.00", "reward_least_order")
        assert told["because"]["text"] == "This reward is for goods of €50.00 or more."

    def test_is_put_into_no_basket_that_is_not_there(self, unit, claim, boris, api):
        boris.basket.delete()
        assert api.put(f"{HERE}/{claim.pk}").status_code == 404
        assert Claim.objects.get(valid_until=None, got_at=TODAY).state == "open"
