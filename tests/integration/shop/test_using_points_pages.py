"""Using points on the pages of the shop, as a browser without JavaScript does it: one POST, and back to the page."""

import re
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core import mail
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Hold
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.redemption.rules import Worth
from loyalty_oscar.shop.redemption.offer import our_offers
from loyalty_oscar.shop.redemption.storefront import suggestion
from loyalty_oscar.testing import clock
from tests.orders import Order
from tests.points import a_member_with, give, points_club
from tests.storefront import TODAY, a_basket, a_product, a_user, numbers, send_back, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
ROOT = Path(__file__).resolve().parents[3]
BASKET = reverse("basket:summary")


@pytest.fixture
def boris(client):
    """A signed-in member with 1,250 paws ready and goods for 84.20 in the basket."""
    user = a_member_with(1250, points_club())
    a_basket(user, (a_product(price="42.10"), 2))
    client.force_login(user)
    return user


def choose(client, **fields):
    """Send a form of the control and look at the page that it leads to."""
    answer = client.post(reverse("loyalty:use-points"), {"next": BASKET, **fields})
    assert answer.status_code == 302
    assert answer["Location"].endswith("#points")
    return client.get(answer["Location"])


def run_out():
    """The sweep gives back what is set aside, long after."""
    hold = Hold.objects.get(state=Hold.State.OPEN)
    ledger.release(hold_id=hold.pk, account_id=hold.account_id, because=Because("hold_ran_out"), at=TODAY)


def preview(client):
    """Go through the checkout to the preview."""
    country = factories.CountryFactory(iso_3166_1_a2="GB", is_shipping_country=True)
    address = {
        "first_name": "Boris", "last_name": "W", "line1": "1 Egg Road", "line4": "London", "postcode": "N1 9RT",
        "country": country.pk,
    }  # fmt: skip
    client.post(reverse("checkout:shipping-address"), address)
    client.get(reverse("checkout:shipping-method"))
    return client.get(reverse("checkout:preview"))


def place(client, **fields):
    return client.post(reverse("checkout:preview"), {"action": "place_order", **fields})


def check_out(client):
    """Go through the checkout to the page that says thank you."""
    preview(client)
    assert place(client)["Location"] == reverse("checkout:thank-you")
    return client.get(reverse("checkout:thank-you"))


def basket_of(user):
    return get_model("basket", "Basket").objects.get(owner=user)


def pressed(page):
    """The words of the button that is pressed."""
    found = re.findall(r'aria-pressed="true">([^<]*)<', page.content.decode())
    return [words.replace("\xa0", " ").replace("\u2060", "") for words in found]


