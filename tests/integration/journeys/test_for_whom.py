"""Points for campaigns ask for whom they are meant: fresh accounts without order or address farm neither."""

from datetime import timedelta

import pytest
from django.contrib.sites.models import Site
from django.core.cache import cache
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar import extend
from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.journeys.operations import act, use_word
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.people.models import ConfirmedAddress, Receipt
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.program.models import ProgramSite
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.journeys.for_whom import final_orders
from loyalty_oscar.shop.journeys.listeners import mark_of
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.self_service import guests
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import UseTermsFactory
from tests.once import a_program
from tests.points import give, pay, use
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, buy, day, send_back, text_of

from .deeds import a_member, a_night, has
from .test_in_the_shop import signed_in

pytestmark = pytest.mark.django_db
OVERVIEW = reverse("loyalty:overview")
#: 5 June, and so many days before it.
BIRTHDAY = day(6, 5)
Order = get_model("order", "Order")


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()
    with clock.at(TODAY):
        yield


def plain(unit, occasion, **fields):
    """A campaign of which the merchant changed nothing."""
    told = {"code": occasion, "name": occasion.title(), "points": 50, **fields}
    return Campaign.objects.create(program=unit.program, occasion=occasion, **told)


def told(member, days_before):
    save_birthday(member=member, day=5, month=6, at=BIRTHDAY - timedelta(days=days_before))


def bought(member, *, price="20.00", on=None):
    """An order that arrived."""
    order = buy(member.user, (a_product(price=price), 1), on=on or day(3, 1))
    return arrive(order, on=order.date_placed + timedelta(days=2))


def gifts():
    return a_night(BIRTHDAY)


class TestABirthday:
    @pytest.fixture
    def member(self, unit):
        return a_member(unit)

    def test_of_a_fresh_account_without_an_order_brings_nothing(self, unit, member):
        plain(unit, "birthday")
        told(member, 60)
        assert gifts() == 0
        assert not Entry.objects.exists()

    @pytest.mark.parametrize(("days", "wanted"), [(0, 0), (29, 0), (30, 1), (31, 1)])
    def test_counts_when_it_was_told_thirty_days_before(self, unit, member, days, wanted):
        plain(unit, "birthday")
        bought(member)
        told(member, days)
        assert gifts() == wanted

    @pytest.mark.parametrize(("days", "wanted"), [(6, 0), (7, 1)])
    def test_counts_by_the_merchants_own_number(self, unit, member, days, wanted):
        plain(unit, "birthday", params={"told_days": 7})
        bought(member)
        told(member, days)
        assert gifts() == wanted

    def test_told_again_is_known_since_it_was_told_first_and_another_day_since_then(self, unit, member):
        plain(unit, "birthday")
        bought(member)
        told(member, 40)
        told(member, 3)
        assert gifts() == 1
        save_birthday(member=member, day=6, month=6, at=day(6, 1, 2027))
        assert a_night(day(6, 6, 2027)) == 0

    @pytest.mark.parametrize("undone", ["Cancelled", "sent back", "not delivered", "unpaid"])
    def test_counts_with_an_order_that_was_paid_arrived_and_stands(self, member, unit, undone):
        plain(unit, "birthday")
        told(member, 40)
        order = bought(member, price="0.00" if undone == "unpaid" else "20.00")
        if undone == "Cancelled":
            Order.objects.update(status="cancelled")
            sync_orders(order_ids=[order.pk], at=TODAY)
        elif undone == "sent back":
            send_back(order, 1, on=day(3, 5))
        elif undone == "not delivered":
            Order.objects.update(status="Shipped")
            order.status_changes.all().delete()
            # As if it had been so when it was first seen.
            OrderSync.objects.all().delete(), Receipt.objects.all().delete()
            sync_orders(order_ids=[order.pk], at=TODAY)
        assert gifts() == 0
        bought(member, on=day(4, 1))
        assert gifts() == 1

    def test_counts_no_order_that_was_paid_with_points_alone(self, unit, member):
        plain(unit, "birthday")
        told(member, 40)
        UseTermsFactory(program=unit.program)
        give(member.user, 2000, unit)
        basket = use(member.user, a_basket(member.user, (a_product(price="20.00"), 1)), 2000, unit=unit, at=day(4, 1))
        with clock.at(day(4, 1)):
            order = pay(basket)
        Order.objects.update(date_placed=day(4, 1))
        order.refresh_from_db()
        arrive(order, on=day(4, 3))
        assert order.total_incl_tax == 0
        assert gifts() == 0

    def test_asks_for_as_many_orders_as_the_merchant_says(self, unit, member):
        campaign = plain(unit, "birthday", least_orders=2)
        told(member, 40)
        bought(member)
        assert gifts() == 0
        Campaign.objects.filter(pk=campaign.pk).update(least_orders=0)
        assert gifts() == 1

    def test_counts_orders_of_both_who_became_one(self, unit, member):
        plain(unit, "birthday", least_orders=2)
        other = a_member(unit, "other@example.com")
        bought(member), bought(other)
        assert dict(final_orders(members=[member.pk, other.pk], at=TODAY)) == {member.pk: 1, other.pk: 1}
        merge(member=other, into=member, actor="staff:1", at=TODAY)
        assert dict(final_orders(members=[member.pk], at=TODAY)) == {member.pk: 2}

    def test_is_counted_by_receipts_in_one_query_for_everybody(self, unit, django_assert_num_queries):
        members = [a_member(unit, f"m{number}@example.com") for number in range(4)]
        for number, one in enumerate(members):
            for _order in range(number):
                bought(one)
        Order.objects.all().delete()
        with django_assert_num_queries(1):
            found = final_orders(members=[one.pk for one in members], at=TODAY)
        assert [found.get(one.pk, 0) for one in members] == [0, 1, 2, 3]
        assert not final_orders(members=[one.pk for one in members], at=day(3, 2))

    def test_counts_no_order_of_another_program(self, unit, member):
        plain(unit, "birthday")
        told(member, 40)
        other = a_program(live_from=day(1, 1, 2025), code="two", name="Two", is_default=False)
        site = Site.objects.create(domain="two.example", name="Two")
        ProgramSite.objects.create(program=other.program, site=site)
        forget_cache()
        arrive(buy(member.user, (a_product(price="20.00"), 1), on=day(3, 1), site=site), on=day(3, 3))
        assert gifts() == 0

    def test_of_several_gives_the_best_that_is_meant_for_somebody(self, unit, member):
        plain(unit, "birthday", points=200, least_orders=5)
        plain(unit, "birthday", code="small", points=20, params={"told_days": 0}, least_orders=0)
        told(member, 0)
        assert gifts() == 1
        assert Occurrence.objects.get(state="done").points == 20

    def test_says_on_the_account_page_what_it_asks(self, unit, member):
        plain(unit, "birthday")
        page = text_of(signed_in(member.user).get(OVERVIEW))
        assert "Tell us at least 30 days before. 1 order of yours must have arrived by then." in page


