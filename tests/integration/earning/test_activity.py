"""Points that run out after inactivity: orders move their dates, and those that came to nothing never did."""

import pytest
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.models import Lot
from loyalty_oscar.ledger.operations.freezing import freeze
from loyalty_oscar.ledger.operations.merging import merge
from loyalty_oscar.ledger.operations.program_wide import put_off_all
from loyalty_oscar.ledger.operations.skipping import Skips
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from tests.orders import imported
from tests.points import give
from tests.storefront import a_club, a_user, day, send_back

pytestmark = pytest.mark.django_db
ENDS = day(4, 1, 2027)


@pytest.fixture
def boris(db):
    """Who has points that run out in April 2027, and twelve months after the month of the last order."""
    unit = a_club(expiry=Program.Expiry.INACTIVITY, expiry_months=12)
    return give(a_user(), 100, unit, until=ENDS).member.user


def an_order(user, placed_at, number, *, price="10.00"):
    order = imported(user=user, lines=[(price, 1)], placed_at=placed_at, number=number)
    sync_orders(order_ids=[order.pk], at=placed_at)
    return order


def status(order, to, at):
    get_model("order", "Order").objects.filter(pk=order.pk).update(status=to)
    sync_orders(order_ids=[order.pk], at=at)


def month():
    """The month at whose end, in Berlin, the points run out."""
    told = Lot.objects.get(source="gift").expires_at
    return told.year, told.month


def is_frozen(user):
    told = {"until": None, "earns": False, "reason": "To look", "actor": "system", "at": day(5, 1)}
    freeze(member=Member.objects.get(user=user), **told)
    forget_cache()


class TestAnOrderThatCameToNothing:
    def test_lets_points_go_though_it_brought_none(self, boris):
        is_frozen(boris)
        order = an_order(boris, day(5, 4), "1")
        assert month() == (2027, 5)
        status(order, "Cancelled", day(5, 5))
        assert month() == (ENDS.year, ENDS.month)

    def test_does_so_after_another_one_did(self, boris):
        for number, placed_at in (("1", day(5, 4)), ("2", day(6, 4))):
            order = an_order(boris, placed_at, number)
            assert month() == (2027, placed_at.month)
            status(order, "Cancelled", placed_at)
            assert month() == (ENDS.year, ENDS.month)

    def test_leaves_what_another_order_of_the_same_month_keeps(self, boris):
        first = an_order(boris, day(5, 4), "1")
        second = an_order(boris, day(5, 8), "2")
        status(first, "Cancelled", day(5, 9))
        assert month() == (2027, 5)
        status(second, "Cancelled", day(5, 10))
        assert month() == (ENDS.year, ENDS.month)

    def test_leaves_what_an_order_keeps_that_brought_nothing(self, boris):
        is_frozen(boris)
        an_order(boris, day(5, 4), "1")
        later = an_order(boris, day(6, 4), "2")
        status(later, "Cancelled", day(6, 5))
        assert month() == (2027, 5)

    def test_keeps_points_again_once_it_stands_again(self, boris):
        order = an_order(boris, day(5, 4), "1")
        for to, right in (("Cancelled", ENDS.month), ("Delivered", 5), ("Cancelled", ENDS.month)):
            status(order, to, day(5, 5))
            assert month() == (2027, right)


class TestAPause:
    def test_stays_where_it_moved_dates_to(self, boris):
        order = an_order(boris, day(5, 4), "1")
        program = Program.objects.get()
        told = {"key": "pause:1", "because": Because("paused"), "at": day(6, 4), "skips": Skips()}
        assert put_off_all(program_id=program.pk, since=day(5, 5), until=day(6, 4), **told) == 1
        before = Lot.objects.get(source="gift").expires_at
        status(order, "Cancelled", day(6, 5))
        assert Lot.objects.get(source="gift").expires_at == before


class TestAMergedMember:
    def test_has_points_that_are_let_go_too(self, boris):
        order = an_order(boris, day(5, 4), "1")
        other = a_user("other@example.com")
        into = give(other, 5, Member.objects.get(user=boris).program.unit, source="own").member
        merge(member=Member.objects.get(user=boris), into=into, actor="system", at=day(5, 5))
        assert Lot.objects.get(source="gift", account__member=into).expires_at.month == 5
        status(order, "Cancelled", day(5, 6))
        assert Lot.objects.get(source="gift", account__member=into).expires_at == ENDS


class TestAnOrderWhoseGoodsCameBack:
    def test_was_an_order_all_the_same(self, boris):
        order = an_order(boris, day(5, 4), "1")
        send_back(order, 1, on=day(5, 20))
        assert month() == (2027, 5)
        later = an_order(boris, day(6, 4), "2")
        status(later, "Cancelled", day(6, 5))
        assert month() == (2027, 5)