class TestTheControl:
    def test_offers_a_round_number_first(self, client, boris):
        page = client.get(BASKET)
        said = text_of(page)
        assert "You have 1,250 paws ready = €12.50" in said
        assert "Use 500 paws: −€5.00" in said
        assert "You use none. You have 1,250 ready." in said
        assert pressed(page) == ["None"]
        assert numbers(page, "points") == [0]

    def test_says_what_is_used_saved_and_left(self, client, boris):
        page = choose(client, use="500")
        said = text_of(page)
        assert "You use 500 paws. Saves €5.00, leaves 750 paws (€7.50)." in said
        assert "You have 750 paws ready = €7.50 500 paws in this basket" in said
        assert "500 paws used" in said
        assert pressed(page) == ["Use 500 paws: −€5.00"]
        assert numbers(page, "points") == [500]

    def test_gives_everything_back(self, client, boris):
        choose(client, use="500")
        page = choose(client, use="none")
        assert "You use none. You have 1,250 ready." in text_of(page)
        assert not Hold.objects.filter(state=Hold.State.OPEN).exists()

    def test_uses_all(self, client, boris):
        page = choose(client, use="all")
        assert "You use 1,250 paws. Saves €12.50, leaves 0 paws (€0.00)." in text_of(page)
        assert pressed(page) == ["Use all (1,250): −€12.50"]

    def test_takes_a_number_of_one_s_own(self, client, boris):
        page = choose(client, points="730")
        assert "You use 730 paws. Saves €7.30, leaves 520 paws (€5.20)." in text_of(page)
        assert 'name="points" value="730"' in page.content.decode()
        assert pressed(page) == []

    def test_says_why_less_is_used_than_asked(self, client):
        user = a_user()
        give(user, 1250, points_club())
        a_basket(user, (a_product(price="11.80"), 1))
        client.force_login(user)
        said = text_of(choose(client, use="all"))
        assert "1,180 of 1,250 paws used. Saves €11.80, leaves 70 paws (€0.70)." in said
        assert "Paws can pay for your goods, here €11.80, never for delivery." in said

    @pytest.mark.parametrize(
        ("language", "typed"),
        [("en", "1,000"), ("en", "1 000"), ("de", "1.000"), ("pl", "1\u00a0000"), ("en", "1000")],
    )
    def test_takes_a_number_as_the_page_writes_it(self, client, boris, language, typed):
        client.cookies["django_language"] = language
        assert numbers(choose(client, points=typed), "points") == [1000]

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            ("1400", "You have 1,250 paws. Choose a number up to 1,250."),
            ("10,00", "Enter a whole number, 0 for none."),
            ("1.000", "Enter a whole number, 0 for none."),
            ("-5", "Enter a whole number, 0 for none."),
            ("", "Enter a whole number, 0 for none."),
            ("٥٠٠", "Enter a whole number, 0 for none."),
            ("1234567890", "Enter a whole number, 0 for none."),
        ],
    )
    def test_says_under_the_field_what_is_not_possible_and_changes_nothing(self, client, boris, typed, words):
        choose(client, use="500")
        before = Entry.objects.count()
        page = choose(client, points=typed)
        assert words in text_of(page)
        field = re.search(r'<input[^>]*name="points"[^>]*>', page.content.decode())[0]
        assert f'value="{typed}"' in field
        assert 'aria-invalid="true" aria-describedby="points-error"' in field
        assert numbers(page, "points") == [500]
        assert Entry.objects.count() == before
        assert words not in text_of(client.get(BASKET))

    def test_says_what_is_to_be_made_up(self, client):
        user, unit = a_user(), points_club()
        account = give(user, 100, unit)
        Account.objects.filter(pk=account.pk).update(available=0, debt=40)
        a_basket(user, (a_product(), 1))
        client.force_login(user)
        page = client.get(BASKET)
        assert "40 paws to go, then you can use yours again. See why" in text_of(page)
        assert 'name="use"' not in page.content.decode()

    def test_says_that_the_program_pauses(self, client, boris):
        change_state(program=Program.objects.get(), to=State.PAUSED, actor="system", at=TODAY)
        forget_cache()
        page = client.get(BASKET)
        assert "Paws cannot be used at the moment. What you have stays yours." in text_of(page)
        assert 'name="use"' not in page.content.decode()

    def test_refuses_when_the_last_day_of_a_closing_program_is_over(self, client, boris):
        change_state(program=Program.objects.get(), to=State.CLOSING, actor="system", at=TODAY, earning_ends_at=TODAY)
        forget_cache()
        with clock.at(TODAY + timedelta(days=89)):
            assert numbers(choose(client, use="500"), "points") == [500]
            choose(client, use="none")
        before = Entry.objects.count()
        with clock.at(TODAY + timedelta(days=91)):
            page = choose(client, use="500")
            assert "Nothing can be used at the moment." in text_of(page)
            assert numbers(page, "points") == [0]
        assert Entry.objects.count() == before

    def test_suggests_what_the_basket_takes_and_the_merchant_allows(self):
        suggest = partial(suggestion, brings=Worth(points=100, minor=100, currency="EUR").of)
        assert suggest(ready=1250, most=8420, terms=UseTerms()) == 500
        assert suggest(ready=1250, most=180, terms=UseTerms()) == 100
        assert suggest(ready=1250, most=8420, terms=UseTerms(step=300)) == 0
        assert suggest(ready=1250, most=8420, terms=UseTerms(minimum=600)) == 0
        assert suggest(ready=5, most=8420, terms=UseTerms()) == 2
        assert suggest(ready=1, most=8420, terms=UseTerms()) == 0


