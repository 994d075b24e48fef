"""An order earns however it came to be, and a return takes exactly its units' points back."""

from datetime import timedelta

import pytest
from django.utils import timezone
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Lot
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Event, Member, ProgramSite
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.shop.orders import sync
from tests import orders
from tests.once import a_program

pytestmark = pytest.mark.django_db(transaction=True)
LINES = [("18.55", 2), ("7.99", 1), ("3.33", 3)]  # 37.10 + 7.99 + 9.99 = 55.08

USED = Because("order_paid", order=1)


def swept(**kwargs):
    return sum(step.looked_at for step in sync.sweep(at=clock.now(), **kwargs))


def account_of(user):
    return Account.objects.get(member__user=user)


class TestAnOrderThroughTheCheckout:
    def test_brings_points_on_the_way_at_once(self):
        a_program()
        user = UserFactory()
        order = orders.place(user=user, lines=LINES)
        account = account_of(user)
        assert (account.pending, account.available) == (55, 0)
        assert Award.objects.get(source_id=order.pk).because["c"] == "earned"
        assert Event.objects.get().topic == "points-earned"

    def test_is_ready_when_it_is_delivered_and_the_return_period_is_over(self):
        a_program(time_zone="Europe/Berlin")
        user = UserFactory()
        order = orders.place(user=user, lines=LINES)
        orders.deliver(order)
        lot = Lot.objects.get()
        delivered = order.status_changes.get(new_status="Delivered").date_created
        assert abs(lot.available_at - delivered - timedelta(days=14)) < timedelta(seconds=5)
        assert list(ledger.mature_due(at=lot.available_at - timedelta(seconds=1))) == []
        assert [points for _account, points in ledger.mature_due(at=lot.available_at)] == [55]
        assert (account_of(user).available, account_of(user).pending) == (55, 0)

    def test_keeps_the_return_period_that_it_was_promised(self):
        unit = a_program()
        order = orders.place(user=UserFactory(), lines=LINES)
        unit.program.hold_days = 60
        unit.program.save()
        orders.deliver(order)
        assert timedelta(days=13) < Lot.objects.get().available_at - timezone.now() < timedelta(days=15)

    def test_gives_back_exactly_the_unit_that_returned_and_in_the_end_everything(self):
        a_program()
        user = UserFactory()
        order = orders.place(user=user, lines=LINES)
        line = order.lines.get(quantity=2)
        points = Award.objects.get().lines.get(line=line.pk).points
        orders.come_back(line=line, quantity=1)
        assert account_of(user).pending == 55 - points // 2
        orders.come_back(line=line, quantity=1)
        assert account_of(user).pending == 55 - points
        for other in order.lines.exclude(pk=line.pk):
            orders.come_back(line=other, quantity=other.quantity)
        assert account_of(user).net == 0

    def test_counts_a_unit_once_that_came_back_and_was_paid_back(self):
        a_program()
        user = UserFactory()
        order = orders.place(user=user, lines=[("10.00", 4)])
        orders.come_back(line=order.lines.get(), quantity=2)
        orders.paid_back(line=order.lines.get(), quantity=2)
        assert account_of(user).pending == 20

    def test_that_is_cancelled_by_mistake_gets_its_points_again_in_the_same_lot(self):
        a_program()
        user = UserFactory()
        order = orders.place(user=user, lines=[("10.00", 4)])
        for status in ("Cancelled", "Pending"):
            orders.Order.objects.filter(pk=order.pk).update(status=status)
            swept(everything=True)
            assert account_of(user).pending == (0 if status == "Cancelled" else 40)
        assert Lot.objects.get().granted == 40

    def test_whose_return_is_undone_after_its_delivery_is_ready_on_its_day(self):
        a_program()
        user = UserFactory()
        order = orders.place(user=user, lines=[("10.00", 1)])
        orders.come_back(line=order.lines.get(), quantity=1)
        orders.deliver(orders.Order.objects.get(pk=order.pk))
        orders.get_model("order", "ShippingEvent").objects.all().delete()
        swept(everything=True)
        lot = Lot.objects.get()
        assert (account_of(user).pending, lot.available_at) == (10, Award.objects.get().available_at)
        list(ledger.mature_due(at=lot.available_at))
        assert (account_of(user).available, account_of(user).pending) == (10, 0)
        assert [step.wrong for step in audit() if step.wrong] == []

    def test_keeps_the_terms_of_its_program_when_its_site_gets_another(self):
        a_program()
        order = orders.place(user=UserFactory(), lines=LINES)
        other = a_program(code="other", is_default=False, expiry="never")
        ProgramSite.objects.create(program=other.program, site_id=order.site_id)
        orders.deliver(order)
        lot = Lot.objects.get()
        assert lot.available_at is not None
        assert lot.expires_at is not None

    def test_without_money_paid_is_kept_with_its_reason(self):
        a_program()
        order = orders.place(user=UserFactory(), lines=[("0.00", 1)])
        award = Award.objects.get(source_id=order.pk)
        assert (award.points, award.because["c"], Entry.objects.count()) == (0, "nothing_paid", 0)


