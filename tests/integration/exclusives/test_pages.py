"""What visitors see of a sale: its pages, the lock on lists and products, and how a lower price is told."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.signals import pre_save
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives.jobs import published
from loyalty_oscar.shop.pricing import history as past_prices
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.storefront import a_product, a_user, day, numbers, text_of

from .sales import ENDS_AT, GOLD, GOLD_FROM, PUBLIC_FROM, SILVER, a_member_of, a_sale, bought_before, searching_tables

pytestmark = pytest.mark.django_db
PAGE = "/loyalty/sales/trail/"


@pytest.fixture(autouse=True)
def listed():
    """Oscar's lists ask the demo shop's search, which finds what is in the tables."""
    with searching_tables():
        yield


def look(address, user=None, *, at):
    client = Client()
    if user:
        client.force_login(user)
    with clock.at(at):
        return client.get(address)


def hide(product):
    """Take it out of the shop, as staff do in the catalogue."""
    product.is_public = False
    product.save()


class TestTheListOfSales:
    def test_shows_who_gets_in_when(self, unit, carrier):
        a_sale(unit, carrier)
        assert "Gold from 9 May · Everyone from 11 May" in text_of(look("/loyalty/sales/", at=day(5, 6)))

    def test_says_whose_door_is_open(self, unit, carrier):
        a_sale(unit, carrier)
        gold = a_member_of(unit, GOLD)
        assert "Open for you" in text_of(look("/loyalty/sales/", gold, at=GOLD_FROM))
        assert "Open for you" not in text_of(look("/loyalty/sales/", at=GOLD_FROM))

    def test_keeps_hidden_ones_from_those_who_may_not_see_them(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE)
        assert "No sale is running" in text_of(look("/loyalty/sales/", at=GOLD_FROM))
        gold = a_member_of(unit, GOLD)
        assert "First on the trail" in text_of(look("/loyalty/sales/", gold, at=GOLD_FROM))

    def test_forgets_what_is_over(self, unit, carrier):
        a_sale(unit, carrier)
        assert "No sale is running" in text_of(look("/loyalty/sales/", at=ENDS_AT))


class TestThePageOfASale:
    def test_shows_a_lock_and_no_price_to_others(self, unit, carrier):
        a_sale(unit, carrier, quota=40, per_member=1)
        page = look(PAGE, a_member_of(unit, SILVER), at=day(5, 6))
        text = text_of(page)
        assert "Not open for you yet" in text
        assert "Opens for you on Monday 11 May That is in 4 days and 12 hours" in text
        assert "Saturday 9 May, 02:00 (CEST)" in text
        assert "Monday 11 May, 02:00 (CEST)" in text
        assert "57.90" not in text
        assert "/basket/add/" not in page.content.decode()
        assert numbers(page, "left") == [40]

    def test_shows_the_head_start_price_and_what_is_left_to_those_admitted(self, unit, carrier):
        a_sale(unit, carrier, quota=40, per_member=1, percent=20)
        gold = a_member_of(unit, GOLD)
        bought_before(gold)
        page = look(PAGE, gold, at=GOLD_FROM + timedelta(hours=10))
        text = text_of(page)
        assert "Your head start 1 day and 14 hours" in text
        assert "46.32" in text
        assert "40 of 40" in text
        assert "At most 1 for each member. We keep yours for 15 minutes" in text
        assert f"/basket/add/{carrier.pk}/" in page.content.decode()

    def test_promises_no_piece_before_the_order_to_whom_nobody_knows(self, unit, carrier):
        a_sale(unit, carrier, quota=40, per_member=1)
        for user in (None, a_member_of(unit, GOLD)):
            text = text_of(look(PAGE, user, at=PUBLIC_FROM))
            assert "At most 1 for each member." in text
            assert "We keep yours once you place the order, not before." in text

    def test_is_not_there_for_those_who_may_not_see_a_hidden_one(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE)
        gold, silver = a_member_of(unit, GOLD), a_member_of(unit, SILVER)
        assert look(PAGE, at=GOLD_FROM).status_code == 404
        assert look(PAGE, silver, at=GOLD_FROM).status_code == 404
        assert look(PAGE, gold, at=GOLD_FROM).status_code == 200
        assert look(PAGE, at=PUBLIC_FROM).status_code == 200

    def test_shows_a_hidden_product_to_those_who_may_see_the_sale_only(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE)
        carrier.is_public = False
        carrier.save()
        own = f"{PAGE}{carrier.pk}/"
        gold = a_member_of(unit, GOLD)
        assert own in look(PAGE, gold, at=GOLD_FROM).content.decode()
        shown = look(own, gold, at=GOLD_FROM)
        assert shown.status_code == 200
        assert f"/basket/add/{carrier.pk}/" in shown.content.decode()
        assert look(own, at=GOLD_FROM).status_code == 404
        other = a_product("Not in it")
        assert look(f"{PAGE}{other.pk}/", gold, at=GOLD_FROM).status_code == 404

    def test_does_not_show_what_was_taken_out_of_the_shop(self, unit, carrier):
        a_sale(unit, carrier)
        hide(carrier)
        gold = a_member_of(unit, GOLD)
        for user, at in ((None, day(5, 10)), (gold, GOLD_FROM), (None, PUBLIC_FROM)):
            assert "Explorer carrier" not in text_of(look(PAGE, user, at=at))
            assert look(f"{PAGE}{carrier.pk}/", user, at=at).status_code == 404

    def test_does_not_show_what_was_taken_out_of_a_hidden_sale_after_it_opened_to_all(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE)
        list(published(at=PUBLIC_FROM))
        hide(carrier)
        assert look(f"{PAGE}{carrier.pk}/", at=PUBLIC_FROM).status_code == 404

    @pytest.mark.parametrize("mode", Sale.Mode)
    def test_does_not_show_what_another_hidden_sale_keeps(self, unit, carrier, mode):
        silver = a_member_of(unit, SILVER)
        a_sale(unit, carrier, mode=Sale.Mode.HIDE)
        a_sale(unit, carrier, code="early", mode=mode, percent=10, doors=((SILVER, day(5, 10)),))
        hide(carrier)
        own = f"/loyalty/sales/early/{carrier.pk}/"
        assert look(own, silver, at=day(5, 6)).status_code == 404
        shown = look(own, silver, at=day(5, 10)).status_code
        assert shown == (200 if mode == Sale.Mode.HIDE else 404)

    def test_shows_staff_the_products_of_a_hidden_one_before(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE, is_on=False)
        hide(carrier)
        staff = a_user("staff@example.com")
        staff.is_staff = staff.is_superuser = True
        staff.save()
        assert look(f"{PAGE}{carrier.pk}/", staff, at=day(5, 1)).status_code == 200


class TestALockedProduct:
    def test_has_the_lock_in_the_place_of_price_button_and_earn_line(self, unit, carrier):
        a_sale(unit, carrier)
        for address in (carrier.get_absolute_url(), reverse("catalogue:index")):
            page = look(address, at=day(5, 6))
            text = text_of(page)
            assert "Gold from 9 May · Everyone from 11 May" in text
            assert "57.90" not in text
            assert "/basket/add/" not in page.content.decode()
            assert numbers(page, "earn") == []
            assert PAGE in page.content.decode()

    def test_looks_like_any_other_once_it_is_open(self, unit, carrier):
        a_sale(unit, carrier)
        text = text_of(look(carrier.get_absolute_url(), at=PUBLIC_FROM))
        assert "57.90" in text
        assert "Gold from" not in text


class TestALowerPrice:
    @pytest.fixture(autouse=True)
    def history(self, carrier):
        """It cost 49.90 once in April, and 57.90 since."""
        for minor, at in ((6290, day(3, 1)), (4990, day(4, 20)), (5790, day(4, 25))):
            past_prices.record(prices={(carrier.pk, "EUR", ""): minor}, at=at)

    def test_is_told_from_the_lowest_of_the_thirty_days_before(self, unit, carrier):
        a_sale(unit, carrier, percent=30)
        text = text_of(look(carrier.get_absolute_url(), a_member_of(unit, GOLD), at=GOLD_FROM))
        assert "40.53" in text
        assert "Sale −18 % Lowest price of the last 30 days: €49.90. The −18 % is counted from it." in text
        assert "Without this sale: €57.90" in text

    def test_has_no_percentage_where_it_is_no_lower_than_it_was(self, unit, carrier):
        a_sale(unit, carrier, percent=10)
        text = text_of(look(carrier.get_absolute_url(), a_member_of(unit, GOLD), at=GOLD_FROM))
        assert "52.11" in text
        assert "%" not in text.split("Lowest price")[0].split("52.11")[-1]
        assert "Lowest price of the last 30 days: €49.90" in text

    def test_is_told_without_it_where_the_store_says_so(self, unit, carrier, settings):
        settings.LOYALTY_LOWEST_PRICE = False
        a_sale(unit, carrier, percent=30)
        text = text_of(look(carrier.get_absolute_url(), a_member_of(unit, GOLD), at=GOLD_FROM))
        assert "Lowest price" not in text
        assert "Without this sale: €57.90" in text

    def test_costs_a_list_of_24_with_20_sales_and_member_prices_two_queries(self, unit, settings):
        settings.OSCAR_PRODUCTS_PER_PAGE = 24
        gold, products = a_member_of(unit, GOLD), [a_product(f"Toy {number}", "10.00") for number in range(24)]
        asked = {}
        for what in ("plain", "dear"):
            if what == "dear":
                for number in range(20):
                    a_sale(unit, products[number], code=f"sale-{number}", percent=number + 1)
                tier = Tier.objects.get(rank=SILVER)
                every = ProductSet.objects.get(code="sale-3")
                MemberPrice.objects.create(tier=tier, percent=15, starts_at=day(1, 1), is_on=True, product_set=every)
                MemberPrice.objects.create(tier=tier, percent=5, starts_at=day(1, 1), is_on=True)
                forget_cache()
            look(reverse("catalogue:index"), gold, at=GOLD_FROM)
            client = Client()
            client.force_login(gold)
            with (
                clock.at(GOLD_FROM),
                CaptureQueriesContext(
                    connection,
                ) as queries,
            ):
                page = client.get(reverse("catalogue:index"))
            asked[what] = len(queries)
        assert page.content.decode().count('data-loyalty="cut"') >= 20
        assert asked["dear"] - asked["plain"] <= 2


class TestTheNightlyWork:
    def test_shows_hidden_products_when_the_sale_opens_to_everybody(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE)
        carrier.is_public = False
        carrier.save()
        assert sum(published(at=PUBLIC_FROM - timedelta(seconds=1))) == 0
        carrier.refresh_from_db()
        assert not carrier.is_public
        assert sum(published(at=PUBLIC_FROM)) == 1
        carrier.refresh_from_db()
        assert carrier.is_public
        assert sum(published(at=PUBLIC_FROM)) == 0

    def test_writes_nothing_else_of_a_product_that_somebody_is_editing(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE, ends_at=None)
        hide(carrier)
        before = type(carrier).objects.get().date_updated

        def edit(sender, instance, **kwargs):
            sender.objects.filter(pk=instance.pk).update(title="Carrier, mended")

        pre_save.connect(edit, sender=type(carrier))
        try:
            assert sum(published(at=PUBLIC_FROM)) == 1
        finally:
            pre_save.disconnect(edit, sender=type(carrier))
        carrier.refresh_from_db()
        assert (carrier.title, carrier.is_public) == ("Carrier, mended", True)
        assert carrier.date_updated > before

    def test_shows_them_once_and_leaves_hidden_what_staff_hide_later(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE, ends_at=None)
        hide(carrier)
        assert sum(published(at=PUBLIC_FROM)) == 1
        hide(carrier)
        assert sum(published(at=PUBLIC_FROM + timedelta(days=200))) == 0
        carrier.refresh_from_db()
        assert not carrier.is_public

    def test_shows_them_again_when_the_sale_opens_to_everybody_on_a_later_day(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE, ends_at=None)
        hide(carrier)
        assert sum(published(at=PUBLIC_FROM)) == 1
        sale = Sale.objects.get()
        sale.public_from = PUBLIC_FROM + timedelta(days=30)
        sale.save()
        hide(carrier)
        assert sum(published(at=PUBLIC_FROM + timedelta(days=29))) == 0
        assert sum(published(at=PUBLIC_FROM + timedelta(days=30))) == 1

    def test_waits_for_a_sale_that_has_no_products_yet(self, unit, carrier):
        a_sale(unit, mode=Sale.Mode.HIDE)
        hide(carrier)
        assert sum(published(at=PUBLIC_FROM)) == 0
        get_model("offer", "Range").objects.get(name="trail").add_product(carrier)
        forget_cache()
        assert sum(published(at=PUBLIC_FROM)) == 1