class TestWhatRanOut:
    def test_is_said_at_the_next_page_with_a_button_to_do_it_again(self, client, boris):
        choose(client, use="500")
        run_out()
        page = client.get(BASKET)
        said = text_of(page)
        assert "You have your 500 paws back. They were set aside for 30 minutes." in said
        assert "Your basket costs €84.20 again." in said
        assert page.content.decode().count('name="use" value="500"') == 2
        assert "You have your" not in text_of(client.get(BASKET))
        assert "You have your" not in text_of(choose(client, use="500"))

    def test_is_not_called_ready_where_it_went_with_goods_that_were_returned(self, client, boris):
        choose(client, use="all")
        ledger.claw_back(
            account_id=Account.objects.get().pk, source="gift", points=1000, key="test:claw",
            because=Because("goodwill"), at=TODAY,
        )  # fmt: skip
        run_out()
        said = text_of(client.get(BASKET))
        assert "We no longer set aside your 1,250 paws. Your basket costs €84.20 again." in said
        assert "You have 250 paws ready" in said

    def test_is_not_said_of_points_that_were_given_back(self, client, boris):
        choose(client, use="500")
        assert "You have your" not in text_of(choose(client, use="none"))

    def test_is_not_said_of_points_that_went_into_an_order(self, client, boris):
        choose(client, use="500")
        check_out(client)
        a_basket(boris, (a_product(), 1))
        assert "You have your" not in text_of(client.get(BASKET))


