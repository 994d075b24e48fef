"""`loyalty_setup`: the ready program, made once."""

import pytest
from django.apps import apps
from django.db import connection
from django.utils import translation
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award, Rule
from loyalty_oscar.program.models import PointWorth, Program, State
from loyalty_oscar.program.words import points
from tests.integration.commands.calling import books, expect_refusal, manage
from tests.orders import place

pytestmark = pytest.mark.django_db


def oscars():
    """How many rows the tables hold that are not ours."""
    there = connection.introspection.table_names()
    models = [model for model in apps.get_models() if model._meta.db_table in there]
    theirs = [model for model in models if not model._meta.app_label.startswith("loyalty_")]
    return {model._meta.db_table: model._base_manager.count() for model in theirs}


class TestSettingUp:
    def test_makes_a_draft_with_its_points_their_worth_and_a_rule_and_no_row_of_oscars(self):
        before = oscars()
        said = manage("setup")
        program = Program.objects.get()
        assert (program.code, program.state, program.is_default, program.currency) == ("points", "draft", True, "EUR")
        assert (program.time_zone, program.earns_from) == ("Europe/Berlin", None)
        worth, rule = PointWorth.objects.get(), Rule.objects.get()
        assert (worth.currency, worth.points, worth.minor) == ("EUR", 100, 100)
        assert rule.versions.get().params == {"currency": "EUR", "points": 1, "step_minor": 100}
        assert oscars() == before
        assert "1 point for each €1.00" in said.out
        assert "loyalty_setup --live" in said.out

    def test_changes_nothing_the_second_time_and_says_what_is_there(self):
        manage("setup")
        before = books()
        said = manage("setup", "--name", "Other", "--currency", "CHF")
        assert books() == before
        assert Program.objects.get().name == "Points"
        assert "There already" in said.out
        assert "Made:" not in said.out

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
        unit = Program.objects.get().units.get()
        with translation.override(language):
            assert [points(unit=unit, points=n).replace("\xa0", " ") for n in (1, 2, 5)] == words


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
        expect_refusal("setup", *arguments, says=says)
