"""What staff do on Oscar's own order pages moves the points, without a word from them."""

import pytest
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import Award
from loyalty_oscar.ledger.models import Account, Lot
from tests import orders
from tests.once import a_program

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order():
    a_program()
    return orders.place(user=UserFactory(), lines=[("18.55", 2), ("7.99", 1), ("3.33", 3)])


@pytest.fixture
def staff(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def post(staff, order, **data):
    answer = staff.post(reverse("dashboard:order-detail", kwargs={"number": order.number}), data)
    assert answer.status_code == 302
    return Account.objects.get(member__user=order.user)


class TestTheOrderPage:
    def test_dates_the_points_when_the_order_is_delivered(self, order, staff):
        for status in ("Being processed", "Shipped", "Delivered"):
            post(staff, order, order_action="change_order_status", new_status=status)
        assert Lot.objects.get().available_at is not None

    def test_takes_a_units_points_back_when_a_return_is_entered(self, order, staff):
        returned = get_model("order", "ShippingEventType").objects.create(name="Returned")
        line = order.lines.get(quantity=2)
        points = Award.objects.get().lines.get(line=line.pk).points
        entered = {
            "line_action": "create_shipping_event",
            "shipping_event_type": returned.code,
            "reference": "parcel 7",
            "selected_line": line.pk,
            f"selected_line_qty_{line.pk}": 1,
        }
        assert post(staff, order, **entered).net == 55 - points // 2
        assert post(staff, order, **entered).net == 55 - points

    def test_takes_a_lines_points_back_when_it_is_cancelled(self, order, staff):
        line = order.lines.get(quantity=3)
        points = Award.objects.get().lines.get(line=line.pk).points
        account = post(
            staff, order, line_action="change_line_statuses", new_status="Cancelled", selected_line=line.pk,
            **{f"selected_line_qty_{line.pk}": line.quantity},
        )  # fmt: skip
        assert account.net == 55 - points

    def test_takes_everything_back_when_the_order_is_cancelled(self, order, staff):
        assert post(staff, order, order_action="change_order_status", new_status="Cancelled").net == 0
