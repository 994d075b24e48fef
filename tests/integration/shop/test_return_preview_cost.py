"""What Oscar's page of an order costs staff with everything on, and that looking at it writes nothing."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from oscar.test import factories

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import UseTermsFactory
from tests.integration.exclusives.sales import a_sale
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.integration.tiers.ladders import a_ladder
from tests.points import give, use
from tests.storefront import a_basket, a_product, a_user, arrive, day, numbers, ripen

from .test_return_preview import BOUGHT, SENT_BACK, desk, page  # noqa: F401

pytestmark = pytest.mark.django_db
#: Everything that Oscar's page, its forms, our panels and the look ahead ask, for one order that did all there is.
MOST = 60


@pytest.fixture
def order():
    """
    Priya's first order: brought by Boris, 500 paws used, up three levels with a gift each, a piece of a counted sale,
    three products.
    """
    club = an_inviting_club()
    UseTermsFactory(program=club.unit.program)
    a_ladder(unit=club.unit, gifts=(100, 200, 500))
    carrier = a_product("Carrier", "200.00")
    a_sale(club.unit, carrier, doors=(), quota=5, per_member=2, public_from=day(3, 1), ends_at=None)
    priya = a_user("priya@example.com")
    bring(club, priya)
    give(priya, 800, club.unit)
    forget_cache()
    with clock.at(BOUGHT), transaction.atomic():
        basket = a_basket(priya, (a_product("Bed", "300.00"), 1), (a_product("Bites", "10.00"), 3), (carrier, 1))
        basket = use(priya, basket, 500, unit=club.unit, at=BOUGHT)
        order = factories.create_order(basket=basket, user=priya, date_placed=BOUGHT)
    sync_orders(order_ids=[order.pk], at=BOUGHT)
    arrive(order, on=day(4, 3))
    ripen(on=day(4, 20))
    return order


class TestThePageOfAnOrderThatDidEverything:
    def test_asks_so_many_queries_and_writes_nothing(self, desk, order):  # noqa: F811
        address = page(order)
        with clock.at(SENT_BACK):
            desk.get(address)
            with CaptureQueriesContext(connection) as queries:
                answer = desk.get(address)
        said = [query["sql"] for query in queries.captured_queries]
        assert numbers(answer, "return-goes") == [1425, 150]
        assert "The gift for reaching Gold went back" in answer.content.decode()
        assert [sql for sql in said if not sql.startswith("SELECT")] == []
        assert len(said) <= MOST, "\n".join(said)
