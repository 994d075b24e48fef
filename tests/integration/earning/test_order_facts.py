"""A condition that asks about the order, as the how-to shows it: promised, given and kept by the same answer."""

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from loyalty_oscar import extend
from loyalty_oscar.earning.admin import reads
from loyalty_oscar.earning.models import Award, RuleVersion
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from tests import docs
from tests.orders import imported
from tests.storefront import TODAY, a_club, a_product, a_user, day, numbers

pytestmark = pytest.mark.django_db


@pytest.fixture
def club():
    """30 paws more for each piece bought through the app, beside the paw for each euro."""
    with docs.own_channel():
        unit = a_club()
        save_rule(
            unit=unit, code="app", name="In the app", type="per-unit", params={"points": 30},
            narrowed=[{"code": "channel", "params": {"channel": "app"}}], actor="system", at=day(1, 1, 2025),
        )  # fmt: skip
        yield unit


@pytest.fixture
def looked_at(client):
    """A page of the shop, as the web site or the app asks for it."""

    def get(name, *args, app=False, **session):
        kept = client.session
        kept.update(session)
        kept.save()
        with clock.at(TODAY):
            return client.get(reverse(name, args=args), **({"HTTP_X_SHOP_APP": "3"} if app else {}))

    return get


def ordered(user, number):
    """An order of 24.90 under a number, before anybody looked at it."""
    return imported(user=user, number=number, lines=[("24.90", 1)], placed_at=TODAY, status="Pending")


class TestAConditionAboutTheOrder:
    def test_says_itself(self, club):
        said = strip_tags(reads(RuleVersion.objects.get(rule__code="app"))).replace("\xa0", " ")
        assert said == "30 paws for each piece, in our app."

    @pytest.mark.parametrize(("number", "points"), [("APP-1", 54), ("1001", 24)])
    def test_is_told_what_the_order_is(self, club, number, points):
        order = ordered(a_user(), number)
        sync_orders(order_ids=[order.pk], at=TODAY)
        award = Award.objects.get(source_id=order.pk)
        assert (award.points, award.terms["facts"]["channel"]) == (points, "app" if points == 54 else "web")

    def test_keeps_what_it_was_told(self, club):
        order = ordered(a_user(), "APP-1")
        sync_orders(order_ids=[order.pk], at=TODAY)
        type(order).objects.update(number="1001")
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert Award.objects.get(source_id=order.pk).given == 54

    @pytest.mark.parametrize(("app", "points"), [(True, 54), (False, 24)])
    def test_is_promised_where_the_order_will_bring_it(self, club, client, looked_at, app, points):
        client.force_login(a_user())
        product = a_product(price="24.90")
        client.post(reverse("basket:add", args=[product.pk]), {"quantity": 1, "child_id": ""})
        assert numbers(looked_at("basket:summary", app=app), "earn") == [points]

    def test_is_promised_to_a_stranger_too(self, club, client, looked_at):
        product = a_product(price="24.90")
        client.post(reverse("basket:add", args=[product.pk]), {"quantity": 1, "child_id": ""})
        assert numbers(looked_at("basket:summary", app=True), "earn") == [54]

    def test_is_told_of_the_order_where_a_queue_has_yet_to_count_it(self, club, client, looked_at):
        user = a_user()
        client.force_login(user)
        order = ordered(user, "APP-1")
        assert numbers(looked_at("checkout:thank-you", checkout_order_id=order.pk), "earn") == [54]

    def test_admits_nothing_that_it_is_not_told_of(self, club):
        channel = extend.conditions.get("channel")(channel="app")
        assert not channel.admits(purchase=extend.Purchase(currency="EUR", placed_at=TODAY, lines=()), terms=None)
