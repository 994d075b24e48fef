"""What a member's orders say of points: history, detail, confirmation, and the reviews that they ask for."""

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_class, get_model

from loyalty_oscar.shop.earning.orders import in_mail
from loyalty_oscar.testing import clock
from tests.integration.journeys.deeds import a_campaign
from tests.storefront import (
    TODAY,
    a_club,
    a_product,
    a_user,
    arrive,
    buy,
    day,
    numbers,
    ripen,
    send_back,
    text_of,
    variants,
)

pytestmark = pytest.mark.django_db
HISTORY = reverse("customer:order-list")
Review = get_model("reviews", "ProductReview")


def seen(user, address):
    client = Client()
    client.force_login(user)
    with clock.at(TODAY):
        response = client.get(address)
    assert response.status_code == 200
    return response


def page_of(order):
    return seen(order.user, reverse("customer:order", args=[order.number]))


class TestTheOrderPage:
    def test_says_what_it_brings_and_when_with_the_why(self):
        a_club()
        response = page_of(buy(a_user(), (a_product(), 1), on=day(5, 1)))
        assert "What this order brings +24 paws, ready 14 days after delivery. Why 24?" in text_of(response)
        assert numbers(response, "earn") == [24]

    def test_names_the_day_once_it_is_known_and_that_it_was(self):
        a_club()
        order = arrive(buy(a_user(), (a_product(), 1), on=day(4, 28)), on=day(4, 29))
        assert "+24 paws, ready on 13 May 2026." in text_of(page_of(order))
        past = arrive(buy(order.user, (a_product(), 1), on=day(3, 1)), on=day(3, 2))
        ripen(on=day(4, 1))
        assert "+24 paws, ready since 16 March 2026." in text_of(page_of(past))

    def test_says_what_is_left_after_a_return_and_nothing_after_all_went_back(self):
        a_club()
        order = arrive(buy(a_user(), (a_product(price="10.00"), 3), on=day(4, 28)), on=day(4, 29))
        send_back(order, 1, on=day(5, 1))
        assert "+20 paws" in text_of(page_of(order))
        send_back(order, 2, on=day(5, 2))
        assert "What this order brings" not in text_of(page_of(order))

    def test_says_nothing_to_who_is_no_member(self):
        unit = a_club(enrolment="opt-in")
        assert "What this order brings" not in text_of(page_of(buy(a_user(), (a_product(), 1), on=day(5, 1))))
        assert unit.program.name == "Paw Club"


class TestTheOrderHistory:
    def test_says_of_each_order_what_it_brings(self):
        a_club()
        user = a_user()
        first = arrive(buy(user, (a_product(), 1), on=day(4, 28)), on=day(4, 29))
        second = buy(user, (a_product(price="6.00"), 1), on=day(5, 5))
        said = text_of(seen(user, HISTORY))
        assert f"Order {first.number} +24 paws, ready on 13 May 2026." in said
        assert f"Order {second.number} +6 paws, ready 14 days after delivery." in said

    def test_says_nothing_of_an_order_that_brings_nothing(self):
        a_club()
        user = a_user()
        buy(user, (a_product(price="0.50"), 1), on=day(5, 1))
        assert "What these orders bring" not in text_of(seen(user, HISTORY))

    def test_asks_once_for_all_of_them(self):
        a_club()
        user, thing = a_user(), a_product()

        def asked():
            client = Client()
            client.force_login(user)
            with clock.at(TODAY):
                client.get(HISTORY)
                with CaptureQueriesContext(connection) as found:
                    client.get(HISTORY)
            return [query["sql"] for query in found if "earning_award" in query["sql"]]

        buy(user, (thing, 1), on=day(5, 1))
        assert len(asked()) == 1
        for number in range(2, 6):
            buy(user, (thing, 1), on=day(5, number))
        assert len(asked()) == 1


