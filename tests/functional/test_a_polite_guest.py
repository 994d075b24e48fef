"""A guest in somebody's shop: our faults stay ours, and what is the host's stays the host's."""

import logging

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError
from django.db.migrations.loader import MigrationLoader
from django.urls import reverse
from oscar.apps.order.signals import order_placed
from oscar.core.loading import get_model
from oscar.test.factories import UserFactory

import loyalty_oscar
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program import clock
from loyalty_oscar.program.hooks import order_effects
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders import receivers, sync
from tests import orders
from tests.once import a_program

pytestmark = pytest.mark.django_db(transaction=True)


class Broken:
    """A ledger that raises whatever it is asked."""

    def __init__(self, error):
        self.error = error

    def apply(self, *, orders, at, batch=""):
        raise self.error

    def set_codes(self):
        return ()


@pytest.fixture(params=[RuntimeError("the ledger is on fire"), DatabaseError("gone away")], ids=str)
def broken_ledger(request):
    order_effects.register("a-broken-one", order=99)(Broken(request.param))
    yield request.param
    order_effects.unregister("a-broken-one")


class TestAFaultOfOurs:
    def test_never_reaches_the_customer_and_is_made_good_by_the_sweep(self, broken_ledger, caplog):
        a_program()
        order = orders.place(user=UserFactory(), lines=[("10.00", 2)])
        assert order.lines.count() == 1
        assert Entry.objects.get().d_pending == 20  # what others do for the order is done
        mark = OrderSync.objects.get(order_id=order.pk)
        assert (mark.is_dirty, mark.failures) == (True, 1)
        assert str(broken_ledger) in mark.failed["a-broken-one"]
        assert "could not be synced" in caplog.text
        order_effects.unregister("a-broken-one")
        assert [step.looked_at for step in sync.sweep(at=clock.now())] == [1]
        mark.refresh_from_db()
        assert (mark.is_dirty, mark.failures, mark.failed) == (False, 0, {})
        assert Entry.objects.get().d_pending == 20

    def test_in_a_receiver_is_logged_and_not_raised(self, monkeypatch, caplog):
        a_program()
        order = orders.place(user=UserFactory(), lines=[("10.00", 2)])
        monkeypatch.setattr(receivers, "note", lambda **kwargs: 1 / 0)
        with caplog.at_level(logging.ERROR):
            orders.Order.objects.get(pk=order.pk).save()
            fresh = orders.Order.objects.get(pk=order.pk)
            order_placed.send(sender=None, order=fresh, user=fresh.user)
        assert caplog.text.count("could not be noted") == 2

    def test_before_anything_is_known_of_programs_is_logged_and_not_raised(self, monkeypatch, caplog):
        def no_tables():
            raise DatabaseError("no such table")

        monkeypatch.setattr(sync, "shown_units", no_tables)
        forget_cache()
        order = orders.place(user=UserFactory(), lines=[("10.00", 2)])
        assert orders.Order.objects.filter(pk=order.pk).exists()
        assert "could not be marked" in caplog.text

    def test_leaves_one_bad_order_behind_and_not_its_whole_batch(self, monkeypatch):
        a_program()
        good = orders.imported(user=UserFactory(), lines=[("5.00", 1)], placed_at=clock.now(), number="good")
        bad = orders.imported(user=UserFactory(), lines=[("5.00", 1)], placed_at=clock.now(), number="bad")
        real = sync.gather_orders

        def gather(*, order_ids, **kwargs):
            if bad.pk in order_ids:
                raise ValueError("cannot read this one")
            return real(order_ids=order_ids, **kwargs)

        monkeypatch.setattr(sync, "gather_orders", gather)
        steps = list(sync.sweep(at=clock.now()))
        assert [(step.looked_at, step.failed) for step in steps] == [(1, 1)]
        assert OrderSync.objects.get(order_id=good.pk).failures == 0
        assert "cannot read" in OrderSync.objects.get(order_id=bad.pk).error
        # However long nobody mends it: the count stops at what its column holds, and the sweep goes on.
        OrderSync.objects.filter(order_id=bad.pk).update(failures=sync.MOST_FAILURES)
        assert [step.failed for step in sync.sweep(at=clock.now())] == [1]
        assert OrderSync.objects.get(order_id=bad.pk).failures == sync.MOST_FAILURES == 32767


class TestBeforeAnyProgramIsLive:
    def test_an_order_costs_no_row_of_ours(self):
        orders.place(user=UserFactory(), lines=[("10.00", 2)])
        assert not OrderSync.objects.exists()
        assert list(sync.sweep(at=clock.now())) == []

    def test_pages_carry_nothing_of_ours(self, client):
        for name in ("catalogue:index", "basket:summary", "customer:login"):
            assert b"loyalty" not in client.get(reverse(name)).content


class TestTheHostsOwn:
    def test_rows_are_not_made_by_any_migration_or_signal_of_ours(self):
        call_command("migrate", verbosity=0)
        for label, model in (
            ("offer", "ConditionalOffer"),
            ("offer", "Range"),
            ("communication", "CommunicationEventType"),
        ):
            assert not get_model(label, model).objects.exists()

    def test_migrations_are_asked_for_by_their_first_only(self):
        ours = {config.label for config in apps.get_app_configs() if config.name in loyalty_oscar.SUITE}
        loader = MigrationLoader(None, ignore_no_migrations=True)
        foreign = {
            dependency
            for (label, _name), migration in loader.disk_migrations.items()
            if label in ours
            for dependency in migration.dependencies
            if dependency[0] not in ours
        }
        assert {name for _label, name in foreign} <= {"__first__"}

    def test_loaded_fixtures_earn_nothing(self, tmp_path):
        a_program()
        orders.imported(user=UserFactory(), lines=[("5.00", 1)], placed_at=clock.now())
        file = tmp_path / "orders.json"
        call_command("dumpdata", "order.order", "order.line", output=str(file))
        call_command("loaddata", str(file), verbosity=0)
        assert not Entry.objects.exists()
