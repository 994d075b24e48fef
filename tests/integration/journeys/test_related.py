"""What a letter shows beside what it says: what goes with what a member bought, and nothing that is not for them."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.journeys.messages import message_of
from loyalty_oscar.shop.journeys.related import related
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory, SaleFactory
from tests.orders import Line, Order
from tests.storefront import TODAY, a_club_without_rules, a_product, arrive, buy, day, send_back, variants

from .deeds import a_campaign, a_member, says

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def unit():
    return a_club_without_rules()


@pytest.fixture
def dogs():
    return [a_product(f"For dogs {number}") for number in range(6)]


@pytest.fixture
def cats():
    return [a_product(f"For cats {number}") for number in range(6)]


@pytest.fixture
def past(unit, dogs, cats):
    """What others ordered: for dogs, for cats, and each sixth time for both."""
    chance, baskets = random.Random(7), []
    for number in range(120):
        both = number % 6 == 0
        baskets.append(
            chance.sample(dogs, 2) + chance.sample(cats, 2) if both else chance.sample((dogs, cats)[number % 2], 4)
        )
    ordered(baskets)


def ordered(baskets):
    """Orders of guests as an import writes them, a piece of each product."""
    amounts = {
        f"{name}_{tax}_tax": 9 for name in ("line_price", "line_price_before_discounts") for tax in ("incl", "excl")
    }
    first = Order.objects.count()
    orders = [
        Order(
            number=f"past-{first + n}",
            site_id=1,
            currency="EUR",
            total_incl_tax=9,
            total_excl_tax=9,
            date_placed=day(1, 1),
        )
        for n, _basket in enumerate(baskets)
    ]
    Order.objects.bulk_create(orders)
    lines = [
        Line(order_id=order.pk, product=product, title=product.get_title(), quantity=1, num_allocated=0, **amounts)
        for order, basket in zip(orders, baskets, strict=True)
        for product in basket
    ]
    Line.objects.bulk_create(lines)
    forget_cache()


def shown(member, **fields):
    return [product.title for product in related(member=member, at=TODAY, **fields)]


class TestWhatALetterShows:
    def test_goes_with_what_was_bought(self, unit, dogs, past):
        member = a_member(unit)
        buy(member.user, (dogs[0], 1), on=day(5, 1))
        assert shown(member) and set(shown(member)) <= {thing.title for thing in dogs[1:]}
        assert len(shown(member)) == 3
        assert len(shown(member, most=1)) == 1

    def test_stands_in_it_and_the_letter_leads_to_the_first(self, unit, dogs, past):
        member = a_member(unit)
        order = buy(member.user, (dogs[0], 1), on=day(5, 1))
        campaign = says(a_campaign(unit, "order-final", points=0, params={"related": True}))
        about = {"member": member, "key": "1", "source": f"order:{order.pk}", "order_id": order.pk, "points": 0}
        message = message_of(campaign=campaign, language="en", at=TODAY, **about)
        assert [title for title, _address in message.products] == shown(member, order_id=order.pk)
        assert message.link == message.products[0][1]

    def test_is_of_the_one_order_that_the_letter_is_about(self, unit, dogs, cats, past):
        member = a_member(unit)
        orders = [buy(member.user, (things[0], 1), on=day(5, 1 + n)) for n, things in enumerate((dogs, cats))]
        for order, kind in zip(orders, ("dogs", "cats"), strict=True):
            assert shown(member, order_id=order.pk)
            assert all(kind in title for title in shown(member, order_id=order.pk))

    def test_goes_with_what_was_bought_by_who_became_one_with_the_member(self, unit, dogs, past):
        first, member = a_member(unit, at=day(1, 1)), a_member(unit, "new@example.com", at=day(1, 1))
        order = buy(first.user, (dogs[0], 1), on=day(5, 1))
        buy(first.user, (dogs[1], 1), on=day(4, 1))
        merge(member=first, into=member, actor="staff:1", at=day(5, 2))

        assert shown(member, order_id=order.pk)
        assert not {dogs[0].title, dogs[1].title} & {*shown(member, order_id=order.pk)}

    @pytest.mark.parametrize("number", range(20))
    def test_is_no_cat_food_for_dogs_and_both_for_mixed_homes(self, unit, dogs, cats, past, number):
        member, chance = a_member(unit), random.Random(number)
        kinds = [[dogs], [cats], [dogs, cats]][number % 3]
        for things in kinds:
            buy(member.user, *[(thing, 1) for thing in chance.sample(things, 1 + number % 2)], on=day(5, 2))
        assert {title.split()[1] for title in shown(member)} == {things[0].title.split()[1] for things in kinds}

    def test_is_nothing_that_was_bought_or_sent_back(self, unit, dogs, past):
        member = a_member(unit)
        back = arrive(buy(member.user, (dogs[1], 2), on=day(4, 1)), on=day(4, 3))
        send_back(back, 1, on=day(4, 9))
        buy(member.user, *[(thing, 1) for thing in dogs[2:]], on=day(5, 1))
        assert shown(member) == [dogs[0].title]

    def test_is_nothing_where_all_of_it_came_back(self, unit, dogs, past):
        member = a_member(unit)
        order = arrive(buy(member.user, (dogs[0], 1), on=day(4, 1)), on=day(4, 3))
        assert shown(member)
        send_back(order, 1, on=day(4, 9))
        assert shown(member) == []

    @pytest.mark.parametrize("gone", ["hidden", "sold out", "deleted", "locked"])
    def test_is_nothing_that_the_member_cannot_buy(self, unit, dogs, past, gone):
        member = a_member(unit)
        buy(member.user, (dogs[0], 1), on=day(5, 1))
        first, *others = related(member=member, at=TODAY)
        if gone == "hidden":
            type(first).objects.filter(pk=first.pk).update(is_public=False)
        elif gone == "sold out":
            first.stockrecords.update(num_in_stock=0)
        elif gone == "deleted":
            first.delete()
        else:
            a_sale_for_others(unit, first)
        forget_cache()
        assert first.title not in shown(member)
        assert [product.title for product in others] == shown(member)[:2]

    def test_is_a_product_with_variants_by_its_page(self, unit, past):
        member, bowl, toy = a_member(unit), a_product("A bowl"), variants("9.00", "12.00")
        ordered([[bowl, variant] for variant in toy.children.all()] * 2)
        order = buy(member.user, (bowl, 1), on=day(5, 5))
        assert shown(member, order_id=order.pk) == ["Rope toy"]

    def test_is_nothing_in_an_empty_shop_and_for_who_left(self, unit, dogs, past):
        member = a_member(unit)
        assert shown(member) == []
        buy(member.user, (dogs[0], 1), on=day(5, 1))
        member.user = None
        assert shown(member) == []

    def test_takes_as_many_queries_whatever_was_bought(self, unit, dogs, cats, past):
        member, counts = a_member(unit), []
        for things in ([(dogs[0], 1)], [(dogs[1], 1), (cats[1], 2)]):
            buy(member.user, *things, on=day(5, 1))
            related(member=member, at=TODAY)
            with CaptureQueriesContext(connection) as asked:
                related(member=member, at=TODAY)
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 20


def a_sale_for_others(unit, product):
    """A sale that keeps a product for members of a level that nobody has."""
    goods = ProductSetFactory(code="kept", products=[product])
    return SaleFactory(program=unit.program, product_set=goods, door__rank=9)