class TestAnOrderThatNoSignalTold:
    def test_by_import_is_found_by_the_sweep(self):
        a_program()
        user = UserFactory()
        orders.imported(user=user, lines=LINES, placed_at=timezone.now(), status="Pending")
        assert not Entry.objects.exists()
        assert swept() == 1
        assert account_of(user).pending == 55
        assert swept() == 0

    def test_changed_by_update_is_found_by_the_nightly_sweep(self):
        a_program()
        user = UserFactory()
        order = orders.place(user=user, lines=LINES)
        orders.Order.objects.filter(pk=order.pk).update(status="Cancelled")
        swept()
        assert account_of(user).net == 55
        swept(everything=True)
        assert account_of(user).net == 0

    def test_with_a_line_that_came_late_is_counted_and_rounded_again(self):
        a_program()
        user = UserFactory()
        order = orders.imported(user=user, lines=[("10.50", 1)], placed_at=timezone.now(), status="Pending")
        swept()
        assert account_of(user).pending == 10
        line = order.lines.get()
        line.pk = None
        line.save()
        assert account_of(user).pending == 21

    def test_without_lines_waits_for_them(self):
        a_program()
        order = orders.imported(user=UserFactory(), lines=[], placed_at=timezone.now())
        swept()
        assert not Award.objects.exists()
        assert sync.OrderSync.objects.get(order_id=order.pk).is_dirty

    def test_of_a_guest_brings_nothing_to_anybody(self):
        a_program()
        orders.imported(user=None, lines=LINES, placed_at=timezone.now(), guest_email="guest@example.com")
        swept()
        assert not Member.objects.exists()


class TestAFirstOrder:
    def test_is_one_even_of_two_that_were_imported_with_the_same_moment(self):
        unit, user, at = a_program(live_from=clock.now() - timedelta(days=9)), UserFactory(), clock.now()
        save_rule(
            unit=unit, code="first", name="First", type="first-order", params={"points": 100},
            actor="system", at=at - timedelta(days=8),
        )  # fmt: skip
        for number in ("one", "two"):
            placed_at = at - timedelta(days=1)
            orders.imported(user=user, lines=[("10.00", 1)], placed_at=placed_at, status="Pending", number=number)
        swept()
        assert account_of(user).pending == 120


class TestAnOrderFromBefore:
    def test_earns_nothing_by_signal_or_sweep(self):
        a_program()
        user = UserFactory()
        order = orders.imported(user=user, lines=LINES, placed_at=timezone.now() - timedelta(days=2))
        order.save()
        swept()
        swept(everything=True)
        assert not Entry.objects.exists()
        assert not Event.objects.exists()

    def test_earns_nothing_when_it_was_placed_during_a_pause(self):
        unit = a_program()
        at = timezone.now()
        change_state(program=unit.program, to="paused", actor="staff:1", at=at - timedelta(minutes=30))
        change_state(program=unit.program, to="live", actor="staff:1", at=at - timedelta(minutes=10))
        orders.imported(user=UserFactory(), lines=LINES, placed_at=at - timedelta(minutes=20), number="paused")
        orders.imported(user=UserFactory(), lines=LINES, placed_at=at - timedelta(minutes=40), number="before")
        swept()
        assert [award.points for award in Award.objects.all()] == [55]


class TestAReturnAfterThePointsAreGone:
    def test_leaves_points_to_make_up_which_the_next_order_pays(self):
        a_program(hold_days=0)
        user = UserFactory()
        order = orders.place(user=user, lines=[("40.00", 1)])
        orders.deliver(order)
        list(ledger.mature_due(at=clock.now()))
        account = account_of(user)
        assert account.available == 40
        hold = ledger.place_hold(
            account_id=account.pk, slot="basket:1", points=30, expires_at=clock.now() + timedelta(hours=1),
            because=USED, at=clock.now(),
        )  # fmt: skip
        ledger.capture(hold_id=hold.pk, account_id=account.pk, points=30, because=USED, at=clock.now())
        orders.come_back(line=order.lines.get(), quantity=1)
        account.refresh_from_db()
        assert (account.available, account.debt) == (0, 30)
        second = orders.place(user=user, lines=[("50.00", 1)])
        orders.deliver(second)
        list(ledger.mature_due(at=clock.now()))
        account.refresh_from_db()
        assert (account.available, account.debt) == (20, 0)


class TestAnOrderWhoseMarkWasLost:
    def test_is_not_awarded_again_and_is_in_line_with_the_next_look(self):
        a_program()
        user = UserFactory()
        order = orders.place(user=user, lines=[("40.00", 2)])
        sync.OrderSync.objects.all().delete()
        orders.come_back(line=order.lines.get(), quantity=1)
        assert account_of(user).net == 40
        assert sync.OrderSync.objects.get().failures == 0
        assert Award.objects.count() == 1