class TestOtherActions:
    def test_ask_for_no_order_unless_the_merchant_wants_one(self, unit):
        member, said = a_member(unit), {"program": unit.program, "occasion": "review", "detail": "1", "at": TODAY}
        campaign = plain(unit, "review", least_orders=1)
        assert act(user_id=member.user_id, **said) is None
        Campaign.objects.filter(pk=campaign.pk).update(least_orders=None)
        assert act(user_id=member.user_id, **said) is not None

    def test_of_a_store_say_by_themselves_how_many_orders_they_ask_for(self, unit):
        extend.occasions.register("wedding")(extend.Occasion(least_orders=1))
        try:
            plain(unit, "wedding")
            member = a_member(unit)
            assert extend.act(user=member.user, occasion="wedding") == 0
            bought(member)
            assert extend.act(user=member.user, occasion="wedding") == 50
        finally:
            extend.occasions.unregister("wedding")


class TestACodeWord:
    @pytest.fixture
    def member(self, unit):
        plain(unit, "word", word="woof24", confirmed_only=True)
        return a_member(unit)

    def used(self, unit, member):
        return use_word(program=unit.program, user_id=member.user_id, word="Woof-24", at=TODAY) is not None

    def test_that_asks_for_a_confirmed_address_brings_a_fresh_account_nothing(self, unit, member):
        assert not self.used(unit, member)
        assert not Entry.objects.exists()

    def test_brings_points_once_the_address_is_confirmed_by_its_link(self, unit, member):
        client = signed_in(member.user)
        page = client.get(OVERVIEW)
        assert "Some code words ask for a confirmed address: is boris@example.com yours?" in text_of(page)
        client.post(reverse("loyalty:address", args=[guests.make_token(user=member.user)]))
        assert "Some code words ask" not in text_of(client.get(OVERVIEW))
        assert self.used(unit, member)
        assert has(member) == (50, 0)

    def test_brings_points_where_the_store_confirms_addresses_itself(self, unit, member):
        extend.address_confirmed(user=member.user, email="Boris@Example.com")
        assert self.used(unit, member)

    def test_brings_points_where_the_address_was_confirmed_for_points_before_this_was_kept(self, unit, member):
        plain(unit, "sign-up")
        mark = mark_of(email=member.user.email)
        act(program=unit.program, user_id=member.user_id, occasion="sign-up", mark=mark, at=TODAY)
        assert not ConfirmedAddress.objects.exists()
        assert self.used(unit, member)

    def test_brings_nothing_for_another_address_than_was_confirmed(self, unit, member):
        extend.address_confirmed(user=member.user, email=member.user.email)
        type(member.user).objects.filter(pk=member.user_id).update(email="other@example.com")
        assert not self.used(unit, member)
        extend.address_confirmed(user=member.user, email="other@example.com")
        assert self.used(unit, member)

    def test_brings_nothing_for_an_address_that_somebody_else_confirmed(self, unit, member):
        extend.address_confirmed(user=a_user("priya@example.com"), email=member.user.email)
        assert not self.used(unit, member)

    def test_that_asks_for_an_order_brings_a_fresh_account_nothing(self, unit, member):
        Campaign.objects.update(confirmed_only=False, least_orders=1)
        assert not self.used(unit, member)
        bought(member)
        assert self.used(unit, member)

    def test_that_asks_for_nothing_says_nothing_of_addresses(self, unit, member):
        Campaign.objects.update(confirmed_only=False)
        assert "confirmed address" not in text_of(signed_in(member.user).get(OVERVIEW))
        assert self.used(unit, member)


class TestAConfirmedAddress:
    def test_is_exported_and_forgotten_with_the_person(self, unit):
        member = a_member(unit)
        extend.address_confirmed(user=member.user, email=member.user.email)
        assert export_member(member=member, at=TODAY)["member"]["address_confirmed_at"] == TODAY.isoformat()
        erase(member=member, at=TODAY)
        assert not ConfirmedAddress.objects.exists()

    def test_goes_with_the_account(self, unit):
        user = a_user()
        extend.address_confirmed(user=user, email=user.email)
        user.delete()
        assert not ConfirmedAddress.objects.exists()
