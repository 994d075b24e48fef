"""The lower price earlier for some, while everybody else buys at the normal price."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import dates_of
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from tests.storefront import a_user, buy, text_of

from .sales import BRONZE, ENDS_AT, GOLD, GOLD_FROM, PUBLIC_FROM, SILVER, a_member_of, a_sale, offered
from .test_pages import listed, look  # noqa: F401  (lists find what is in the tables)
from .test_selling import place

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
PAGE = "/loyalty/sales/trail/"


@pytest.fixture
def sale(unit, carrier):
    """20 % off the carrier: Gold from 9 May, everyone from 11 May, over on 17 May."""
    return a_sale(unit, carrier, percent=20, mode="open")


class TestTheNormalPriceMeanwhile:
    @pytest.mark.parametrize(
        ("rank", "at", "price"),
        [
            (GOLD, GOLD_FROM - SECOND, "57.90"),
            (GOLD, GOLD_FROM, "46.32"),
            (SILVER, GOLD_FROM, "57.90"),
            (BRONZE, PUBLIC_FROM - SECOND, "57.90"),
            (None, PUBLIC_FROM - SECOND, "57.90"),
            (BRONZE, PUBLIC_FROM, "46.32"),
            (None, PUBLIC_FROM, "46.32"),
            (GOLD, ENDS_AT - SECOND, "46.32"),
            (GOLD, ENDS_AT, "57.90"),
            (None, ENDS_AT, "57.90"),
        ],
    )
    def test_ends_to_the_second_for_each(self, unit, carrier, sale, rank, at, price):
        user = None if rank is None else a_member_of(unit, rank)
        with clock.at(at):
            found = offered(carrier, user)
        assert str(found.price.incl_tax) == price
        assert found.availability.is_available_to_buy

    @pytest.mark.parametrize("rank", [GOLD, SILVER, None])
    def test_is_on_the_list_the_page_and_in_the_basket(self, unit, carrier, sale, rank):
        client, price = Client(), "46.32" if rank == GOLD else "57.90"
        if rank:
            client.force_login(a_member_of(unit, rank))
        with clock.at(GOLD_FROM):
            for address in ("/catalogue/", carrier.get_absolute_url()):
                assert f"€{price}" in text_of(client.get(address))
            client.post(f"/basket/add/{carrier.pk}/", {"quantity": 1})
            basket = client.get("/basket/")
        assert str(basket.context["basket"].total_incl_tax) == price

    def test_lets_everybody_order_and_takes_no_piece(self, unit, carrier, sale):
        for user in (a_member_of(unit, SILVER), a_member_of(unit, GOLD)):
            assert place(user, (carrier, 3), at=GOLD_FROM).pk

    def test_opens_nothing_that_another_sale_keeps_closed(self, unit, carrier, sale):
        a_sale(unit, carrier, code="locked", doors=[(GOLD, PUBLIC_FROM)], public_from=ENDS_AT)
        forget_cache()
        with clock.at(GOLD_FROM):
            assert not offered(carrier, a_member_of(unit, GOLD)).availability.is_available_to_buy

    def test_stays_with_an_order_that_was_placed_at_it(self, unit, carrier, sale):
        order = buy(a_member_of(unit, SILVER), (carrier, 1), on=PUBLIC_FROM - SECOND)
        with clock.at(PUBLIC_FROM):
            order.refresh_from_db()
            assert str(order.lines.get().unit_price_incl_tax) == "57.90"

    def test_contradicts_no_other_sale(self, unit, carrier, sale):
        other = a_sale(unit, carrier, code="locked", doors=[(BRONZE, GOLD_FROM)], public_from=ENDS_AT)
        one, two = dates_of(sale=sale), dates_of(sale=other)
        for pair in ((one, two), (two, one)):
            assert rules.clashes(one=pair[0], other=pair[1], at=GOLD_FROM - SECOND) == []


class TestWhatPagesSayOfIt:
    def test_is_what_gold_pays_where_others_read_it(self, unit, carrier, sale):
        address, silver = carrier.get_absolute_url(), a_member_of(unit, SILVER)
        said = "€46.32 for Gold, for everyone from 11 May"
        for user in (None, silver):
            assert said not in text_of(look(address, user, at=GOLD_FROM - SECOND))
            assert said in text_of(look(address, user, at=GOLD_FROM))
            assert said in text_of(look(address, user, at=PUBLIC_FROM - SECOND))
            assert said not in text_of(look(address, user, at=PUBLIC_FROM))
        assert said not in text_of(look(address, a_member_of(unit, GOLD), at=GOLD_FROM))

    def test_is_until_its_last_day_where_it_never_opens_to_all(self, unit, carrier, sale):
        Sale.objects.update(public_from=None, ends_at=datetime(2026, 5, 16, 22, tzinfo=UTC))
        forget_cache()
        address = carrier.get_absolute_url()
        assert "€46.32 for Gold until 16 May" in text_of(look(address, at=GOLD_FROM))
        with clock.at(datetime(2026, 5, 16, 22, tzinfo=UTC)):
            assert str(offered(carrier, a_member_of(unit, GOLD)).price.incl_tax) == "57.90"

    def test_is_nothing_where_the_store_tells_no_prices_of_the_club(self, unit, carrier, sale, settings):
        settings.LOYALTY_TEASERS = ("header",)
        assert "for Gold" not in text_of(look(carrier.get_absolute_url(), at=GOLD_FROM))

    def test_on_the_page_of_the_sale_is_price_button_and_date(self, unit, carrier, sale):
        said = look(PAGE, a_member_of(unit, SILVER), at=GOLD_FROM)
        text = text_of(said)
        assert "At the normal price for you" in text and "€57.90" in text
        assert "Until then you buy at the normal price." in text
        assert "Cheaper for you from Monday 11 May" in text
        assert "Add to basket" in text or "Add to cart" in text
        assert 'data-loyalty="lock"' not in said.content.decode()
        assert "20 % off: Gold from 9 May · Everyone from 11 May" in text_of(look("/loyalty/sales/", at=GOLD_FROM))

    def test_to_gold_is_the_head_start(self, unit, carrier, sale):
        text = text_of(look(PAGE, a_member_of(unit, GOLD), at=GOLD_FROM))
        assert "€46.32" in text and "Your head start" in text

    @pytest.mark.parametrize("mode", ["open", "hide"])
    def test_names_members_where_every_member_comes_first(self, unit, carrier, mode):
        a_sale(unit, carrier, doors=[(0, GOLD_FROM)], percent=20, mode=mode)
        text = text_of(look("/loyalty/sales/", a_member_of(unit, SILVER), at=GOLD_FROM - SECOND))
        assert "Members from 9 May · Everyone from 11 May" in text
        Sale.objects.update(public_from=None)
        forget_cache()
        text = text_of(look("/loyalty/sales/", a_member_of(unit, GOLD), at=GOLD_FROM - SECOND))
        assert "Members from 9 May" in text and "Invited members only" not in text


class TestASaleThatCannotBe:
    @pytest.mark.parametrize("told", [{"percent": 0}, {"quota": 5}, {"per_member": 1}])
    def test_is_refused_by_form_and_table(self, unit, carrier, sale, told):
        for name, value in told.items():
            setattr(sale, name, value)
        with pytest.raises(ValidationError) as refused:
            sale.clean()
        assert list(refused.value.message_dict) == list(told)
        with pytest.raises(IntegrityError), transaction.atomic():
            Sale.objects.filter(pk=sale.pk).update(**told)
        assert (Sale.objects.get().percent, Sale.objects.get().quota) == (20, None)


def test_a_stranger_to_the_club_buys_what_only_some_get_cheaper(unit, carrier, sale):
    with clock.at(GOLD_FROM):
        found = offered(carrier, a_user("stranger@example.com"))
    assert found.availability.is_available_to_buy and str(found.price.incl_tax) == "57.90"
