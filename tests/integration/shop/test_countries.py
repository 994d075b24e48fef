"""In which country a member lives: by the addresses of the account, else by the last order."""

import pytest
from oscar.core.loading import get_model

from loyalty_oscar.program.registries import fact_of, facts
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.testing.factories import MemberFactory
from tests.storefront import TODAY, a_club, a_product, a_user, buy, day

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit():
    return a_club()


@pytest.fixture
def member(unit):
    return MemberFactory(program=unit.program, user=a_user(), joined_at=day(1, 1))


def country(code):
    names = {"name": code, "printable_name": code}
    return get_model("address", "Country").objects.get_or_create(iso_3166_1_a2=code, defaults=names)[0]


def an_address(user, code, **fields):
    place = {"last_name": "B", "line1": f"Way {code}", "line4": "Town", "postcode": "1"}
    return get_model("address", "UserAddress").objects.create(user=user, country=country(code), **place, **fields)


def an_order(user, shipped=None, billed=None, *, on):
    order = buy(user, (a_product(), 1), on=on)
    place = {"last_name": "B", "line1": "Way", "line4": "Town", "postcode": "1"}
    order.shipping_address = shipped and get_model("order", "ShippingAddress").objects.create(
        country=country(shipped), phone_number="", **place
    )
    order.billing_address = billed and get_model("order", "BillingAddress").objects.create(
        country=country(billed), **place
    )
    order.save()


def lives_in(member):
    return fact_of(name="country", member_id=member.pk, at=TODAY)


class TestAMemberLives:
    def test_nowhere_that_is_known_without_an_address(self, member):
        an_order(member.user, on=day(3, 1))
        assert lives_in(member) is None

    def test_where_goods_are_shipped_to_first(self, member):
        an_order(member.user, "CH", on=day(3, 1))
        an_address(member.user, "FR")
        an_address(member.user, "DE", is_default_for_billing=True)
        assert lives_in(member) == "DE"
        an_address(member.user, "AT", is_default_for_shipping=True)
        assert lives_in(member) == "AT"

    @pytest.mark.parametrize(("shipped", "billed"), [("CH", "DE"), (None, "CH")])
    def test_else_where_the_last_order_went(self, member, shipped, billed):
        an_order(member.user, "FR", "FR", on=day(3, 1))
        an_order(member.user, shipped, billed, on=day(3, 2))
        assert lives_in(member) == "CH"

    def test_nowhere_once_forgotten(self, member):
        an_address(member.user, "AT", is_default_for_shipping=True)
        erase(member=member, at=TODAY)
        assert lives_in(member) is None

    def test_it_takes_one_query_for_many(self, unit, django_assert_num_queries):
        members = [MemberFactory(program=unit.program, user=a_user(f"{n}@example.com")) for n in range(3)]
        for place, member in enumerate(members):
            an_address(member.user, ("AT", "DE", "FR")[place], is_default_for_shipping=True)
        with django_assert_num_queries(1):
            found = facts.get("country")(members=[one.pk for one in members], at=TODAY)
        assert list(found.values()) == ["AT", "DE", "FR"]
