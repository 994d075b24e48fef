"""Rewards whose amounts are told for several currencies, used where they are told."""

from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.operations import CannotClaim
from loyalty_oscar.shop.redemption.rewards.used import in_mail
from tests.points import a_member_with, pay, points_club, reload
from tests.rewards import a_reward, fresh, have, put_on, state, why
from tests.storefront import a_basket, priced, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


@pytest.fixture
def unit():
    """A program whose worth is in euros."""
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(2_000, unit)


class TestMoneyOff:
    @pytest.mark.parametrize(
        ("currency", "price", "amounts", "total"),
        [
            ("EUR", "24.90", {}, "19.90"),
            ("CHF", "24.90", {"amount": 600}, "18.90"),
            ("JPY", "2490", {"amount": 700}, "1790"),
            ("KWD", "24.90", {"amount": 2_500}, "22.40"),
            ("KWD", "24.90", {"amount": 2_505}, "22.40"),  # What columns of two decimals hold.
        ],
    )
    def test_is_of_the_currency_of_the_basket(self, unit, boris, currency, price, amounts, total):
        others = {"currencies": {currency: amounts}} if amounts else {}
        claim = have(boris, a_reward(unit, "off", amount=500, **others))
        basket = put_on(boris, a_basket(boris, (priced(price, currency), 1)), claim)
        assert (basket.total_incl_tax, why(basket)) == (D(total), [])
        order = pay(basket)
        assert (order.total_incl_tax, state(claim)) == (D(total), Claim.State.USED)
        use = Redemption.objects.get(claim=claim)
        assert (use.order_id, use.currency) == (order.pk, currency)

    @pytest.mark.parametrize(
        ("params", "total"),
        [
            ({"percent": 10}, "89.91"),
            ({"percent": 10, "most": 300, "currencies": {"CHF": {"most": 400}}}, "95.90"),
            ({"percent": 10, "most": 300, "currencies": {"CHF": {"least": 9_990}}}, "89.91"),
            ({"percent": 10, "currencies": {"CHF": {"most": 400}}}, "95.90"),
            ({"amount": 500, "least": 1, "currencies": {"CHF": {"amount": 600, "least": 9_990}}}, "93.90"),
            ({"amount": 500, "least": 1, "currencies": {"CHF": {"amount": 600, "least": 9_991}}}, "99.90"),
            ({"amount": 500, "least": 99_900, "currencies": {"CHF": {"amount": 600}}}, "93.90"),
        ],
    )
    def test_knows_nothing_of_the_amounts_of_another(self, unit, boris, params, total):
        claim = have(boris, a_reward(unit, "off", **params))
        basket = put_on(boris, a_basket(boris, (priced("99.90", "CHF"), 1)), claim)
        assert basket.total_incl_tax == D(total)
        assert (why(basket) == ["reward_least_order"]) == (total == "99.90")

    @pytest.mark.parametrize(
        ("kind", "params"),
        [
            ("off", {"amount": 500}),
            ("off", {"percent": 10, "most": 300}),
            ("off", {"percent": 10, "least": 300}),
            ("off", {"percent": 10, "currencies": {"JPY": {"most": 300}}}),
            ("delivery", {"most": 300}),
            ("delivery", {"least": 300}),
        ],
    )
    def test_is_refused_where_it_has_no_amount(self, unit, boris, kind, params):
        claim = have(boris, a_reward(unit, kind, **params))
        with pytest.raises(CannotClaim) as refused:
            put_on(boris, a_basket(boris, (priced("99.90", "CHF"), 1)), claim)
        assert (refused.value.because.code, state(claim)) == ("reward_other_currency", Claim.State.OPEN)

    def test_that_lay_in_the_basket_before_the_goods_says_so_and_is_not_used(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris), claim)
        basket.add_product(priced("99.90", "CHF"), 1)
        basket = reload(boris, basket)
        assert (basket.total_incl_tax, why(basket)) == (D("99.90"), ["reward_other_currency"])
        pay(basket)
        assert state(claim) == Claim.State.OPEN

    def test_that_lay_in_the_basket_before_the_goods_is_told_in_their_currency(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500, currencies={"JPY": {"amount": 700}}))
        basket = put_on(boris, a_basket(boris), claim)
        basket.add_product(priced("2490", "JPY"), 1)
        pay(reload(boris, basket))
        use = Redemption.objects.get(claim=claim)
        assert (use.minor, use.currency, fresh(claim).state) == (700, "JPY", Claim.State.USED)


