"""What a sale does where Oscar decides prices and availability, and what its counted pieces do."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sites.models import Site
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import QuotaCounter, Reservation, Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives import visitors
from loyalty_oscar.shop.exclusives.backstop import NotForSale
from loyalty_oscar.shop.exclusives.lifecycle import erase, export
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.pricing.gate import set_gates
from loyalty_oscar.shop.storefront.offer_hooks import NotPlaced
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.storefront import a_basket, a_product, a_user, buy, day, send_back

from .sales import BRONZE, ENDS_AT, GOLD, GOLD_FROM, PUBLIC_FROM, SILVER, a_member_of, a_sale, a_segment, offered, take

pytestmark = pytest.mark.django_db
Order = get_model("order", "Order")
SECOND = timedelta(seconds=1)


def place(user, *things, at, count=1):
    """Place an order at a moment, through Oscar's own creator."""
    with clock.at(at), transaction.atomic():
        return factories.create_order(basket=a_basket(user, *things), user=user, date_placed=at)


class TestAClosedProduct:
    def test_shows_no_price_and_says_who_gets_in_and_when(self, unit, carrier):
        a_sale(unit, carrier, percent=20)
        with clock.at(day(5, 6)):
            info = offered(carrier)
        assert not info.price.exists
        assert info.price.excl_tax is None
        assert not info.availability.is_available_to_buy
        assert info.availability.code == "closed"
        assert str(info.availability.message) == "Gold from 9 May · Everyone from 11 May"

    @pytest.mark.parametrize(
        ("rank", "at", "price"),
        [
            (GOLD, GOLD_FROM - SECOND, None),
            (GOLD, GOLD_FROM, "46.32"),
            (SILVER, GOLD_FROM, None),
            (BRONZE, PUBLIC_FROM - SECOND, None),
            (0, PUBLIC_FROM, "46.32"),
            (GOLD, ENDS_AT - SECOND, "46.32"),
            (GOLD, ENDS_AT, "57.90"),
            (SILVER, ENDS_AT, "57.90"),
        ],
    )
    def test_opens_and_ends_to_the_second(self, unit, carrier, rank, at, price):
        a_sale(unit, carrier, percent=20)
        user = a_member_of(unit, rank)
        with clock.at(at):
            found = offered(carrier, user).price
        assert (str(found.incl_tax) if found.exists else None) == price

    def test_opens_for_those_in_a_segment(self, unit, carrier):
        invited, other = a_member_of(unit, 0, name="ida"), a_member_of(unit, GOLD)
        friends = a_segment(unit, invited)
        a_sale(unit, carrier, doors=[(friends, GOLD_FROM)])
        with clock.at(GOLD_FROM):
            assert offered(carrier, invited).availability.is_available_to_buy
            assert not offered(carrier, other).availability.is_available_to_buy

    def test_closes_the_page_of_the_product_it_is_a_variant_of(self, unit):
        parent = factories.create_product(title="Rope", structure="parent")
        child = factories.create_product(title="Rope S", parent=parent, price=Decimal(5), num_in_stock=9)
        a_sale(unit, child)
        with clock.at(day(5, 6)):
            assert not offered(child).price.exists
            assert not offered(parent).price.exists


class TestTheProductsOfASale:
    def test_are_those_of_its_set_though_another_was_there_that_had_as_many(self, unit, carrier, monkeypatch):
        sale, other = a_sale(unit, carrier), a_product("Moss bed", "49.90")
        sets = iter([frozenset({carrier.pk}), frozenset({other.pk})])
        # What is remembered of the set itself ran out between the two.
        monkeypatch.setattr(visitors, "all_of", lambda *, code: next(sets))
        assert visitors.products_of(sale=sale) == {carrier.pk}
        assert visitors.products_of(sale=sale) == {other.pk}


class TestAPriceOfASale:
    @pytest.mark.parametrize(("sale", "member", "price"), [(20, 10, "80.00"), (10, 20, "80.00"), (20, 20, "80.00")])
    def test_does_not_add_up_with_a_member_price_the_lower_counts(self, unit, sale, member, price):
        product = a_product(price="100.00")
        a_sale(unit, product, percent=sale)
        MemberPrice.objects.create(tier=Tier.objects.get(rank=SILVER), percent=member, starts_at=day(1, 1), is_on=True)
        gold = a_member_of(unit, GOLD)
        forget_cache()
        with clock.at(GOLD_FROM):
            found = offered(product, gold).price
        assert str(found.incl_tax) == price
        assert str(found.loyalty_before.incl_tax) == "100.00"
        assert found.loyalty_cut.kind == ("sale" if sale > member else "tier")

    def test_is_that_of_the_best_sale(self, unit):
        product = a_product(price="100.00")
        a_sale(unit, product, percent=10)
        a_sale(unit, product, percent=30, code="better")
        gold = a_member_of(unit, GOLD)
        with clock.at(GOLD_FROM):
            assert str(offered(product, gold).price.incl_tax) == "70.00"


