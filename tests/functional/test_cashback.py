"""Cashback: a program whose unit is money, richer by level. Every number is an amount, to the smallest coin."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.test import Client
from oscar.test import factories

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import words
from loyalty_oscar.program.models import PointWorth, Program, Unit
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import (
    GivenTierFactory,
    LadderFactory,
    PhaseFactory,
    RewardFactory,
    UseTermsFactory,
)
from loyalty_oscar.tiers.models import Tier
from tests.integration.ledger.books import assert_clean, balance
from tests.points import give, reload, use
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, buy, day, ripen, send_back, text_of

pytestmark = pytest.mark.django_db


def set_up(*words):
    """What `loyalty_setup` says."""
    said = StringIO()
    with clock.at(day(1, 1)):
        call_command("loyalty_setup", *words, stdout=said)
    forget_cache()
    return said.getvalue()


@pytest.fixture
def unit():
    """2 % back for everybody, 3 % for Silver, 5 % for Gold."""
    set_up("--cashback", "2", "--currency", "EUR")
    program = Program.objects.get()
    LadderFactory(program=program, bronze__percent=100, silver__percent=150, gold__percent=250)
    PhaseFactory(program=program, at=day(1, 2))
    UseTermsFactory(program=program)
    forget_cache()
    return program.unit


def a_member(unit, level=None):
    user = a_user()
    member = join(program=unit.program, user_id=user.pk, at=day(1, 3))
    if level:
        GivenTierFactory(member=member, tier=Tier.objects.get(name=level), at=day(1, 4))
    return user


def account(user):
    return Account.objects.get(member__user=user)


class TestTheSetUp:
    def test_makes_a_program_whose_unit_is_money(self):
        said = set_up("--cashback", "2.5", "--currency", "EUR")
        unit, rule, worth = Unit.objects.get(), Rule.objects.get(), PointWorth.objects.get()

        assert (unit.is_money, worth.points, worth.minor) == (True, 100, 100)
        params = rule.versions.get().params
        assert (params["points"], params["step_minor"]) == (25, 1000)
        assert "Cashback: 2.5 % of the money paid for goods" in said.replace("\xa0", " ")

    def test_called_again_changes_nothing(self):
        set_up("--cashback", "2", "--currency", "EUR")
        assert "Made:" not in set_up("--cashback", "5")
        assert Rule.objects.get().versions.get().params["points"] == 2

    def test_has_levels_where_they_are_asked_for(self):
        said = set_up("--cashback", "2", "--currency", "EUR", "--levels").replace("\xa0", " ")
        assert list(Tier.objects.order_by("rank").values_list("name", "threshold", "percent")) == [
            ("Bronze", 0, 100),
            ("Silver", 25_000, 150),
            ("Gold", 100_000, 250),
        ]
        assert "Level Silver from €250.00, 150 % of what Bronze gets" in said
        assert "point" not in said.partition("Offer")[0]
        assert (Program.objects.get().code, Unit.objects.get().code) == ("cashback", "cashback")
        assert "Levels" in set_up("--levels").partition("There already")[2]

    def test_in_yen_knows_no_cents(self):
        set_up("--cashback", "2", "--currency", "JPY")
        params = Rule.objects.get().versions.get().params
        assert (params["points"], params["step_minor"]) == (2, 100)

    @pytest.mark.parametrize("percent", ["0", "-1", "96", "x", "1.234", ""])
    def test_refuses_what_is_no_percentage(self, percent):
        with pytest.raises(CommandError, match=r"from 0\.01 to 95"):
            set_up("--cashback", percent)
        assert not Program.objects.exists()


class TestWhatAnOrderBrings:
    @pytest.mark.parametrize(
        ("level", "price", "cents"),
        [
            (None, "80.00", 160),
            ("Silver", "80.00", 240),
            ("Gold", "80.00", 400),
            ("Gold", "33.33", 166),
            (None, "0.49", 0),
        ],
    )
    def test_is_its_level_s_part_of_it_down_to_the_cent(self, unit, level, price, cents):
        user = a_member(unit, level)
        buy(user, (a_product(price=price), 1), on=TODAY)
        assert balance(account(user))[1] == cents
        assert_clean()


class TestYen:
    def test_is_given_back_in_whole_yen(self):
        set_up("--cashback", "3", "--currency", "JPY")
        unit = Unit.objects.get()
        PhaseFactory(program=unit.program, at=day(1, 2))
        forget_cache()
        user = a_user()
        join(program=unit.program, user_id=user.pk, at=day(1, 3))
        order = buy(user, (a_product(price="1999"), 1), on=TODAY, currency="JPY")
        assert order.currency == "JPY"
        assert balance(account(user))[1] == 59
        assert words.points(unit=unit, points=59) == "¥59"
        assert_clean()


class TestCredit:
    def test_pays_for_goods_and_comes_back_with_them(self, unit):
        user = a_member(unit)
        give(user, 240, unit)
        basket = use(user, a_basket(user, (a_product(price="10.00"), 2)), 240, unit=unit)
        assert applied_to(basket=basket).minor == 240
        with clock.at(TODAY), transaction.atomic():
            order = factories.create_order(basket=basket, user=user, date_placed=TODAY)
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert str(order.basket_total_incl_tax) == "17.60"
        assert balance(account(user))[0] == 0
        arrive(order, on=day(5, 7))
        send_back(order, 1, on=day(5, 8))

        assert balance(account(user))[0] == 120
        assert balance(account(user))[1] == 18  # 0.35 for 17.60, less half of it, in whole cents
        assert_clean()

    def test_is_as_it_was_when_a_payment_breaks_off_ten_times(self, unit):
        user = a_member(unit)
        give(user, 240, unit)
        basket = a_basket(user, (a_product(price="10.00"), 2))
        for _time in range(10):
            basket = use(user, basket, 240, unit=unit)
            with clock.at(TODAY), pytest.raises(ZeroDivisionError), transaction.atomic():
                factories.create_order(basket=basket, user=user, date_placed=TODAY)
                raise ZeroDivisionError
            basket = reload(user, basket)
        available, _pending, reserved, debt = balance(account(user))
        assert (available + reserved, debt) == (240, 0)
        assert_clean()


class TestThePages:
    def look(self, user, page="/loyalty/"):
        client = Client()
        client.force_login(user)
        forget_cache()
        with clock.at(TODAY):
            return text_of(client.get(page))

    def test_speak_of_money_and_percent(self, unit):
        user = a_member(unit)
        give(user, 1250, unit)
        buy(user, (a_product(price="80.00"), 1), on=TODAY)

        page = self.look(user)
        assert "€12.50" in page
        assert "€1.60" in page
        assert "point" not in page.lower()
        assert "2" in self.look(user, "/loyalty/how-it-works/")

    def test_offer_amounts_in_the_basket_and_say_each_once(self, unit):
        user = a_member(unit)
        give(user, 1398, unit)
        a_basket(user, (a_product(price="80.00"), 1))
        client = Client()
        client.force_login(user)
        forget_cache()
        with clock.at(TODAY):
            answer = client.get("/basket/")
        page = text_of(answer)
        assert "Credit you can use You have €13.98 ready Use €5.00 Use all: €13.98 None Your own amount" in page
        assert 'inputmode="decimal"' in answer.content.decode()
        assert "Credit: €{amount}" in answer.content.decode()
        with clock.at(TODAY):
            page = text_of(client.post("/loyalty/points/", {"use": "500", "next": "/basket/"}, follow=True))
        assert "You use €5.00. You keep €8.98." in page

    def test_sell_rewards_for_money(self, unit):
        user = a_member(unit)
        give(user, 1250, unit)
        RewardFactory(program=unit.program, name="A grooming", price=500)
        page = self.look(user, "/loyalty/rewards/")
        assert "A grooming €5.00" in page
        assert "Claim for €5.00? Leaves €7.50." in page
        ripen(on=TODAY)