class TestTheConfirmation:
    def test_says_what_the_order_brings(self, rf):
        a_club()
        order = buy(a_user(), (a_product(), 1), on=day(5, 1))
        with clock.at(day(5, 1)):
            get_class("order.utils", "OrderDispatcher")().send_order_placed_email_for_user(order, {"order": order})
        assert "What this order brings: +24 paws, ready 14 days after delivery." in (
            mail.outbox[-1].body.replace("\xa0", " ")
        )

    def test_is_asked_for_once_for_both_bodies_and_says_names_as_they_are_written(self):
        unit = a_club()
        unit.names = {"en": {"one": "Frida's <i>paw</i>", "other": "Frida's <i>paws</i>"}}
        unit.save()
        order = buy(a_user(), (a_product(), 1), on=day(5, 1))
        dispatcher = get_class("order.utils", "OrderDispatcher")()
        with clock.at(day(5, 1)), CaptureQueriesContext(connection) as found:
            dispatcher.send_order_placed_email_for_user(order, {"order": order})
        assert len([query for query in found if "earning_award" in query["sql"]]) == 1
        said, (html, _kind) = mail.outbox[-1].body.replace("\xa0", " "), mail.outbox[-1].alternatives[0]
        assert "+24 Frida's <i>paws</i>, ready 14 days after delivery." in said
        assert "+24 Frida&#x27;s &lt;i&gt;paws&lt;/i&gt;, ready 14 days" in html.replace("\xa0", " ")

    def test_says_nothing_to_a_guest(self):
        a_club()
        order = buy(a_user(), (a_product(), 1), on=day(5, 1))
        order.user = None
        assert in_mail(subject=order) is None


class TestTheReviewPrompt:
    @pytest.fixture
    def unit(self):
        unit = a_club()
        a_campaign(unit, "review", points=25)
        return unit

    def test_stands_beside_what_arrived_with_what_it_brings(self, unit):
        bed = a_product("Bed")
        order = arrive(buy(a_user(), (bed, 1), on=day(4, 28)), on=day(4, 29))
        response = page_of(order)
        assert "How was it? 25 paws for each review Bed Write a review : Bed" in text_of(response)
        address = reverse("catalogue:reviews-add", kwargs={"product_slug": bed.slug, "product_pk": bed.pk})
        assert f'href="{address}#addreview"' in response.content.decode()

    def test_asks_for_the_thing_once_whatever_its_variants(self, unit):
        toy = variants("5.00", "7.00")
        order = arrive(buy(a_user(), *((one, 1) for one in toy.children.all()), on=day(4, 28)), on=day(4, 29))
        assert text_of(page_of(order)).count("Write a review : Rope toy") == 1

    def test_is_not_there_before_it_arrived_nor_once_it_is_reviewed(self, unit):
        bed = a_product("Bed")
        order = buy(a_user(), (bed, 1), on=day(4, 28))
        assert "How was it?" not in text_of(page_of(order))
        arrive(order, on=day(4, 29))
        Review.objects.create(product=bed, user=order.user, title="Good", body="Very", score=5)
        assert "How was it?" not in text_of(page_of(order))

    @pytest.mark.parametrize(("gone", "asked"), [(0, True), (1, True), (2, False)])
    def test_asks_only_for_what_was_kept(self, unit, gone, asked):
        bed, mat = a_product("Bed"), a_product("Mat")
        order = arrive(buy(a_user(), (bed, 2), (mat, 1), on=day(4, 28)), on=day(4, 29))
        if gone:
            send_back(order, gone, on=day(4, 30))
        said = text_of(page_of(order))
        assert "Write a review : Mat" in said
        assert ("Write a review : Bed" in said) is asked

    def test_is_not_there_where_reviews_bring_nothing(self):
        a_club()
        order = arrive(buy(a_user(), (a_product("Bed"), 1), on=day(4, 28)), on=day(4, 29))
        assert "How was it?" not in text_of(page_of(order))

    def test_says_on_the_form_what_it_brings(self, unit):
        bed, user = a_product("Bed"), a_user()
        address = reverse("catalogue:reviews-add", kwargs={"product_slug": bed.slug, "product_pk": bed.pk})
        said = text_of(seen(user, address))
        assert "25 paws for reviewing something you bought. Stars don’t matter." in said
