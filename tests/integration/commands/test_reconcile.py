"""`loyalty_reconcile`: a second look at orders."""

from datetime import timedelta

import pytest
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders import reconcile
from loyalty_oscar.testing import clock
from tests.integration.commands.calling import books, expect_refusal, manage
from tests.once import a_program
from tests.orders import Order, imported

pytestmark = pytest.mark.django_db


@pytest.fixture
def order():
    """An order that no signal told, placed yesterday in a program of ten days."""
    at = clock.now()
    a_program(live_from=at - timedelta(days=10))
    imported(user=UserFactory(), lines=[("9.00", 1)], placed_at=at - timedelta(days=11), number="before")
    imported(user=UserFactory(), lines=[("9.00", 1)], placed_at=at - timedelta(days=5), number="last week")
    return imported(user=UserFactory(), lines=[("12.50", 2)], placed_at=at - timedelta(days=1))


class TestReconciling:
    def test_shows_and_posts_what_is_missing(self, order):
        said = manage("reconcile")
        assert f"order:{order.pk}:earn: +25 points on account" in said.out
        assert said.out.endswith("1 orders looked at; 1 differences posted, +25 points.\n")
        assert Award.objects.get().source_id == order.pk

    def test_shows_it_only_when_tried_dry(self, order):
        before = books()
        said = manage("reconcile --dry-run")
        assert "1 differences to post, +25 points." in said.out
        assert books() == before

    def test_finds_what_was_changed_in_silence_though_the_mark_says_settled(self, order):
        manage("reconcile")
        Order.objects.filter(pk=order.pk).update(status="Cancelled")
        OrderSync.objects.update(is_dirty=False, is_settled=True)
        said = manage("reconcile --since 3d")
        assert f"order:{order.pk}:sync:1: -25 points" in said.out
        assert Award.objects.get().given == 0

    def test_posts_nothing_the_second_time(self, order):
        manage("reconcile")
        before = books()
        assert "1 orders looked at; 0 differences posted." in manage("reconcile").out
        assert books() == before

    def test_reaches_back_as_far_as_told_but_never_before_the_program(self, order):
        assert "2 orders looked at; 2 differences" in manage("reconcile --since 400d").out
        assert not Award.objects.filter(source_id=Order.objects.get(number="before").pk).exists()

    def test_names_an_order_that_fails_and_does_the_others(self, order, monkeypatch):
        real, bad = reconcile.sync_orders, Order.objects.get(number="last week")

        def sync(*, order_ids, at):
            if bad.pk in order_ids:
                raise ZeroDivisionError("no luck")
            return real(order_ids=order_ids, at=at)

        monkeypatch.setattr(reconcile, "sync_orders", sync)
        said = manage("reconcile --since 9d")
        assert said.code == 1
        assert f"order {bad.pk} could not be looked at: ZeroDivisionError: no luck" in said.err
        assert Award.objects.get().source_id == order.pk
        assert OrderSync.objects.get(order_id=bad.pk).failures == 1

    def test_finds_nothing_where_there_is_no_program(self):
        assert manage("reconcile").out == "0 orders looked at; 0 differences posted.\n"


class TestBadInput:
    @pytest.mark.parametrize("since", ["soon", "2x", "-2d", "2026-13-01", "2999-01-01", "2026-05-05T12:00"])
    def test_is_refused(self, order, since):
        expect_refusal(f"reconcile --since={since}", says=since, code=2)