class TestThePricesOfARequest:
    @pytest.fixture
    def asked(self, unit, carrier):
        """What the carrier costs in a visit, asked for as often as somebody likes."""
        a_sale(unit, carrier, percent=20)
        selector = get_class("partner.strategy", "Selector")()

        def ask(visit):
            return set_gates(strategy=selector.strategy(), visit=visit).fetch_for_product(carrier).price

        return ask

    def test_are_those_of_its_first_moment_though_a_sale_ends_meanwhile(self, unit, asked):
        gold = a_member_of(unit, GOLD)
        visit = Visit(None, gold)
        with clock.at(ENDS_AT - SECOND):
            assert str(asked(visit).incl_tax) == "46.32"
        with clock.at(ENDS_AT):
            assert str(asked(visit).incl_tax) == "46.32"
            assert str(asked(Visit(None, gold)).incl_tax) == "57.90"

    def test_are_asked_anew_for_whoever_signs_in(self, unit, asked):
        request = SimpleNamespace(user=AnonymousUser(), site=Site.objects.get_current())
        visit = Visit(request)
        with clock.at(GOLD_FROM):
            assert not asked(visit).exists
            request.user = a_member_of(unit, GOLD)
            assert str(asked(visit).incl_tax) == "46.32"
            request.user = AnonymousUser()
            assert not asked(visit).exists


class TestAnOrderWithAClosedProduct:
    @pytest.mark.parametrize(
        ("rank", "at"), [(GOLD, GOLD_FROM - SECOND), (SILVER, GOLD_FROM), (0, PUBLIC_FROM - SECOND)]
    )
    def test_is_refused_and_nothing_is_left_of_it(self, unit, carrier, rank, at):
        user = a_member_of(unit, rank)
        bed = a_product("Bed")
        a_sale(unit, carrier, quota=10)
        with pytest.raises(NotForSale, match=r"First on the trail is not open for you\. Gold from 9 May") as refusal:
            place(user, (bed, 1), (carrier, 1), at=at)
        assert isinstance(refusal.value, NotPlaced)
        assert not Order.objects.exists()
        assert not Reservation.objects.exists()
        assert carrier.stockrecords.get().num_allocated in (None, 0)

    @pytest.mark.parametrize(("rank", "at"), [(GOLD, GOLD_FROM), (SILVER, PUBLIC_FROM), (0, ENDS_AT)])
    def test_is_placed_when_it_is_open(self, unit, carrier, rank, at):
        a_sale(unit, carrier)
        assert place(a_member_of(unit, rank), (carrier, 1), at=at).pk

    def test_is_refused_when_the_level_was_lost_meanwhile(self, unit, carrier):
        a_sale(unit, carrier)
        gold = a_member_of(unit, GOLD)
        take(gold, at=day(5, 8))
        with pytest.raises(NotForSale):
            place(gold, (carrier, 1), at=GOLD_FROM)
        assert not Order.objects.exists()

    def test_is_let_in_where_history_is_brought_in(self, unit, carrier):
        a_sale(unit, carrier)
        with clock.at(GOLD_FROM):
            assert factories.create_order(basket=a_basket(a_user(), (carrier, 1)), date_placed=day(1, 5)).pk


def taken(sale):
    return QuotaCounter.objects.get(sale=sale).taken


