"""`loyalty_setup`: the ready program, made once."""

import pytest
from django.apps import apps
from django.db import connection
from django.utils import translation
from oscar.core.loading import get_model
from oscar.test import factories
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award, Rule
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.ready import READY
from loyalty_oscar.program.models import PointWorth, Program, State
from loyalty_oscar.program.words import points, title
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.redemption.offer import our_offers
from tests import forks
from tests.integration.commands.calling import books, expect_refusal, manage
from tests.orders import place
from tests.storefront import a_product

pytestmark = pytest.mark.django_db


def oscars():
    """How many rows the tables hold that are not ours."""
    there = connection.introspection.table_names()
    models = [model for model in apps.get_models() if model._meta.db_table in there]
    theirs = [model for model in models if not model._meta.app_label.startswith("loyalty_")]
    return {model._meta.db_table: model._base_manager.count() for model in theirs}


class TestSettingUp:
    def test_makes_a_draft_with_its_points_their_worth_a_rule_and_of_oscars_rows_one_offer(self):
        before = oscars()
        said = manage("setup")
        program = Program.objects.get()
        assert (program.code, program.state, program.is_default, program.currency) == ("points", "draft", True, "EUR")
        assert (program.time_zone, program.earns_from) == ("Europe/Berlin", None)
        worth, rule = PointWorth.objects.get(), Rule.objects.get()
        assert (worth.currency, worth.points, worth.minor) == ("EUR", 100, 100)
        assert rule.versions.get().params == {"currency": "EUR", "points": 1, "step_minor": 100}
        made = {table: rows - before[table] for table, rows in oscars().items() if rows != before[table]}
        assert made == {"offer_conditionaloffer": 1, "offer_condition": 1, "offer_benefit": 1}
        assert "1 point for each €1.00" in said.out
        assert "loyalty_setup --live" in said.out

    def test_changes_nothing_the_second_time_and_says_what_is_there(self):
        manage("setup")
        before = books()
        said = manage("setup", "--name", "Other", "--currency", "CHF")
        assert books() == before
        assert Program.objects.get().name == "Loyalty Club"
        assert "There already" in said.out
        assert "Made:" not in said.out

    def test_adds_the_ready_campaigns_switched_off_where_that_is_asked_for(self):
        manage("setup")
        assert not Campaign.objects.exists()
        assert f"{len(READY)} campaigns, switched off: thank-you, " in manage("setup", "--campaigns").out
        assert not Campaign.objects.filter(is_on=True).exists()
        again = manage("setup", "--campaigns").out
        assert "Campaigns" in again.partition("There already")[2]
        assert Campaign.objects.count() == len(READY)

    def test_mends_the_program_that_is_there_whatever_its_code_and_makes_no_second(self):
        Program.objects.create(code="paw-club", name="Paw Club", currency="CHF", is_default=True)
        said = manage("setup")
        assert Program.objects.get().code == "paw-club"
        assert (PointWorth.objects.get().currency, Rule.objects.get().program.code) == ("CHF", "paw-club")
        assert "Paw Club" in said.out
        assert our_offers().count() == 1

    def test_mends_the_default_program_of_several(self):
        Program.objects.create(code="first", name="First")
        second = Program.objects.create(code="second", name="Second", is_default=True)
        manage("setup")
        assert Program.objects.count() == 2
        assert Rule.objects.get().program == second

    def test_takes_up_again_what_was_left_half_way(self):
        manage("setup")
        Rule.objects.all().delete()
        PointWorth.objects.all().delete()
        manage("setup")
        assert (Rule.objects.count(), PointWorth.objects.count(), Program.objects.count()) == (1, 1, 1)

    def test_switches_it_on_when_asked_and_orders_earn_from_then(self, django_capture_on_commit_callbacks):
        assert manage("setup", "--live").code == 0
        assert Program.objects.get().state == State.LIVE
        with django_capture_on_commit_callbacks(execute=True):
            place(user=UserFactory(), lines=[("12.50", 2)])
        assert Award.objects.get().points == 25
        phases = Program.objects.get().phases.count()
        manage("setup", "--live")
        assert Program.objects.get().phases.count() == phases

    def test_rehearses_before_it_switches_it_on(self):
        product = a_product("Liver bites", "24.90")
        said = manage("setup --live")
        assert (said.code, Program.objects.get().state) == (0, State.LIVE)
        assert f"Rehearsed with Liver bites ({product.pk}): all numbers agree." in said.out
        assert "It is live: orders placed from now on earn." in said.out
        assert not get_model("order", "Order").objects.exists()
        assert "Rehearsed" not in manage("setup --live").out, "it is live already"

    def test_says_why_nothing_was_rehearsed_and_goes_on(self):
        said = manage("setup --live")
        assert (said.code, Program.objects.get().state) == (0, State.LIVE)
        assert "Not rehearsed: the shop has no product to sell" in said.out

    def test_stays_a_draft_where_the_rehearsal_departs(self, monkeypatch):
        a_product()
        forks.rises_with_discounts(monkeypatch)
        said = manage("setup --live")
        assert (said.code, Program.objects.get().state) == (1, State.DRAFT)
        assert said.err.startswith(
            "not live, because the rehearsal departs: taken off the basket for 2490 points: 0.00"
        )
        assert "rises_with_discounts" in said.err, "the shop's own method"
        assert "--anyway goes on" in said.err
        assert "\n" not in said.err
        assert "Made:" in said.out
        assert Rule.objects.count() == 1, "the draft is ready"

    def test_goes_on_anyway_where_it_is_told_to(self, monkeypatch):
        a_product()
        forks.rises_with_discounts(monkeypatch)
        said = manage("setup --live --anyway")
        assert (said.code, Program.objects.get().state) == (0, State.LIVE)
        assert "The rehearsal departs: taken off the basket for 2490 points" in said.out

    def test_is_told_to_go_on_only_with_what_it_goes_on_with(self):
        expect_refusal("setup --anyway", says="--anyway goes with --live", code=2)

    def test_leaves_the_default_program_the_default(self):
        manage("setup")
        manage("setup --code second --name Second")
        assert Program.objects.get(is_default=True).code == "points"
        assert Program.objects.count() == 2

    @pytest.mark.parametrize(("currency", "coin"), [("JPY", 100), ("EUR", 100), ("KWD", 1000)])
    def test_counts_in_the_coins_of_the_currency(self, currency, coin):
        manage("setup --currency", currency)
        assert PointWorth.objects.get().minor == coin
        assert Rule.objects.get().versions.get().params["step_minor"] == coin

    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("en", ["1 point", "2 points", "5 points"]),
            ("de", ["1 Punkt", "2 Punkte", "5 Punkte"]),
            ("pl", ["1 punkt", "2 punkty", "5 punktów"]),
            ("ru", ["1 балл", "2 балла", "5 баллов"]),
        ],
    )
    def test_names_the_points_in_every_plural(self, language, words):
        manage("setup")
        unit = Program.objects.get().unit
        with translation.override(language):
            assert [points(unit=unit, points=n).replace("\xa0", " ") for n in (1, 2, 5)] == words

    @pytest.mark.parametrize(
        ("language", "word"), [("en", "Points"), ("de", "Punkte"), ("pl", "Punkty"), ("ru", "Баллы")]
    )
    def test_names_them_with_a_capital_where_a_heading_begins(self, language, word):
        manage("setup")
        with translation.override(language):
            assert title(unit=Program.objects.get().unit) == word


