"""T11: every signal twice and in any order ends in the same place, because only the state of the order counts."""

from itertools import permutations

import pytest
from django.db import connection
from django.utils import timezone
from oscar.apps.order.signals import order_placed, order_status_changed
from oscar.test.factories import UserFactory

from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry
from tests import orders
from tests.once import a_program

EVENTS = ("placed", "paid", "shipped", "half", "half", "cancelled")
#: On PostgreSQL each sixth ordering: in which order things happen is the same on every database.
EACH = 1 if connection.vendor == "sqlite" else 6


def twice(send):
    send()
    send()


def happen(event, order):
    """Let an event change the order, then tell of it twice."""
    if event == "placed":
        twice(lambda: order_placed.send(sender=None, order=order, user=order.user))
    elif event == "paid":
        kind, _made = orders.get_model("order", "PaymentEventType").objects.get_or_create(code="paid", name="Paid")
        order.payment_events.create(event_type=kind, amount=order.total_incl_tax)
        twice(order.save)
    elif event == "half":
        paid = orders.paid_back(line=order.lines.first(), quantity=1)
        twice(paid.line_quantities.get().save)
    else:
        order.refresh_from_db()
        old, order.status = order.status, "Cancelled" if "Cancelled" in (order.status, event.title()) else "Delivered"
        orders.Order.objects.filter(pk=order.pk).update(status=order.status)
        twice(lambda: order_status_changed.send(sender=order, order=order, old_status=old, new_status=order.status))


@pytest.mark.django_db
class TestAnyOrderOfEvents:
    @pytest.mark.parametrize("cancelled", [True, False], ids=["with a cancel", "without"])
    def test_ends_where_the_set_of_events_says(self, cancelled, django_capture_on_commit_callbacks):
        a_program()
        user, events = UserFactory(), EVENTS if cancelled else EVENTS[:5]
        orderings = sorted(set(permutations(events)))
        nets = set()
        for number, ordering in enumerate(orderings[::EACH]):
            at = timezone.now()
            order = orders.imported(
                user=user, lines=[("18.55", 2), ("7.99", 1)], placed_at=at, status="Pending", number=f"p{number}"
            )
            for event in ordering:
                with django_capture_on_commit_callbacks(execute=True):
                    happen(event, order)
            # An order that was cancelled before anybody looked at it leaves not even an account.
            account = Account.objects.filter(member__user=user).first()
            nets.add((account.net if account else 0) - (0 if cancelled else 8 * number))
        assert len(orderings) == (360 if cancelled else 60)
        # 18.55 × 2 + 7.99 = 45.09: 45 points; both halves of the first line go, 8 stay; a cancel takes all.
        assert nets == ({0} if cancelled else {8})
        assert not [progress.wrong for progress in audit() if progress.wrong]

    def test_posts_nothing_when_a_signal_comes_again(self, django_capture_on_commit_callbacks):
        a_program()
        order = orders.imported(user=UserFactory(), lines=[("18.55", 2)], placed_at=timezone.now(), status="Pending")
        with django_capture_on_commit_callbacks(execute=True):
            happen("placed", order)
        before = Entry.objects.count()
        for _again in range(3):
            with django_capture_on_commit_callbacks(execute=True):
                happen("placed", order)
                twice(order.save)
        assert before == Entry.objects.count() == 1
