"""From an empty shop to the first points used, through the admin alone."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import PointWorth, Program, State, Unit
from loyalty_oscar.shop.earning.front import in_percent, promised_rate
from loyalty_oscar.shop.redemption.offer import our_offers
from loyalty_oscar.shop.upkeep.presets import TIERS
from loyalty_oscar.shop.upkeep.setup_page import CashbackForm, SetUpForm
from loyalty_oscar.tiers.models import Tier
from tests.orders import place

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    get_user_model().objects.create_superuser("owner", "owner@example.org", "x")
    client = Client()
    assert client.login(username="owner@example.org", password="x") or client.login(username="owner", password="x")
    return client


def page():
    return reverse("admin:loyalty_program_program_set_up")


def typed(form=SetUpForm, **fields):
    """What stands in the empty form, with what somebody typed over it."""
    form = form()
    stands = {name: value for name in form.fields if (value := form[name].value()) is not None}
    return {**stands, "name": "Paw Club", **fields}


def text(response):
    return response.content.decode().replace("\xa0", " ")


class TestSettingUp:
    def test_begins_at_the_front_page_of_an_empty_shop(self, owner):
        html = text(owner.get(reverse("admin:app_list", args=["loyalty_program"])))
        assert "There is no program yet." in html
        assert f'href="{page()}"' in html
        assert 'id="loyalty-rate">1.0 %</strong>' in text(owner.get(page()))

    def test_makes_what_was_chosen_and_the_offer_and_says_what_comes_back(self, owner):
        answer = owner.post(page(), typed(spend="2", worth="5", hold_days="0", time_zone="Europe/Berlin"))
        program = Program.objects.get()
        assert answer.url == reverse("admin:loyalty_program_program_change", args=[program.pk])
        assert (program.name, program.state, program.hold_days) == ("Paw Club", State.DRAFT, 0)
        assert (program.time_zone, program.is_default) == ("Europe/Berlin", True)
        assert Rule.objects.get().versions.get().params == {
            "currency": program.currency,
            "points": 1,
            "step_minor": 200,
        }
        assert (PointWorth.objects.get().points, PointWorth.objects.get().minor) == (100, 500)
        assert our_offers().count() == 1
        at = timezone.now() + timedelta(seconds=1)
        assert in_percent(promised_rate(unit=Unit.objects.get(), at=at)) == "2.5 %"

    @pytest.mark.parametrize("is_listed", [True, False])
    def test_offers_levels_where_their_app_is_listed(self, owner, monkeypatch, is_listed):
        there = apps.is_installed
        monkeypatch.setattr(apps, "is_installed", lambda name: there(name) and (is_listed or name != TIERS))
        assert ("Higher levels get more" in text(owner.get(page()))) == is_listed
        owner.post(page(), typed())
        assert Program.objects.exists()

    def test_leads_to_an_order_that_earns_once_it_is_live(self, owner, django_capture_on_commit_callbacks):
        owner.post(page(), typed(word_en_one="paw", word_en_other="paws", word_en_title="paws"))
        program = Program.objects.get()
        owner.post(reverse("admin:loyalty_program_program_step", args=[program.pk, "live"]), {"reason": ""})
        customer = get_user_model().objects.create_user("boris", "boris@example.org", "x")
        with django_capture_on_commit_callbacks(execute=True):
            place(user=customer, lines=[("12.00", 2)])
        assert Account.objects.get().pending == 24
        assert Unit.objects.get().names["en"]["other"] == "paws"

    def test_makes_only_what_is_missing_where_there_is_a_program(self, owner):
        owner.post(page(), typed(worth="5"))
        our_offers().delete()
        html = text(owner.get(page()))
        assert "There is a program already." in html
        owner.post(page(), {})
        assert Program.objects.count() == 1
        assert PointWorth.objects.get().minor == 500
        assert our_offers().count() == 1

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("spend", "0"), ("spend", "-1"), ("spend", "xx"), ("spend", "9" * 40), ("worth", ""), ("worth", "0.001"),
            ("worth", "1000"), ("hold_days", "366"), ("hold_days", "-1"), ("time_zone", "Mars/Olympus"),
            ("currency", "XXXX"), ("currency", "QQQ"), ("currency", "X" * 3), ("currency", "XTS"), ("currency", "XAU"),
            ("currency", "XDR"), ("name", ""), ("name", "x" * 101), ("spend", "NaN"),
        ],
    )  # fmt: skip
    def test_refuses_at_the_field_and_writes_nothing(self, owner, name, value):
        response = owner.post(page(), typed(**{name: value}))
        assert response.status_code == 200
        assert response.context["form"].errors[name]
        assert not Program.objects.exists()
        assert not our_offers().exists()

    def test_asks_for_every_form_of_a_language_and_drops_no_word(self, owner):
        response = owner.post(page(), typed(word_de_one="Stern", word_de_other=""))
        found = {"word_de_other": ["Fill in every form of a language, or leave the language empty."]}
        assert response.context["form"].errors == found
        none = {f"word_pl_{form}": "" for form in ("one", "few", "many", "other", "title")}
        owner.post(page(), typed(word_de_one="Stern", word_de_other="Sterne", word_de_title="", **none))
        names = Unit.objects.get().names
        assert (names["de"], "pl" in names) == ({"one": "Stern", "other": "Sterne"}, False)

    def test_is_refused_to_who_may_not_add_a_program(self):
        clerk = get_user_model().objects.create_user("clerk", "clerk@example.org", "x", is_staff=True)
        clerk.user_permissions.set(
            Permission.objects.filter(content_type__app_label="loyalty_program", codename="change_program")
        )
        client = Client()
        client.force_login(clerk)
        assert client.get(page()).status_code == 403
        assert client.post(page(), typed()).status_code == 403
        assert not Program.objects.exists()
        assert page() not in text(client.get(reverse("admin:app_list", args=["loyalty_program"])))


class TestSettingCashbackUp:
    def page(self):
        return f"{page()}?kind=cashback"

    def test_is_chosen_on_the_same_page(self, owner):
        html = text(owner.get(page()))
        assert '<strong aria-current="page">Points</strong>' in html
        assert '<a href="?kind=cashback">Cashback, shown as money</a>' in html
        html = text(owner.get(self.page()))
        assert 'id="loyalty-rate">2 %</strong>' in html
        assert "id_worth" not in html
        assert 'aria-current="page">Points' in text(owner.get(f"{page()}?kind=stars"))

    def test_makes_a_program_of_money_with_levels_that_get_more(self, owner, django_capture_on_commit_callbacks):
        owner.post(self.page(), typed(CashbackForm, percent="2", has_levels="on", hold_days="0"))
        program = Program.objects.get()
        assert (program.unit.is_money, program.unit.names["en"]) == (True, {"title": "Credit"})
        assert list(Tier.objects.order_by("rank").values_list("percent", flat=True)) == [100, 150, 250]
        owner.post(reverse("admin:loyalty_program_program_step", args=[program.pk, "live"]), {"reason": ""})
        customer = get_user_model().objects.create_user("boris", "boris@example.org", "x")
        with django_capture_on_commit_callbacks(execute=True):
            place(user=customer, lines=[("40.00", 2)])
        assert Account.objects.get().pending == 160
        html = text(owner.get(reverse("admin:loyalty_program_program_change", args=[program.pk])))
        assert "word_en_title" in html
        assert "word_en_other" not in html

    @pytest.mark.parametrize("percent", ["0", "-1", "96", "x", "1.234", ""])
    def test_refuses_at_the_field_what_is_no_percentage(self, owner, percent):
        response = owner.post(self.page(), typed(CashbackForm, percent=percent))
        assert response.context["form"].errors["percent"]
        assert not Program.objects.exists()

    def test_asks_before_it_gives_much_back(self, owner):
        response = owner.post(self.page(), typed(CashbackForm, percent="40"))
        assert "40" in text(response)
        assert not Program.objects.exists()
        owner.post(self.page(), typed(CashbackForm, percent="40", is_meant="on"))
        assert Rule.objects.get().versions.get().params["points"] == 40