class TestACountedSale:
    def test_sells_no_more_than_there_are(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=3)
        gold, other = a_member_of(unit, GOLD), a_member_of(unit, GOLD, name="olga")
        place(gold, (carrier, 2), at=GOLD_FROM)
        with pytest.raises(NotForSale, match="only 1 piece is left"):
            place(other, (carrier, 2), at=GOLD_FROM)
        assert (taken(sale), Order.objects.count(), Reservation.objects.count()) == (2, 1, 1)
        place(other, (carrier, 1), at=GOLD_FROM)
        assert taken(sale) == 3

    def test_sells_each_member_no_more_than_is_theirs(self, unit, carrier):
        sale = a_sale(unit, carrier, per_member=1)
        gold = a_member_of(unit, GOLD)
        place(gold, (carrier, 1), at=GOLD_FROM)
        with pytest.raises(NotForSale, match="nothing is left for you"):
            place(gold, (carrier, 1), at=GOLD_FROM)
        assert (taken(sale), Order.objects.count()) == (1, 1)

    def test_asks_guests_for_each_order_alone(self, unit, carrier):
        a_sale(unit, carrier, per_member=1)
        for _ in range(2):
            with clock.at(PUBLIC_FROM), transaction.atomic():
                factories.create_order(basket=a_basket(None, (carrier, 1)), date_placed=PUBLIC_FROM)
        with pytest.raises(NotForSale), clock.at(PUBLIC_FROM), transaction.atomic():
            factories.create_order(basket=a_basket(None, (carrier, 2)), date_placed=PUBLIC_FROM)
        assert Order.objects.count() == 2

    def test_gives_back_what_comes_back(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=3)
        gold = a_member_of(unit, GOLD)
        order = buy(gold, (carrier, 2), on=GOLD_FROM)
        assert taken(sale) == 2
        send_back(order, 1, on=PUBLIC_FROM)
        assert (taken(sale), Reservation.objects.get().quantity) == (1, 1)
        order.set_status("Cancelled")
        sync_orders(order_ids=[order.pk], at=PUBLIC_FROM)
        assert (taken(sale), Reservation.objects.get().quantity) == (0, 0)

    def test_reserves_for_fifteen_minutes(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=1)
        operations.reserve(wanted={sale: 1}, user_id=1, slot="basket:1", at=GOLD_FROM)
        late = GOLD_FROM + timedelta(minutes=15)
        with pytest.raises(operations.SoldOut):
            operations.reserve(wanted={sale: 1}, user_id=2, slot="basket:2", at=late - SECOND)
        assert Reservation.objects.get().slot == "basket:1"
        operations.reserve(wanted={sale: 1}, user_id=2, slot="basket:2", at=late)
        assert (Reservation.objects.get().slot, taken(sale)) == ("basket:2", 1)

    def test_turns_a_reserved_place_into_a_bought_one(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=1)
        gold = a_member_of(unit, GOLD)
        basket = a_basket(gold, (carrier, 1))
        operations.reserve(wanted={sale: 1}, user_id=gold.pk, slot=f"basket:{basket.pk}", at=GOLD_FROM)
        with clock.at(GOLD_FROM), transaction.atomic():
            order = factories.create_order(basket=basket, user=gold, date_placed=GOLD_FROM)
        found = Reservation.objects.get()
        assert (found.order_id, found.slot, taken(sale)) == (order.pk, None, 1)

    def test_gives_back_what_a_changed_basket_reserved(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=2)
        basket = a_basket(a_member_of(unit, GOLD), (carrier, 2))
        operations.reserve(wanted={sale: 2}, user_id=1, slot=f"basket:{basket.pk}", at=GOLD_FROM)
        line = basket.lines.get()
        line.quantity = 1
        line.save()
        assert (taken(sale), Reservation.objects.get().quantity) == (0, 0)
        assert list(operations.sweep(at=GOLD_FROM + timedelta(minutes=15))) == [0]
        assert not Reservation.objects.exists()

    def test_gives_back_what_ran_out_when_the_job_comes_by(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=5)
        operations.reserve(wanted={sale: 2}, user_id=1, slot="basket:1", at=GOLD_FROM)
        assert list(operations.sweep(at=GOLD_FROM)) == []
        assert list(operations.sweep(at=GOLD_FROM + timedelta(minutes=15))) == [2]
        assert (taken(sale), Reservation.objects.count()) == (0, 0)

    def test_refuses_a_quota_below_what_is_taken(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=5)
        operations.reserve(wanted={sale: 2}, user_id=1, slot="basket:1", at=GOLD_FROM)
        sale.quota = 1
        with pytest.raises(ValidationError, match="2 pieces are taken already"):
            sale.clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            sale.save()
        assert (Sale.objects.get().quota, QuotaCounter.objects.get().quota) == (5, 5)


class TestAMemberWhoLeaves:
    def test_takes_along_pieces_and_is_forgotten_in_them(self, unit, carrier):
        gold = a_member_of(unit, GOLD)
        member = Member.objects.get(user=gold)
        sale = a_sale(unit, carrier, quota=5)
        place(gold, (carrier, 2), at=GOLD_FROM)
        pieces = [{"sale": "trail", "quantity": 2}]
        assert export(member=member) == {"pieces": pieces, "reminders": []}
        erase(member=member, at=GOLD_FROM)
        assert export(member=member) == {"pieces": [], "reminders": []}
        assert (taken(sale), Reservation.objects.get().quantity, Reservation.objects.get().user_id) == (2, 2, "")