class TestTheCheckout:
    def test_shows_the_control_above_its_totals(self, client, boris):
        choose(client, use="500")
        page = preview(client)
        said = page.content.decode()
        assert said.index('id="points"') < said.index("500\xa0paws used")
        assert f'name="next" value="{reverse("checkout:preview")}"' in said
        assert '<input type="hidden" name="loyalty-shown" value="500">' in said
        assert 'id="points"' in client.get(reverse("checkout:payment-details")).content.decode()

    def test_takes_the_order_for_what_was_shown(self, client, boris):
        choose(client, use="500")
        page = check_out(client)
        said = text_of(page)
        assert "You used 500 paws That took €5.00 off your goods. You still have 750 paws ready." in said
        assert "Discount 500 paws used - €5.00" in said
        order = Order.objects.get()
        assert order.basket_total_incl_tax == Decimal("79.20")
        assert [(row.offer_name, row.message, row.amount) for row in order.discounts.all()] == [
            ("500\xa0paws used", "", Decimal("5.00"))
        ]
        own = text_of(client.get(reverse("customer:order", kwargs={"order_number": order.number})))
        assert own.count("500 paws used") == 1
        letter = next(one for one in mail.outbox if order.number in one.subject)
        for text in (letter.body, letter.alternatives[0][0]):
            assert "500 paws used: \N{MINUS SIGN}€5.00, taken off the prices above." in text.replace("\xa0", " ")
            assert order.number in text

    def test_never_takes_more_than_was_shown_when_what_was_set_aside_ran_out(self, client, boris):
        choose(client, use="500")
        preview(client)
        run_out()
        answer = place(client)
        assert (answer.status_code, answer["Location"]) == (302, f"{reverse('checkout:preview')}#points")
        assert not Order.objects.exists()
        assert "You have your 500 paws back." in text_of(client.get(reverse("checkout:preview")))
        assert place(client)["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().basket_total_incl_tax == Decimal("84.20")

    def test_takes_no_payment_when_points_go_after_it_was_sent_and_before_the_payment_begins(
        self, client, boris, monkeypatch
    ):
        view, paid = get_class("checkout.views", "PaymentDetailsView"), []
        monkeypatch.setattr(view, "handle_payment", lambda self, *args, **kwargs: paid.append(args))
        choose(client, use="500")
        preview(client)
        with monkeypatch.context() as meanwhile:
            real = view.generate_order_number
            meanwhile.setattr(view, "generate_order_number", lambda self, basket: (run_out(), real(self, basket))[1])
            answer = place(client)
        assert answer["Location"] == f"{reverse('checkout:preview')}#points"
        assert (paid, Order.objects.count(), basket_of(boris).status) == ([], 0, "Open")
        said = text_of(client.get(reverse("checkout:preview")))
        assert "Nothing is set aside for this basket any more. Please look at the total." in said
        assert place(client)["Location"] == reverse("checkout:thank-you")
        assert Order.objects.get().basket_total_incl_tax == Decimal("84.20")
        assert len(paid) == 1

    def test_goes_on_when_nobody_could_look_once_more(self, client, boris, monkeypatch):
        monkeypatch.setattr("loyalty_oscar.shop.redemption.freezing._is_short", lambda applied: 1 / 0)
        choose(client, use="500")
        check_out(client)
        assert Order.objects.get().basket_total_incl_tax == Decimal("79.20")

    def test_never_takes_more_than_this_tab_showed_when_another_tab_used_less(self, client, boris):
        choose(client, use="500")
        preview(client)
        choose(client, use="200")
        answer = place(client, **{"loyalty-shown": "500"})
        assert answer["Location"] == f"{reverse('checkout:preview')}#points"
        assert not Order.objects.exists()
        said = text_of(client.get(reverse("checkout:preview")))
        assert "Please look at your total again. Paws: €2.00 off now, not €5.00. Your basket costs €82.20." in said
        assert place(client, **{"loyalty-shown": "200"})["Location"] == reverse("checkout:thank-you")

    def test_never_takes_another_basket_for_the_one_that_this_tab_showed(self, client, boris):
        choose(client, use="500")
        preview(client)
        assert place(client, **{"loyalty-shown": "500"})["Location"] == reverse("checkout:thank-you")
        a_basket(boris, (a_product(price="42.10"), 1))
        preview(client)
        answer = place(client, **{"loyalty-shown": "500"})
        assert answer["Location"] == f"{reverse('checkout:preview')}#points"
        assert Order.objects.count() == 1

    def test_asks_to_look_again_where_nobody_can_use_points_any_more(self, client, boris):
        choose(client, use="500")
        preview(client)
        UseTerms.objects.update(is_on=False)
        forget_cache()
        assert place(client, **{"loyalty-shown": "500"})["Location"] == f"{reverse('checkout:preview')}#points"
        assert not Order.objects.exists()
        assert "Please look at your total again." in text_of(client.get(reverse("checkout:preview")))

    def test_lets_the_first_steps_pass(self, client, boris):
        choose(client, use="500")
        run_out()
        answer = client.post(reverse("checkout:shipping-address"), {"action": "ship_to"})
        assert "#points" not in answer.get("Location", "")

    def test_keeps_points_set_aside_while_the_customer_is_at_work(self, client, boris):
        choose(client, use="500")
        with clock.at(TODAY + timedelta(minutes=20)):
            client.get(reverse("checkout:shipping-address"))
            assert Hold.objects.get().expires_at == TODAY + timedelta(minutes=30)
            client.post(reverse("checkout:shipping-address"), {})
        assert Hold.objects.get().expires_at == TODAY + timedelta(minutes=50)

    def test_leaves_alone_who_uses_no_points(self, client, boris):
        client.get(BASKET)
        client.post(reverse("checkout:shipping-address"), {})
        assert "loyalty_points" not in client.session

    def test_works_under_an_async_server(self, boris):
        async def journey():
            client = AsyncClient()
            await client.aforce_login(boris)
            await client.post(reverse("loyalty:use-points"), {"use": "500"})
            await sync_to_async(run_out)()
            return await client.post(reverse("checkout:preview"), {"action": "place_order"})

        answer = async_to_sync(journey)()
        assert answer["Location"] == f"{reverse('checkout:preview')}#points"


class TestAShopWithoutTheOffer:
    """Its limits are there, but nothing among Oscar's offers takes points off: staff deleted or suspended it."""

    @pytest.mark.parametrize("how", ["deleted", "suspended"])
    def test_says_that_points_cannot_be_used_and_lets_them_be_given_back(self, client, boris, how):
        our_offers().delete() if how == "deleted" else our_offers().update(status="Suspended")
        choose(client, use="all")
        page = client.get(BASKET).content.decode()
        assert "Paws cannot be used at the moment. What you have stays yours." in page
        assert "0 of 1,250" not in page
        assert 'value="all"' not in page
        choose(client, use="none")
        assert "1,250\xa0paws</strong> ready" in client.get(BASKET).content.decode()


class TestTheCost:
    @pytest.fixture
    def count(self, client):
        """How many statements a page takes once everything is remembered that may be."""

        def counted(address):
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            return len(queries)

        return counted

    def test_is_nothing_for_strangers(self, client, count):
        product = a_product()
        points_club()
        client.post(reverse("basket:add", kwargs={"pk": product.pk}), {"quantity": 1})
        with_us = count(BASKET)
        UseTerms.objects.all().delete()
        our_offers().delete()
        forget_cache()
        assert count(BASKET) == with_us

    def test_is_one_statement_a_page_against_the_same_visit_without_any_discount(self, client, boris, count):
        pages = (BASKET, reverse("checkout:preview"))
        choose(client, use="500")
        preview(client)
        used = [count(page) for page in pages]
        choose(client, use="none")
        unused = [count(page) for page in pages]
        our_offers().delete()
        UseTerms.objects.all().delete()
        forget_cache()
        without = [count(page) for page in pages]
        assert [more - less for more, less in zip(used, without, strict=True)] == [1, 0]
        assert [more - less for more, less in zip(unused, without, strict=True)] == [1, 1]


class TestWhoHasNoControl:
    @pytest.mark.parametrize("why", ["stranger", "no member", "no limits", "empty basket", "nothing ready"])
    def test_sees_no_trace_of_it(self, client, why):
        unit, user = points_club(), a_user()
        if why not in ("no member", "nothing ready"):
            give(user, 100, unit)
        if why == "nothing ready":
            ledger.open_account(member=join(program=unit.program, user_id=user.pk, at=TODAY), unit=unit)
        if why == "no limits":
            UseTerms.objects.all().delete()
        product = a_product()
        if why != "stranger":
            client.force_login(user)
        if why != "empty basket":
            client.post(reverse("basket:add", kwargs={"pk": product.pk}), {"quantity": 1})
        said = client.get(BASKET).content.decode()
        assert "points.js" not in said
        assert 'id="points"' not in said
        assert "loyalty_points" not in client.session

    def test_is_sent_to_log_in_and_back(self, client):
        points_club()
        answer = client.post(reverse("loyalty:use-points"), {"use": "500", "next": BASKET})
        assert answer["Location"] == f"{reverse('customer:login')}?next={BASKET}"
        assert not Hold.objects.exists()

    def test_is_not_found_without_an_account(self, client):
        points_club()
        client.force_login(a_user())
        assert client.post(reverse("loyalty:use-points"), {"use": "500"}).status_code == 404

    def test_is_never_led_to_another_host(self, client, boris):
        for there in ("https://evil.example/", "//evil.example/", "javascript:alert(1)", "//[#", ""):
            answer = client.post(reverse("loyalty:use-points"), {"use": "none", "next": there})
            assert answer["Location"] == f"{BASKET}#points"

    def test_cannot_use_points_by_a_link_or_from_a_foreign_page(self, boris):
        client = Client(enforce_csrf_checks=True)
        client.force_login(boris)
        assert client.get(reverse("loyalty:use-points"), {"use": "500"}).status_code == 405
        assert client.post(reverse("loyalty:use-points"), {"use": "500"}).status_code == 403
        assert not Hold.objects.exists()


class TestTheAccountPage:
    def test_says_what_is_set_aside_and_leads_to_the_basket(self, client, boris):
        choose(client, use="500")
        page = client.get(reverse("loyalty:overview"))
        assert numbers(page, "reserved") == [500]
        assert "500 paws set aside for your basket Use in my basket" in text_of(page)
        assert f'href="{BASKET}#points"' in page.content.decode()

    def test_tells_what_was_used_and_what_came_back(self, client, boris):
        choose(client, use="500")
        check_out(client)
        order = Order.objects.get()
        with clock.at(TODAY + timedelta(days=1)):
            send_back(order, 1, on=TODAY + timedelta(days=1))
            page = client.get(reverse("loyalty:overview"))
        said = text_of(page)
        assert f"Used for order {order.number}" in said
        assert f"Came back with goods of order {order.number}" in said
        assert "\N{MINUS SIGN}500" in said
        assert "+250" in said
        assert numbers(page, "reserved") == []
        assert "Use in my basket" not in said


class TestAShopWithoutTheFeature:
    def test_has_no_address_and_no_control_of_it(self):
        """In an interpreter of its own: what is installed is decided once."""
        code = """
import django
from django.conf import settings
from django.urls import NoReverseMatch, reverse
from tests import settings as full
given = {name: getattr(full, name) for name in dir(full) if name.isupper()}
given["INSTALLED_APPS"] = [app for app in full.INSTALLED_APPS if "redemption" not in app]
settings.configure(**given)
django.setup()
from django.core.management import call_command
from loyalty_oscar.program import contributions
call_command("check")
assert reverse("loyalty:overview")
assert not [place for place in contributions.PLACES if "redemption" in contributions.at(place.name)]
try:
    print(reverse("loyalty:use-points"))
except NoReverseMatch:
    print("no address")
"""
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
        assert said.stdout.endswith("no address\n"), said.stderr

    @pytest.mark.parametrize("points", [0, 500])
    def test_of_an_order_is_one_look_and_none_for_its_mail(self, client, boris, points):
        if points:
            choose(client, use=str(points))
        preview(client)
        with CaptureQueriesContext(connection) as queries:
            assert client.post(reverse("checkout:preview"), {"action": "place_order"}).status_code == 302
        said = [query["sql"] for query in queries if 'FROM "loyalty_redemption_redemption"' in query["sql"]]
        assert len(said) == 1, "\n".join(said)
        assert ("paws used" in mail.outbox[-1].body) is bool(points)
