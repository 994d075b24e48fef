"""Rewards that are used with a basket: money off, free delivery and gifts, from the claim to the order and back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_class, get_model
from oscar.test.factories import create_order

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import freeze
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim, ClaimStep, Redemption
from loyalty_oscar.redemption.operations import CannotClaim, expire, give_back, on_baskets
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.promise import rows_on
from loyalty_oscar.shop.storefront.offer_hooks import RewardUnavailable
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory
from tests.integration.ledger.books import assert_clean
from tests.orders import come_back
from tests.points import a_member_with, points_club, reload, use
from tests.points import pay as place
from tests.rewards import a_reward, fresh, have, put_on, state, take_off, why
from tests.storefront import TODAY, a_basket, a_product, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
Offer, Line = get_model("offer", "ConditionalOffer"), get_model("basket", "Line")
OPEN, USED, BACK = Claim.State.OPEN, Claim.State.USED, Claim.State.BACK


@pytest.fixture
def unit():
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(2_000, unit)


def ready(user):
    """Points that can be used."""
    return Account.objects.get(member__user=user).available


def earned(user):
    """Points that are on the way."""
    return Account.objects.get(member__user=user).pending


def look(order, *, at=TODAY):
    """The order, once the house has looked at it."""
    sync_orders(order_ids=[order.pk], at=at)
    return order


def pay(basket):
    return look(place(basket))


def cancel(order, *, at=TODAY):
    order.set_status("Cancelled")
    look(order, at=at)


def send_back(line):
    come_back(line=line, quantity=1)
    look(line.order)


class TestMoneyOff:
    def test_lowers_the_basket_and_what_it_earns_and_comes_back_when_it_is_cancelled(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        assert basket.total_incl_tax == D("19.90")
        order = pay(basket)
        assert (order.total_incl_tax, state(claim), earned(boris)) == (D("19.90"), USED, 19)
        assert [(row.offer_name, row.amount) for row in order.discounts.all()] == [(claim.reward.name, D("5.00"))]
        assert sum(line.line_price_incl_tax for line in order.lines.all()) == D("19.90")
        cancel(order)
        assert (state(claim), fresh(claim).number, earned(boris), ready(boris)) == (OPEN, 1, 0, 1_500)
        assert_clean()

    def test_stays_used_while_any_of_the_goods_stay(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 2)), claim)
        order = pay(basket)
        line = order.lines.get()
        assert (order.total_incl_tax, line.line_price_incl_tax / 2) == (D("44.80"), D("22.40"))
        send_back(line)
        assert state(claim) == USED
        send_back(line)
        assert state(claim) == OPEN

    def test_takes_goods_to_nothing_and_no_further_and_says_so(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="3.00"), 1)), claim)
        assert (basket.total_incl_tax, why(basket)) == (D("0.00"), ["reward_takes_less"])

    @pytest.mark.parametrize(
        ("params", "total"),
        [
            ({"percent": 10}, "89.91"),
            ({"percent": 10, "most": 300}, "96.90"),
            ({"amount": 500, "least": 9_990}, "94.90"),
            ({"amount": 500, "least": 9_991}, "99.90"),
        ],
    )
    def test_is_an_amount_or_a_percentage_from_goods_of_an_amount_on(self, unit, boris, params, total):
        claim = have(boris, a_reward(unit, "off", **params))
        basket = put_on(boris, a_basket(boris, (a_product(price="99.90"), 1)), claim)
        assert basket.total_incl_tax == D(total)
        assert (why(basket) == ["reward_least_order"]) == (total == "99.90")

    @pytest.mark.parametrize(
        ("least", "total", "said"), [(9_991, "92.90", "reward_least_order"), (0, "94.90", "one_reduction")]
    )
    def test_of_two_in_a_merged_basket_is_of_the_first_that_can(self, unit, boris, least, total, said):
        first, second = (
            have(boris, a_reward(unit, "off", **told)) for told in ({"amount": 500, "least": least}, {"amount": 700})
        )
        basket = a_basket(boris, (a_product(price="99.90"), 1))
        put_on(boris, basket, first)
        put_on(boris, basket, second)
        on_baskets.put_on(claim=fresh(first), slot=f"basket:{basket.pk}", currency="EUR", at=TODAY)
        basket = reload(boris, basket)
        assert (basket.total_incl_tax, why(basket)) == (D(total), [said])

    def test_comes_before_points_and_makes_no_goods_reduced_ones(self, unit, boris):
        unit.program.use_terms.__class__.objects.update(not_on_discounted=True)
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = a_basket(boris, (a_product(price="20.00"), 1))
        basket = use(boris, put_on(boris, basket, claim), 1_500, unit=unit)
        assert basket.total_incl_tax == D("0.00")
        order = pay(basket)
        assert {row.amount for row in order.discounts.all()} == {D("5.00"), D("15.00")}
        cancel(order)
        assert (ready(boris), state(claim)) == (1_500, OPEN)
        assert_clean()

    def test_takes_the_place_of_another(self, unit, boris):
        reward = a_reward(unit, "off", amount=500)
        one, other = have(boris, reward), have(boris, reward)
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), one)
        basket = put_on(boris, basket, other)
        assert basket.total_incl_tax == D("19.90")
        pay(basket)
        assert (state(one), state(other)) == (OPEN, USED)

    def test_moves_to_the_basket_that_it_is_put_on_last(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        first, second = (a_basket(boris, (a_product(price="24.90"), 1)) for _number in range(2))
        put_on(boris, first, claim)
        assert put_on(boris, second, claim).total_incl_tax == D("19.90")
        assert reload(boris, first).total_incl_tax == D("24.90")

    def test_is_taken_off_again(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        assert take_off(boris, basket, claim).total_incl_tax == D("24.90")
        assert state(claim) == OPEN

    def test_is_used_once_by_two_orders_of_one_basket(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        again = reload(boris, basket)
        pay(basket)
        with pytest.raises(RewardUnavailable):
            create_order(basket=again, user=boris, number="another")
        assert Redemption.objects.get(claim=claim).minor == 500

    @pytest.mark.parametrize("name", ["given back", "run out"])
    def test_that_is_gone_lowers_nothing(self, unit, boris, name):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        if name == "given back":
            give_back(claim=claim, note="A mistake", actor="staff", at=TODAY)
        else:
            Claim.objects.update(valid_until=TODAY)
        assert reload(boris, basket).total_incl_tax == D("24.90")
        with pytest.raises(CannotClaim):
            put_on(boris, basket, claim)

    def test_that_ends_at_the_gateway_counts(self, unit, boris, django_capture_on_commit_callbacks):
        claim = have(boris, a_reward(unit, "off", amount=500))
        Claim.objects.update(valid_until=TODAY + timedelta(minutes=5))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        with django_capture_on_commit_callbacks(execute=True):
            basket.freeze()
        later = TODAY + timedelta(minutes=20)
        assert not expire(claim=fresh(claim), at=later)
        with clock.at(later):
            basket = reload(boris, basket)
            assert basket.total_incl_tax == D("19.90")
            basket.thaw()
            pay(basket)
        assert state(claim) == USED

    @pytest.fixture
    def being_paid(self, unit, boris, django_capture_on_commit_callbacks):
        """A bed and a bowl at the gateway, with 20 % off both: the goods, their range, the claim and the basket."""
        bed, bowl = a_product("Bed", "50.00"), a_product("Bowl", "50.00")
        held = ProductSetFactory(code="beds", products=[bed, bowl]).tie.range
        claim = have(boris, a_reward(unit, "off", percent=20, set="beds"))
        basket = put_on(boris, a_basket(boris, (bed, 1), (bowl, 1)), claim)
        with django_capture_on_commit_callbacks(execute=True):
            basket.freeze()
        return bed, bowl, held, claim, basket

    @pytest.mark.parametrize("change", ["one leaves", "all leave", "not discountable"])
    def test_comes_off_the_goods_off_which_it_came_when_the_payment_began(self, boris, being_paid, change):
        bed, bowl, held, claim, basket = being_paid
        if change == "not discountable":
            type(bed).objects.filter(pk=bed.pk).update(is_discountable=False)
        else:
            for product in (bed,) if change == "one leaves" else (bed, bowl):
                held.remove_product(product)
        forget_cache()
        order = pay(reload(boris, basket))
        assert (order.total_incl_tax, state(claim)) == (D("80.00"), USED)

    def test_of_a_payment_that_was_broken_off_comes_off_the_goods_of_today_once_the_basket_changes(
        self, boris, being_paid
    ):
        bed, bowl, held, _claim, basket = being_paid
        held.remove_product(bed)
        forget_cache()
        basket.thaw()
        assert reload(boris, basket).total_incl_tax == D("80.00")
        basket.add_product(bowl, 1)
        assert reload(boris, basket).total_incl_tax == D("130.00")

    @pytest.mark.parametrize("kind", ["off", "product"])
    def test_of_a_payment_that_was_broken_off_counts_no_more_for_who_was_frozen_once_the_basket_changes(
        self, unit, boris, kind, django_capture_on_commit_callbacks
    ):
        goods, mug = a_product(price="24.90"), a_product("Mug", "9.90")
        claim = have(boris, a_reward(unit, kind, **{"off": {"amount": 500}, "product": {"products": [mug.pk]}}[kind]))
        basket = put_on(boris, a_basket(boris, (goods, 1)), claim)
        with django_capture_on_commit_callbacks(execute=True):
            basket.freeze()
        basket.thaw()
        freeze(member=fresh(claim).member, until=None, earns=True, reason="asked", actor="staff:1", at=TODAY)
        promised = reload(boris, basket)
        assert promised.total_incl_tax == {"off": D("19.90"), "product": D("24.90")}[kind]
        promised.add_product(goods, 1)
        assert reload(boris, promised).total_incl_tax == {"off": D("49.80"), "product": D("59.70")}[kind]

    def test_that_nobody_takes_off_refuses_the_order_that_was_paid_for(
        self, unit, boris, django_capture_on_commit_callbacks
    ):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        with django_capture_on_commit_callbacks(execute=True):
            basket.freeze()
        Offer.objects.filter(priority=-9_000).update(status="Suspended")
        with pytest.raises(RewardUnavailable):
            pay(reload(boris, basket))
        assert state(claim) == OPEN

    def test_gets_thirty_days_once_where_its_time_was_over(self, unit, boris):
        reward = a_reward(unit, "off", amount=500)
        reward.__class__.objects.update(valid_days=1)
        claim = have(boris, reward)
        order = pay(put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim))
        with clock.at(TODAY + timedelta(days=10)):
            cancel(order, at=TODAY + timedelta(days=10))
        assert (fresh(claim).valid_until, fresh(claim).graced) == (datetime(2026, 6, 15, 22, tzinfo=UTC), True)

    def test_is_used_again_where_its_order_stands_after_all(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        order = pay(put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim))
        for status in ("Cancelled", "Pending"):
            order.status = status
            order.save()
            look(order)
        assert (state(claim), fresh(claim).number, fresh(claim).order_id) == (USED, 0, order.pk)
        assert [*ClaimStep.objects.order_by("pk").values_list("state", flat=True)][1:] == [USED, OPEN, USED]


class TestStaff:
    def test_read_on_the_order_what_it_used_and_that_it_went_back(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        order = pay(use(boris, basket, 300, unit=unit))
        client.force_login(get_user_model().objects.create_superuser("boss", "boss@example.com", "a good one"))
        address = f"/dashboard/orders/{order.number}/"
        page = text_of(client.get(address)).replace("\xa0", " ")
        assert f"300 paws used, €3.00 off {claim.reward.name}: €5.00 off See the reward" in page
        assert client.get("/admin/loyalty_redemption/redemption/").context["cl"].result_count == 1
        cancel(order)
        assert "so the reward went back" in text_of(client.get(address))


class TestDelivery:
    @pytest.fixture
    def ordered(self, unit, boris):
        """Orders of a basket, with delivery of 4.90."""

        def order(basket, charge="4.90"):
            method = get_class("shipping.methods", "FixedPrice")(D(charge), D(charge))
            repository = get_class("shipping.repository", "Repository")()
            if basket.has_shipping_discounts:
                (method,) = repository.apply_shipping_offers(basket, [method])
            price = method.calculate(basket)
            total = get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, price)
            creator = get_class("order.utils", "OrderCreator")()
            return creator.place_order(
                basket=basket, total=total, shipping_method=method, shipping_charge=price, user=boris
            )

        return order

    @pytest.mark.parametrize(
        ("params", "charge", "paid", "after"),
        [
            ({}, "4.90", "0.00", USED),
            ({"most": 300}, "4.90", "1.90", USED),
            ({}, "0.00", "0.00", OPEN),
            ({"least": 2_490}, "4.90", "0.00", USED),
            ({"least": 2_491}, "4.90", "4.90", OPEN),
        ],
    )
    def test_is_paid_for_where_it_costs_anything(self, unit, boris, ordered, params, charge, paid, after):
        claim = have(boris, a_reward(unit, "delivery", **params))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        order = ordered(basket, charge)
        assert (order.shipping_incl_tax, order.total_incl_tax) == (D(paid), D("24.90") + D(paid))
        assert state(claim) == after
        if after == USED:
            cancel(look(order))
            assert state(claim) == OPEN

    @pytest.mark.parametrize(
        ("first", "second", "used", "said"),
        [
            ({}, {}, 0, ["one_reduction"]),
            ({"most": 300}, {}, 0, ["one_reduction"]),
            ({"least": 2_491}, {}, 1, ["reward_least_order"]),
            ({"least": 2_491}, {"least": 2_491}, None, ["reward_least_order"] * 2),
        ],
    )
    def test_is_paid_for_by_the_first_that_can_and_the_others_say_why_not(
        self, unit, boris, ordered, first, second, used, said
    ):
        claims = [have(boris, a_reward(unit, "delivery", **params)) for params in (first, second)]
        basket = a_basket(boris, (a_product(price="24.90"), 1))
        for claim in claims:
            basket = put_on(boris, basket, claim)
        assert why(basket) == said
        ordered(basket)
        assert [state(claim) for claim in claims] == [USED if number == used else OPEN for number in range(2)]

    @pytest.mark.parametrize("charge", ["4.90", "0.00"])
    def test_that_nobody_pays_for_any_more_refuses_the_order_that_was_paid_for(
        self, unit, boris, ordered, charge, django_capture_on_commit_callbacks
    ):
        claim = have(boris, a_reward(unit, "delivery"))
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        with django_capture_on_commit_callbacks(execute=True):
            basket.freeze()
        Offer.objects.filter(priority=-8_000).update(status="Suspended")  # Tells nobody.
        if charge == "0.00":  # It would cost nothing anyway.
            assert ordered(reload(boris, basket), charge).total_incl_tax == D("24.90")
        else:
            with pytest.raises(RewardUnavailable):
                ordered(reload(boris, basket), charge)
        assert state(claim) == OPEN

    def test_is_named_in_the_totals_of_the_order(self, unit, boris, ordered, client):
        claim = have(boris, a_reward(unit, "delivery"))
        order = ordered(put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim))
        client.force_login(boris)
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        said = text_of(client.get("/checkout/thank-you/"))
        assert f"Discount {claim.reward.name} - €4.90" in said
        assert "Free delivery as a reward" not in said

    def test_stays_unused_where_another_offer_pays_for_delivery(self, unit, boris, ordered):
        claim = have(boris, a_reward(unit, "delivery"))
        condition = get_model("offer", "Condition").objects.create(
            type="Count",
            value=1,
            range=get_model("offer", "Range").objects.create(name="All", includes_all_products=True),
        )
        benefit = get_model("offer", "Benefit").objects.create(type="Shipping absolute", value=D("4.90"))
        other = Offer.objects.create(name="Free delivery", condition=condition, benefit=benefit)
        basket = put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim)
        order = ordered(basket)
        assert (order.shipping_incl_tax, state(claim)) == (D("0.00"), OPEN)
        assert {row.offer_id: row.amount for row in order.discounts.all()}[other.pk] == D("4.90")
        assert sum(row.amount for row in order.discounts.all()) == D("4.90")


class TestAGift:
    @pytest.fixture
    def mug(self, unit):
        return a_product("Mug", "9.90")

    @pytest.fixture
    def claim(self, unit, boris, mug):
        return have(boris, a_reward(unit, "product", products=[mug.pk], pieces=1))

    def test_costs_nothing_beside_other_goods(self, unit, boris, claim, mug):
        basket = put_on(boris, a_basket(boris, (a_product(price="20.00"), 1)), claim)
        assert (basket.num_items, basket.total_incl_tax) == (2, D("20.00"))
        order = pay(basket)
        assert (order.total_incl_tax, earned(boris), state(claim)) == (D("20.00"), 20, USED)
        gift = order.lines.get(product=mug)
        assert gift.line_price_incl_tax == D("0.00")
        send_back(gift)
        assert (earned(boris), state(claim)) == (20, USED)
        send_back(order.lines.exclude(pk=gift.pk).get())
        assert (earned(boris), state(claim)) == (0, OPEN)
        assert_clean()

    def test_reaches_no_offer_of_the_shop(self, unit, boris, claim):
        range_ = get_model("offer", "Range").objects.create(name="All", includes_all_products=True)
        condition = get_model("offer", "Condition").objects.create(type="Value", value=D("100.00"), range=range_)
        benefit = get_model("offer", "Benefit").objects.create(type="Absolute", value=D("20.00"), range=range_)
        Offer.objects.create(name="20 off from 100", condition=condition, benefit=benefit)
        basket = put_on(boris, a_basket(boris, (a_product(price="96.00"), 1)), claim)
        assert basket.total_incl_tax == D("96.00")

    @pytest.mark.parametrize("exclusive", [True, False])
    def test_and_money_off_lie_beside_an_offer_of_the_shop(self, unit, boris, claim, mug, exclusive):
        off = have(boris, a_reward(unit, "off", amount=500))
        range_ = get_model("offer", "Range").objects.create(name="All", includes_all_products=True)
        condition = get_model("offer", "Condition").objects.create(type="Count", value=1, range=range_)
        benefit = get_model("offer", "Benefit").objects.create(type="Percentage", value=10, range=range_)
        Offer.objects.create(name="10 %", condition=condition, benefit=benefit, exclusive=exclusive)
        basket = put_on(boris, put_on(boris, a_basket(boris, (a_product(price="50.00"), 2)), claim), off)
        assert basket.total_incl_tax == D("85.00")
        order = pay(basket)
        assert sorted(row.amount for row in order.discounts.all()) == [D("5.00"), D("9.90"), D("10.00")]
        assert (order.total_incl_tax, earned(boris)) == (D("85.00"), 85)

    def test_alone_is_not_sold(self, boris, claim, mug):
        basket = put_on(boris, a_basket(boris), claim)
        (line,) = basket.all_lines()
        permitted, why_not = line.purchase_info.availability.is_purchase_permitted(1)
        assert (permitted, why_not) == (False, "This gift comes along with other goods.")
        with pytest.raises(RewardUnavailable):
            pay(basket)

    def test_is_apart_from_own_pieces_and_no_piece_more(self, boris, claim, mug):
        basket = put_on(boris, a_basket(boris, (mug, 3)), claim)
        gift = next(line for line in basket.all_lines() if line.attributes.exists())
        own = next(line for line in basket.all_lines() if not line.attributes.exists())
        assert (basket.total_incl_tax, gift.quantity, own.quantity) == (D("29.70"), 1, 3)
        assert basket.is_quantity_allowed(0, line=gift)[0]
        assert not basket.is_quantity_allowed(1, line=gift)[0]
        assert basket.is_quantity_allowed(1, line=own)[0]

    def test_is_not_paid_in_silence_where_its_reward_is_gone(self, boris, claim, mug):
        basket = put_on(boris, a_basket(boris, (a_product(price="20.00"), 1)), claim)
        give_back(claim=claim, note="A mistake", actor="staff", at=TODAY)
        basket = reload(boris, basket)
        gift = next(line for line in basket.all_lines() if line.attributes.exists())
        assert not gift.purchase_info.availability.is_purchase_permitted(1)[0]
        with pytest.raises(RewardUnavailable):
            pay(basket)

    def test_is_taken_out_with_its_line(self, boris, claim):
        basket = put_on(boris, a_basket(boris, (a_product(price="20.00"), 1)), claim)
        basket = take_off(boris, basket, claim)
        assert (basket.num_items, Line.objects.count(), state(claim)) == (1, 1, OPEN)

    def test_leaves_the_basket_from_which_it_moves(self, boris, claim):
        first, second = (a_basket(boris, (a_product(price="24.90"), 1)) for _number in range(2))
        put_on(boris, first, claim)
        assert put_on(boris, second, claim).num_items == 2
        assert reload(boris, first).num_items == 1

    def test_leaves_there_what_another_reward_pays_for(self, boris, claim):
        first, second = (a_basket(boris, (a_product(price="24.90"), 1)) for _number in range(2))
        put_on(boris, put_on(boris, first, claim), have(boris, claim.reward))
        put_on(boris, second, claim)
        first = reload(boris, first)
        assert (first.num_items, first.total_incl_tax, why(first)) == (2, D("24.90"), [])

    def test_leaves_there_nothing_of_what_was_chosen_before(self, unit, boris, mug):
        bowl = a_product("Bowl", "12.00")
        claim = have(boris, a_reward(unit, "product", products=[mug.pk, bowl.pk]))
        first, second = (a_basket(boris, (a_product(price="24.90"), 1)) for _number in range(2))
        put_on(boris, first, claim, product=mug)
        put_on(boris, second, claim, product=bowl)
        assert reload(boris, first).num_items == 1

    def test_is_one_of_several_that_the_member_chooses(self, unit, boris, mug):
        bowl = a_product("Bowl", "12.00")
        claim = have(boris, a_reward(unit, "product", products=[mug.pk, bowl.pk], pieces=2))
        basket = a_basket(boris, (a_product(price="20.00"), 1))
        with pytest.raises(CannotClaim) as refused:
            put_on(boris, basket, claim)
        assert refused.value.because.code == "gift_to_choose"
        basket = put_on(boris, basket, claim, product=bowl)
        assert (basket.num_items, basket.total_incl_tax) == (3, D("20.00"))
        basket = put_on(boris, basket, claim, product=mug)
        assert sorted(line.product.title for line in basket.all_lines()) == ["Liver bites", "Mug"]

    def test_that_is_sold_out_stays_with_its_member(self, boris, claim, mug):
        mug.stockrecords.update(num_in_stock=0)
        with pytest.raises(CannotClaim) as refused:
            put_on(boris, a_basket(boris, (a_product(price="20.00"), 1)), claim)
        assert (refused.value.because.code, state(claim)) == ("gift_sold_out", OPEN)

    def test_is_sold_out_where_own_pieces_are_the_last_ones(self, boris, claim, mug):
        mug.stockrecords.update(num_in_stock=2)
        basket = a_basket(boris, (a_product(price="20.00"), 1), (mug, 2))
        with pytest.raises(CannotClaim) as refused:
            put_on(boris, basket, claim)
        assert (refused.value.because.code, state(claim), rows_on(basket=basket)) == ("gift_sold_out", OPEN, [])
        basket = put_on(boris, put_on(boris, a_basket(boris, (a_product(price="20.00"), 1), (mug, 1)), claim), claim)
        assert (basket.num_items, basket.total_incl_tax) == (3, D("29.90"))

    def test_lets_points_pay_for_own_pieces_of_its_product_once_they_are_being_paid_for(self, unit, boris, claim, mug):
        basket = use(boris, put_on(boris, a_basket(boris, (mug, 1)), claim), 500, unit=unit)
        assert basket.total_incl_tax == D("4.90")
        type(basket).objects.update(status="Frozen")  # As a gateway's code may do it, without a signal.
        assert reload(boris, basket).total_incl_tax == D("4.90")

    def test_lets_points_pay_for_the_other_goods_alone(self, unit, boris, claim):
        basket = put_on(boris, a_basket(boris, (a_product(price="10.00"), 1)), claim)
        basket = use(boris, basket, 1_500, unit=unit)
        assert basket.total_incl_tax == D("0.00")
        pay(basket)
        assert ready(boris) == 500
        assert_clean()


def ours(queries):
    """How many statements ask for or change points and rewards."""
    return sum("loyalty_redemption" in query["sql"] or "loyalty_ledger" in query["sql"] for query in queries)


class TestWhatItCosts:
    @pytest.fixture
    def counted(self, unit, boris):
        """Statements of ours as a basket is looked at, and as its order is written."""

        def count(*rewards):
            basket = a_basket(boris, (a_product(price="50.00"), 1))
            for reward in rewards:
                basket = put_on(boris, basket, have(boris, reward))
            with CaptureQueriesContext(connection) as looked:
                basket = reload(boris, basket)
            with CaptureQueriesContext(connection) as paid:
                place(basket)
            return ours(looked.captured_queries), ours(paid.captured_queries)

        return count

    def test_one_query_for_all_that_lies_in_a_basket_and_seven_for_each_that_is_used(self, unit, counted):
        off = a_reward(unit, "off", price=50, amount=500)
        gift = a_reward(unit, "product", price=50, products=[a_product("Mug", "9.90").pk], pieces=1)
        assert [counted(), counted(off), counted(gift), counted(off, gift)] == [(1, 0), (1, 7), (1, 7), (1, 14)]