class TestTheOfferAndItsLimits:
    def test_are_made_once_so_that_points_can_be_used(self):
        manage("setup")
        offer, terms = our_offers().get(), UseTerms.objects.get()
        assert (offer.priority, offer.exclusive, offer.max_basket_applications) == (-10_000, False, 1)
        assert (offer.is_open, offer.offer_type, offer.max_discount) == (True, offer.SITE, None)
        assert (terms.is_on, terms.share, terms.minimum, terms.step, terms.per_day) == (True, 100, 1, 1, None)
        manage("setup")
        assert (our_offers().count(), UseTerms.objects.count()) == (1, 1)

    def test_are_left_as_the_merchant_made_them(self):
        manage("setup")
        UseTerms.objects.update(is_on=False, share=50)
        our_offers().update(name="Paws", priority=-5)
        manage("setup")
        assert our_offers().values_list("name", "priority").get() == ("Paws", -5)
        assert UseTerms.objects.values_list("is_on", "share").get() == (False, 50)

    def test_take_another_name_where_a_shop_has_that_one(self):
        factories.create_offer(name="Loyalty points")
        manage("setup")
        assert our_offers().get().name == "Loyalty points 2"

    def test_are_made_again_where_somebody_deleted_the_offer(self):
        manage("setup")
        our_offers().delete()
        said = manage("setup")
        assert "Offer “Loyalty points” among Oscar's offers" in said.out.partition("There already")[0]
        assert our_offers().count() == 1

    def test_serve_every_program_with_one_offer(self):
        manage("setup")
        manage("setup --code second --name Second")
        assert (our_offers().count(), UseTerms.objects.count()) == (1, 2)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--currency", "EURO"], "'EURO' is no currency"),
            (["--currency", "eur"], "'eur' is no currency"),
            (["--code", "Paw Club"], "Use small letters, digits and hyphens only"),
            (["--name", ""], "name: This field cannot be blank."),
            (["--name", "x" * 101], "name: Ensure this value has at most 100 characters"),
            (["--colour", "red"], "unrecognized arguments"),
        ],
    )
    def test_is_refused(self, arguments, says):
        expect_refusal("setup", *arguments, says=says, code=2)
