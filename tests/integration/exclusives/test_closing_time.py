"""What is left of a sale when it is over: places, counts, baskets, messages, hidden products."""

from datetime import timedelta

import pytest
from django.db.models import F
from oscar.core.loading import get_class, get_model

from loyalty_oscar.exclusives import operations, reminders
from loyalty_oscar.exclusives.models import QuotaCounter, Reminder, Reservation, Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member
from loyalty_oscar.shop.exclusives.doctor import sales
from loyalty_oscar.shop.pricing.gate import set_gates
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.shop.upkeep.doctor import Level
from tests.storefront import a_basket, day

from .sales import ENDS_AT, GOLD, GOLD_FROM, PUBLIC_FROM, a_member_of, a_sale

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def reserve(sale, basket, pieces, *, at):
    operations.reserve(wanted={sale: pieces}, user_id=1, slot=f"basket:{basket}", at=at)


def told(level, at):
    return [finding.text for finding in sales(at=at) if finding.level == level]


def do(name, *, at):
    return sum(step.done for step in jobs.run(only=name, at=at) if step.finished)


class TestASaleThatIsOver:
    def test_gives_back_what_baskets_had_reserved_and_keeps_what_orders_bought(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=10)
        reserve(sale, 1, 2, at=ENDS_AT - MINUTE)
        operations.buy(wanted={sale: {carrier.pk: 3}}, user_id=2, slot="basket:2", order_id=7, at=ENDS_AT - MINUTE)
        assert do("places", at=ENDS_AT + 20 * MINUTE) == 2
        assert (QuotaCounter.objects.get().taken, Reservation.objects.get().order_id) == (3, 7)
        assert do("places", at=ENDS_AT + 40 * MINUTE) == 0

    def test_asks_the_plain_price_for_what_is_in_a_basket(self, unit, carrier):
        a_sale(unit, carrier, percent=20)
        gold = a_member_of(unit, GOLD)
        saved = a_basket(gold, (carrier, 2))
        for at, total in ((GOLD_FROM, "92.64"), (ENDS_AT, "115.80")):
            with clock.at(at):
                basket = get_model("basket", "Basket").objects.get(pk=saved.pk)
                strategy = get_class("partner.strategy", "Selector")().strategy()
                basket.strategy = set_gates(strategy=strategy, visit=Visit(None, gold))
                assert str(basket.total_incl_tax) == total

    def test_forgets_messages_that_never_came_and_keeps_those_that_did(self, unit, carrier):
        sale = a_sale(unit, carrier, public_from=None)
        gold, member = a_member_of(unit, GOLD), a_member_of(unit, 0)
        for user in (gold, member):
            found = Member.objects.get(user=user)
            reminders.ask(sale=sale, member=found, words="One message.", at=day(5, 6))
        do("reminders", at=GOLD_FROM)
        do("reminders", at=ENDS_AT)
        row = Reminder.objects.get()
        assert (row.member.user, row.told_at) == (gold, GOLD_FROM)

    def test_that_left_products_hidden_is_named_by_the_doctor_for_a_while(self, unit, carrier):
        a_sale(unit, carrier, mode=Sale.Mode.HIDE, public_from=None)
        carrier.is_public = False
        carrier.save()
        said = (
            f"“First on the trail”: It is over, but these products are still hidden: Explorer carrier ({carrier.pk})."
        )
        assert said in told(Level.NOTE, ENDS_AT)
        assert told(Level.NOTE, ENDS_AT - MINUTE) == []
        assert told(Level.NOTE, ENDS_AT + timedelta(days=31)) == []


class TestACount:
    def test_that_is_right_is_left_alone(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=10)
        reserve(sale, 1, 2, at=PUBLIC_FROM)
        assert operations.miscounted() == {}
        assert do("sale-counts", at=PUBLIC_FROM) == 0
        assert QuotaCounter.objects.get().taken == 2

    @pytest.mark.parametrize("wrong", [0, 5])
    def test_that_is_wrong_is_told_and_set_right_at_night(self, unit, carrier, wrong):
        sale = a_sale(unit, carrier, quota=10)
        reserve(sale, 1, 2, at=PUBLIC_FROM)
        QuotaCounter.objects.update(taken=wrong)
        assert any("not the sum" in text for text in told(Level.WARNING, PUBLIC_FROM))
        assert do("sale-counts", at=PUBLIC_FROM) == 1
        assert QuotaCounter.objects.get().taken == 2
        assert not any("not the sum" in text for text in told(Level.WARNING, PUBLIC_FROM))

    def test_never_passes_the_quota(self, unit, carrier):
        sale = a_sale(unit, carrier, quota=3)
        reserve(sale, 1, 2, at=PUBLIC_FROM)
        Reservation.objects.update(quantity=F("quantity") + 5)
        assert do("sale-counts", at=PUBLIC_FROM) == 1
        assert QuotaCounter.objects.get().taken == 3
