"""Rewards whose amounts are told for several currencies: set up, read back, and what is wrong with them."""

from decimal import Decimal as D

import pytest
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.program.models import PointWorth, Reward
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.redemption.rewards.doctor import rewards as doctor_on_rewards
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProgramFactory
from tests.rewards import a_reward
from tests.storefront import TODAY, priced, text_of

from .test_rewards import as_opened as opened
from .test_rewards import errors, page

ADD = reverse("admin:loyalty_program_reward_add")


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


def add(client, kind="off", **fields):
    """Add a reward as a merchant would; returns the answer."""
    address = f"{ADD}?type={kind}"
    return client.post(address, {**opened(client, address), "name": "Off", "price": "500", **fields})


class TestTheForm:
    @pytest.fixture(autouse=True)
    def francs(self, unit):
        """Something is sold in francs."""
        priced("9.90", "CHF", "Rope toy")

    def test_has_a_section_for_each_currency_of_the_shop(self, root, unit):
        address = f"{ADD}?type=off"
        assert "In a basket of CHF" in text_of(root.get(address))
        PointWorth.objects.create(program=unit.program, currency="JPY", points=1, minor=1)
        assert {"p_amount", "p_CHF_amount", "p_JPY_amount", "p_CHF_least", "p_CHF_most"} <= set(opened(root, address))
        assert "p_EUR_amount" not in opened(root, address)
        assert "p_CHF_ask" not in opened(root, f"{ADD}?type=service")

    @pytest.mark.parametrize("code", ["DOGE", "XTS", ""])
    def test_has_none_for_what_nobody_pays_with(self, root, unit, code):
        priced("9.90", code, "Moon")
        assert {name for name in opened(root, f"{ADD}?type=off") if name.endswith("_amount")} == {
            *("p_amount", "p_CHF_amount")
        }

    def test_of_a_shop_with_one_currency_says_nothing_of_others(self, root, unit):
        get_model("partner", "StockRecord").objects.update(price_currency="EUR")
        assert "In a basket of" not in text_of(root.get(f"{ADD}?type=off"))

    def test_keeps_and_reads_back_each(self, root, unit):
        told = {"p_amount": "5.00", "p_least": "20.00", "p_CHF_amount": "6.00", "p_CHF_least": "25.00"}
        assert add(root, **told, is_meant="on").status_code == 302
        reward = Reward.objects.get()
        assert reward.params["amount"] == 500
        assert reward.params["currencies"] == {"CHF": {"amount": 600, "least": 2_500}}
        text = text_of(root.get(page(reward)))
        assert "€5.00 off, in a basket of €20.00 or more" in text
        assert "In CHF: CHF6.00 off, in a basket of CHF25.00 or more" in text.replace("CHF ", "CHF")
        before = Reward.objects.values().get()
        assert root.post(page(reward), {**opened(root, page(reward)), "is_meant": "on"}).status_code == 302
        assert Reward.objects.values().get() == before
        root.post(page(reward), {**opened(root, page(reward)), "p_CHF_amount": "", "p_CHF_least": ""})
        assert "currencies" not in Reward.objects.get().params

    @pytest.mark.parametrize(
        ("typed", "stored", "wrong"),
        [
            ({"p_JPY_amount": "700"}, {"JPY": {"amount": 700}}, {}),
            ({"p_JPY_amount": "700.50"}, None, {"p_JPY_amount": "JPY has no such fraction. Write a whole amount."}),
            ({"p_KWD_amount": "1.505"}, {"KWD": {"amount": 1_505}}, {}),
            ({"p_KWD_least": "1.505"}, None, {"p_KWD_amount": "Write an amount or a percentage, one of the two."}),
            ({"p_CHF_amount": "0.01"}, {"CHF": {"amount": 1}}, {}),
            ({"p_CHF_amount": "6.00", "p_CHF_most": "3.00"}, None,
             {"p_CHF_most": "That belongs to a percentage. Leave it empty."}),
            ({"p_amount": "", "p_CHF_amount": "6.00"}, None,
             {"p_amount": "Write an amount or a percentage, one of the two."}),
            ({"p_amount": "", "p_percent": "10", "p_CHF_amount": "6.00"}, None,
             {"p_CHF_amount": "Write an amount or a percentage, one of the two."}),
            ({"p_amount": "", "p_percent": "10", "p_most": "3.00", "p_CHF_most": "4.00"}, {"CHF": {"most": 400}}, {}),
        ],
    )  # fmt: skip
    def test_takes_whole_coins_of_each_that_fit_together(self, root, unit, typed, stored, wrong):
        for currency in ("JPY", "KWD"):
            PointWorth.objects.create(program=unit.program, currency=currency, points=1, minor=1)
        answer = add(root, **{"p_amount": "5.00", **typed}, is_meant="on")
        if stored is None:
            assert errors(answer) == wrong
        else:
            assert answer.status_code == 302
            assert Reward.objects.get().params["currencies"] == stored

    def test_in_dinars_takes_three_decimals_above_too(self, root, unit):
        unit.program.currency = "KWD"
        unit.program.save()
        answer = add(root, p_amount="1.505", cost="0.755", is_meant="on")
        assert answer.status_code == 302
        reward = Reward.objects.get()
        assert (reward.params["amount"], reward.cost_minor) == (1_505, 755)
        assert opened(root, page(reward))["p_amount"] == ["1.505"]

    def test_of_a_program_in_dinars_is_asked_about_from_an_amount_of_three_decimals_on(self, root, unit):
        program = unit.program
        program.currency, program.much_minor = "KWD", 1_505
        program.save()
        address = reverse("admin:loyalty_program_program_change", args=[program.pk])
        told = opened(root, address)
        assert told["much"] == ["1.505"]
        assert root.post(address, {**told, "much": "1.506"}).status_code == 302
        program.refresh_from_db()
        assert program.much_minor == 1_506

    @pytest.mark.parametrize(
        ("worth", "amount", "asked"),
        [
            # 500 paws are worth CHF 5.50.
            (110, "11.00", ""),
            (110, "11.01", "Members pay what is worth CHF5.50, and get what is worth CHF11.01."),
            (None, "0.01", "One is worth CHF0.01, and nothing says what is usual in that currency."),
        ],
    )
    def test_asks_in_each_currency_by_itself_whether_that_is_meant(self, root, unit, worth, amount, asked):
        if worth:
            PointWorth.objects.create(program=unit.program, currency="CHF", points=100, minor=worth)
        forget_cache()
        answer = add(root, p_amount="5.00", p_CHF_amount=amount)
        if asked:
            said = errors(answer)["is_meant"].replace("\xa0", "")
            assert said == f"{asked} Tick this if you mean it."
        assert Reward.objects.exists() != bool(asked)

    def test_asks_of_a_gift_by_what_is_usual_for_one(self, root, unit):
        PointWorth.objects.create(program=unit.program, currency="CHF", points=100, minor=110)
        forget_cache()
        usual = unit.program.much_minor * 110 // 100
        answer = add(root, price="", p_amount="5.00", p_CHF_amount=str(D(usual + 1) / 100))
        assert "more than the usual" in errors(answer)["is_meant"]
        assert add(root, price="", p_amount="5.00", p_CHF_amount=str(D(usual) / 100)).status_code == 302

    def test_of_several_programs_refuses_the_own_currency_below(self, root, unit):
        ProgramFactory(code="swiss", currency="CHF")
        told = {"program": unit.program_id, "p_amount": "5.00", "p_EUR_amount": "6.00", "is_meant": "on"}
        assert errors(add(root, **told)) == {
            "p_EUR_amount": "That is the currency of the program itself. Write it above."
        }

    def test_warns_where_the_shop_sells_and_the_reward_does_nothing(self, root, unit):
        reward = a_reward(unit, "off", amount=500)
        text = "It can’t be used in a basket of CHF, for which it has no amount."
        assert text in text_of(root.get(page(reward)))
        (found,) = doctor_on_rewards(at=TODAY)
        assert found.text == f"“{reward.name}” has no amount in CHF: no basket of that currency can use it"
        for params in ({"percent": 10}, {"amount": 500, "currencies": {"CHF": {"amount": 600}}}):
            Reward.objects.update(params=params)
            assert text not in text_of(root.get(page(reward)))
            assert list(doctor_on_rewards(at=TODAY)) == []
