"""A return is undone by deleting what says so, and that is seen at once."""

import logging

import pytest
from django.db import transaction
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders import receivers
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.orders import come_back, paid_back
from tests.storefront import a_club, a_product, a_user, arrive, buy, day

pytestmark = pytest.mark.django_db
BACK = day(3, 4)


@pytest.fixture
def order(django_capture_on_commit_callbacks):
    a_club()
    with django_capture_on_commit_callbacks(execute=True):
        return arrive(buy(a_user(), (a_product("Bed", "100.00"), 2), on=day(3, 1)), on=day(3, 2))


@pytest.fixture
def do(django_capture_on_commit_callbacks):
    """Do something as a request of staff does, and what comes after its commit."""

    def done(what):
        with clock.at(BACK), django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            what()
        assert_clean()
        return Account.objects.get().pending

    return done


def rows(name):
    return get_model("order", name).objects.all()


class TestAReturn:
    @pytest.mark.parametrize("back", [come_back, paid_back])
    @pytest.mark.parametrize("deleted", ["{}Event", "{}EventQuantity"])
    @pytest.mark.parametrize("one_by_one", [True, False])
    def test_is_undone_at_once_when_what_says_so_is_deleted(self, order, do, back, deleted, one_by_one):
        found = rows(deleted.format("Shipping" if back is come_back else "Payment"))
        assert do(lambda: back(line=order.lines.get(), quantity=1)) == 100
        assert do(lambda: [row.delete() for row in found] if one_by_one else found.delete()) == 200

    def test_is_undone_at_once_when_the_type_of_its_event_is_deleted(self, order, do):
        assert do(lambda: come_back(line=order.lines.get(), quantity=1)) == 100
        assert do(lambda: rows("ShippingEventType").delete()) == 200

    def test_is_marked_by_an_event_without_quantities(self, order, do):
        do(lambda: come_back(line=order.lines.get(), quantity=1))
        rows("ShippingEventQuantity").all()._raw_delete("default")
        OrderSync.objects.update(is_dirty=False)
        assert do(lambda: rows("ShippingEvent").get().delete()) == 200

    def test_is_left_to_the_sweep_where_noting_it_fails(self, order, do, monkeypatch, caplog):
        do(lambda: come_back(line=order.lines.get(), quantity=1))

        def fails(**kwargs):
            raise RuntimeError("no")

        monkeypatch.setattr(receivers, "note", fails)
        with caplog.at_level(logging.ERROR):
            assert do(lambda: rows("ShippingEvent").get().delete()) == 100
        assert "could not be noted" in caplog.text


class TestAStatus:
    def test_that_never_was_is_seen_at_once_when_its_row_is_deleted(self, order, do):
        seen = OrderSync.objects.get().fingerprint
        type(order).objects.update(status="Shipped")  # Says nothing to anybody.
        assert OrderSync.objects.get().fingerprint == seen
        do(lambda: order.status_changes.get(new_status="Delivered").delete())
        assert OrderSync.objects.get().fingerprint != seen


class TestAnOrder:
    def test_that_is_deleted_with_its_events_logs_no_fault(self, order, do, caplog):
        do(lambda: come_back(line=order.lines.get(), quantity=1))
        with caplog.at_level(logging.ERROR), clock.at(BACK), transaction.atomic():
            order.delete()
        assert caplog.text == ""
