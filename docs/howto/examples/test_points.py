from datetime import timedelta
from decimal import Decimal

import pytest
from oscar.test.basket import add_product
from oscar.test.factories import UserFactory, create_basket, create_order, create_product

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import a_program, clock


@pytest.mark.django_db
def test_an_order_earns_and_its_points_become_ready(django_capture_on_commit_callbacks, settings):
    settings.OSCAR_ORDER_STATUS_PIPELINE = {}  # This shop keeps no statuses.
    a_program(currency="EUR", points=2, hold_days=14)
    basket, customer = create_basket(empty=True), UserFactory()
    add_product(basket, product=create_product(price=Decimal("24.90"), num_in_stock=1))

    with django_capture_on_commit_callbacks(execute=True):
        create_order(basket=basket, user=customer, currency="EUR")

    account = Account.objects.get(member__user=customer)
    assert (account.available, account.pending) == (0, 49)

    with clock.at(clock.now() + timedelta(days=15)):
        for _step in jobs.run(only="mature"):
            pass

    account.refresh_from_db()
    assert (account.available, account.pending) == (49, 0)