class TestAGift:
    @pytest.mark.parametrize(
        ("least", "others", "is_there"),
        [
            (None, {}, True),
            (9_990, {}, False),
            (1, {"CHF": {"least": 9_990}}, True),
            (1, {"CHF": {"least": 9_991}}, False),
            (99_900, {"CHF": {"least": 1}}, True),
        ],
    )
    def test_comes_with_goods_of_so_much_in_their_currency(self, unit, boris, least, others, is_there):
        bites, mug = priced("99.90", "CHF"), priced("5.00", "CHF", "Mug")
        reward = a_reward(unit, "product", products=[mug.pk], pieces=1, least=least, currencies=others)
        claim = have(boris, reward)
        basket = a_basket(boris, (bites, 1))
        if least and not others:
            with pytest.raises(CannotClaim):
                put_on(boris, basket, claim)
            return
        basket = put_on(boris, basket, claim)
        assert basket.total_incl_tax == (D("99.90") if is_there else D("104.90"))
        assert (why(basket) == []) == is_there


class TestWhatMembersSee:
    def test_is_told_in_the_currency_of_their_basket(self, unit, boris, client):
        reward = a_reward(unit, "off", amount=500, currencies={"CHF": {"amount": 600, "least": 2_500}})
        have(boris, reward)
        client.force_login(boris)
        here = "In CHF: CHF6.00 off, in a basket of CHF25.00 or more"
        assert "In CHF" not in text_of(client.get(reverse("loyalty:rewards")))
        a_basket(boris, (priced("99.90", "CHF"), 1))
        assert text_of(client.get(reverse("loyalty:rewards"))).replace("CHF ", "CHF").count(here) == 2
        assert text_of(client.get(reverse("basket:summary"))).replace("CHF ", "CHF").count(here) == 1

    def test_is_no_more_than_its_name_where_it_names_no_amount(self, unit, boris, client):
        have(boris, a_reward(unit, "off", percent=10))
        client.force_login(boris)
        a_basket(boris, (priced("99.90", "CHF"), 1))
        for name in ("loyalty:rewards", "basket:summary"):
            told = text_of(client.get(reverse(name)))
            assert ("In CHF" in told, "Use now" in told) == (False, True)

    def test_is_why_a_reward_cannot_be_used_there(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        client.force_login(boris)
        a_basket(boris, (priced("99.90", "CHF"), 1))
        why_not = "This reward can’t be used in CHF."
        for name, count in (("loyalty:rewards", 2), ("basket:summary", 1)):
            answer = client.get(reverse(name))
            assert (text_of(answer).count(why_not), "Use now" in text_of(answer)) == (count, False)
        answer = client.post(reverse("loyalty:use-reward", args=[claim.pk]), follow=True)
        assert why_not in [str(message) for message in answer.context["messages"]]

    def test_is_told_by_the_mail_of_the_order_in_its_currency(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500, currencies={"JPY": {"amount": 700}}))
        order = pay(put_on(boris, a_basket(boris, (priced("2490", "JPY"), 1)), claim))
        _template, context = in_mail(subject=order)
        assert context["text"] == f"“{claim.reward.name}” used: −¥700, taken off already."

    @pytest.mark.parametrize("currency", ["EUR", "CHF"])
    @pytest.mark.parametrize("name", ["loyalty:rewards", "basket:summary"])
    def test_asks_as_often_for_many_as_for_one(self, unit, boris, client, name, currency):
        ProductSet.objects.create(code="beds", name="Beds")
        client.force_login(boris)
        a_basket(boris, (priced("99.90", currency), 1))
        asked = []
        for number in (1, 3):
            for _more in range(number):
                have(boris, a_reward(unit, "off", amount=500, set="beds", currencies={"CHF": {"amount": 600}}))
            client.get(reverse(name))
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse(name))
            asked.append(len(queries))
        assert asked[0] == asked[1]
