"""An order is spoken of in the same way everywhere, in the terms of its day, whatever the merchant changed since."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.tiers.counting import draw
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import ProductSetFactory
from loyalty_oscar.tiers.models import Tier
from tests.functional.edits.ways import costs, staff
from tests.integration.api.test_account import api_of
from tests.integration.ledger.books import assert_clean
from tests.integration.tiers.ladders import a_ladder, hand
from tests.orders import imported
from tests.points import give, of, pay, points_club, use
from tests.storefront import a_basket, a_product, a_user, arrive, buy, day, first_order_bonus, numbers, ripen, text_of

pytestmark = pytest.mark.django_db
PLACED, CHANGED, DELIVERED, SEEN = day(4, 1), day(4, 3), day(4, 10), day(4, 12)
Line = get_model("order", "Line")


@pytest.fixture
def unit():
    unit = points_club()
    ladder = a_ladder(unit=unit, percents=(150, 150, 150))
    first_order_bonus(unit)
    forget_cache()
    return unit, ladder


def everything_changes(unit):
    """The merchant changes whatever a merchant can change."""
    with clock.at(CHANGED):
        found = get_model("offer", "Range").objects.create(name="Gifts", includes_all_products=True)
        gifts = ProductSetFactory(code="gifts", tie__range=found)
        program = Program.objects.get()
        program.hold_days, program.rounding, program.rounding_stage = 30, "ceil", "line"
        program.earning_base, program.excluded_set, program.expiry = "excl", gifts, "never"
        program.save()
        save_rule(
            unit=unit, code="base", name="Base", type="per-amount", actor="system", at=CHANGED,
            params={"currency": "EUR", "points": 7, "step_minor": 100},
        )  # fmt: skip
        save_rule(
            unit=unit, code="first", name="First order", type="first-order", params={"points": 999}, actor="system",
            at=CHANGED,
        )  # fmt: skip
        for tier in Tier.objects.all():
            tier.percent = 300
            tier.save()
        UseTerms.objects.update(is_on=False)
    forget_cache()


class Places:
    """Where an order is spoken of, and what is said there at a moment."""

    def __init__(self, order, at):
        self.order, self.at = order, at
        self.mine = Client()
        self.mine.force_login(order.user)
        session = self.mine.session
        session["checkout_order_id"] = order.pk
        session.save()

    def get(self, address, client=None):
        with clock.at(self.at):
            return (client or self.mine).get(address)

    @property
    def thank_you(self):
        return self.get(reverse("checkout:thank-you"))

    @property
    def account(self):
        return self.get(reverse("loyalty:overview"))

    @property
    def dashboard(self):
        return self.get(reverse("dashboard:order-detail", args=[self.order.number]), staff())

    @property
    def entries(self):
        with clock.at(self.at):
            return api_of(self.order.user).get("entries").json()["entries"]

    def letter(self):
        mail.outbox = []
        with clock.at(self.at):
            list(jobs.run(only="messages", at=self.at))
        (found,) = [found.body for found in mail.outbox if self.order.number in found.body]
        return found.replace("\xa0", " ")


class TestAnOrderOfYesterday:
    def placed(self, unit, *, counted):
        user = a_user()
        give(user, 500, unit[0])
        hand(unit[1], user, 1, until=day(12, 31), at=day(3, 1))
        with clock.at(PLACED):
            basket = use(user, a_basket(user, (a_product(price="100.50"), 1)), 500, unit=unit[0], at=PLACED)
            order = pay(basket)
            type(order).objects.filter(pk=order.pk).update(date_placed=PLACED)
        if counted:
            sync_orders(order_ids=[order.pk], at=PLACED)
        everything_changes(unit[0])
        order.refresh_from_db()
        return order

    @pytest.mark.parametrize("counted", [True, False], ids=["counted", "waiting in a queue"])
    def test_brings_the_same_everywhere(self, unit, counted):
        places = Places(self.placed(unit, counted=counted), CHANGED)
        # 95.50 paid, half as much again by the level, rounded down once, and 20 for the first order.
        said = text_of(places.thank_you)
        assert "You will get 163 paws" in said
        assert "14 days after delivery, when the return period is over" in said
        assert "500 paws used" in said
        account = places.account
        assert numbers(account, "pending") == [163]
        assert "Ready 14 days after delivery." in text_of(account)
        assert numbers(places.dashboard, "earn") == [163]
        assert "500 paws used" in text_of(places.dashboard)
        assert places.entries[0]["on_the_way"] == 163
        letter = places.letter()
        assert "163 paws" in letter
        assert "14 days after delivery" in letter
        assert of(places.order.user)[1] == 163
        assert_clean()

    def test_is_ready_on_the_same_day_everywhere(self, unit):
        order = arrive(self.placed(unit, counted=True), on=DELIVERED)
        places = Places(order, SEEN)
        assert "on 24 April 2026, when the return period is over" in text_of(places.thank_you)
        assert "Ready on 24 April 2026." in text_of(places.account)
        assert "ready on 24 April 2026" in text_of(places.dashboard)
        assert "24 April 2026" in places.letter()
        ripen(on=day(4, 24))
        assert of(order.user)[0] == 163

    def test_runs_out_on_the_day_that_was_promised(self, unit):
        arrive(self.placed(unit, counted=True), on=DELIVERED)
        ripen(on=day(4, 24))
        lot = Award.objects.get().account.lots.get(source__startswith="order:")
        assert lot.expires_at == day(4, 30, 2027).replace(hour=22)

    def test_adds_up_where_a_line_came_late(self, unit):
        order = self.placed(unit, counted=True)
        line = order.lines.get()
        line.pk, line.product, line.title = None, a_product("Late"), "Late"
        for name, value in costs("10.00", "10.00").items():
            setattr(line, name, value)
        line.save(force_insert=True)
        sync_orders(order_ids=[order.pk], at=CHANGED)
        places = Places(order, CHANGED)
        said = text_of(places.thank_you)
        assert "You will get 178 paws" in said
        assert "Rounded down 163 paws" in said
        assert "Added to the order later: €10.00 +15" in said
        assert "In all 178 paws" in said
        assert "In all: 178 paws" in text_of(places.dashboard)
        assert numbers(places.dashboard, "earn") == [178]
        assert numbers(places.account, "pending") == [178]


class TestAGuestsOrderOfYesterday:
    def test_is_offered_for_what_it_will_bring(self, unit, client):
        order = imported(
            user=None, lines=[("100.50", 1)], placed_at=PLACED, status="Pending", guest_email="boris@example.com"
        )
        sync_orders(order_ids=[order.pk], at=PLACED)
        everything_changes(unit[0])
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        with clock.at(CHANGED):
            said = text_of(client.get(reverse("checkout:thank-you")))
        assert "This order brings 120 paws" in said
        assert "Ready 14 days after delivery" in said


class TestAnOrderThatWasMoved:
    def test_says_nothing_of_its_points_to_whoever_has_it_now(self, unit):
        user, anna = a_user(), a_user("anna@example.com")
        order = buy(user, (a_product(price="50.00"), 1), on=PLACED)
        order.user = anna
        order.save()
        sync_orders(order_ids=[order.pk], at=CHANGED)
        assert "paws" not in text_of(Places(order, CHANGED).thank_you).partition("Order total")[0]
        with clock.at(CHANGED):
            client = Client()
            client.force_login(user)
            account = client.get(reverse("loyalty:overview"))
        assert numbers(account, "pending") == [70]
        assert reverse("customer:order", args=[order.number]) not in account.content.decode()


class TestTheReasonWhyAnOrderBringsNone:
    @pytest.fixture
    def order(self, unit):
        """Placed in a pause."""
        change_state(program=Program.objects.get(), to="paused", actor="system", at=day(3, 30))
        forget_cache()
        order = buy(a_user(), (a_product(price="50.00"), 1), on=PLACED)
        change_state(program=Program.objects.get(), to="live", actor="system", at=day(4, 2))
        forget_cache()
        return order

    def test_is_that_of_its_day(self, order):
        type(order).objects.filter(pk=order.pk).update(date_placed=day(4, 5), user=a_user("anna@example.com"))
        assert "None: no orders earned when it was placed." in text_of(Places(order, CHANGED).dashboard)


class TestAPreviewOfALadder:
    def test_counts_moved_orders_for_whoever_placed_them(self, unit):
        user, anna = a_user(), a_user("anna@example.com")
        order = buy(user, (a_product(price="50.00"), 1), on=PLACED)
        buy(anna, (a_product(price="30.00"), 1), on=PLACED)
        type(order).objects.filter(pk=order.pk).update(user=anna)
        sync_orders(order_ids=[order.pk], at=CHANGED)
        _buyers, counted = draw(program=unit[0].program, metric="spend", window="calendar-year", at=CHANGED)
        assert [one.value for one in counted[anna.pk]] == [3000]
