"""What a store of its own adds to the page of an order: told the order, for its customer alone."""

import pytest
from django.template import TemplateDoesNotExist
from django.urls import reverse

from loyalty_oscar import extend
from tests.storefront import TODAY, a_club, a_product, a_user, buy

pytestmark = pytest.mark.django_db


@pytest.fixture
def piece():
    """A piece that is there for a while, and what it was told."""
    told = []

    @extend.contributions.register("account:order", "of-the-store", order=30)
    def shown(*, subject, request):
        told.append((subject, request.user))
        return "loyalty/widgets/review.html", {}

    yield told
    extend.contributions.at("account:order").unregister("of-the-store")


def page_of(order, client):
    client.force_login(order.user)
    return client.get(reverse("customer:order", args=[order.number]))


class TestAnOrdersPage:
    @pytest.fixture
    def order(self):
        a_club()
        return buy(a_user(), (a_product(), 1), on=TODAY)

    def test_shows_what_a_store_registers(self, order, piece, client):
        assert 'data-loyalty="reviewed"' in page_of(order, client).content.decode()
        assert piece[0] == (order, order.user)

    def test_stands_where_nobody_has_anything_to_say(self, order, client):
        assert page_of(order, client).status_code == 200

    def test_goes_without_a_piece_that_fails(self, order, client, caplog):
        @extend.contributions.register("account:order", "broken", order=30)
        def broken(*, subject, request):
            raise TemplateDoesNotExist("store/gone.html")

        try:
            assert page_of(order, client).status_code == 200
        finally:
            extend.contributions.at("account:order").unregister("broken")
        assert "broken" in caplog.text
