"""What a marketplace, an ERP or a till has sold already is written down here, closed and sold out as it may be."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import transaction
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar import extend
from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import Door, QuotaCounter, Reservation
from loyalty_oscar.program import clock
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives.backstop import NotForSale
from loyalty_oscar.shop.exclusives.doctor import sales
from loyalty_oscar.shop.orders.elsewhere import check_sold_elsewhere
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.upkeep.doctor import Level
from tests.storefront import a_basket, a_product, a_user

from .sales import GOLD, GOLD_FROM, a_member_of, a_sale

pytestmark = pytest.mark.django_db
Order, Line = get_model("order", "Order"), get_model("order", "Line")
SECOND = timedelta(seconds=1)
#: What else the admin's page asks of a line.
LINE = {
    "partner_sku": "s", "num_allocated": 0, "line_price_incl_tax": 5, "line_price_excl_tax": 5,
    "line_price_before_discounts_incl_tax": 5, "line_price_before_discounts_excl_tax": 5,
}  # fmt: skip


def sold_by_the_marketplace(order):
    """A store's own function: orders of the marketplace bear its numbers."""
    return str(order.number).startswith("AMZ-")


def place(*things, number="X-1", user=None, at=GOLD_FROM):
    """Place an order as an interface does, through Oscar's creator."""
    with clock.at(at), transaction.atomic():
        return factories.create_order(basket=a_basket(user, *things), user=user, number=number, date_placed=at)


def one_by_one(*things, number="X-1", at=GOLD_FROM):
    """Write an order without a basket, line by line, as an ERP does."""
    prices = ("line_price_incl_tax", "line_price_excl_tax", "line_price_before_discounts_incl_tax")
    more = {"num_allocated": 0, "line_price_before_discounts_excl_tax": 1, **dict.fromkeys(prices, 1)}
    with clock.at(at), transaction.atomic():
        order = Order.objects.create(
            number=number, currency="EUR", date_placed=at, total_incl_tax=1, total_excl_tax=1, site_id=1
        )
        for product, quantity in things:
            Line.objects.create(order=order, product=product, title=product.title, quantity=quantity, **more)
    return order


def taken():
    return QuotaCounter.objects.get().taken, sum(Reservation.objects.values_list("quantity", flat=True))


@pytest.fixture(params=["block", "setting"])
def admitted(request, settings):
    """One of the two ways in: returns a function that writes an order through it."""
    if request.param == "setting":
        settings.LOYALTY_SOLD_ELSEWHERE = f"{__name__}.sold_by_the_marketplace"
        return lambda write, *things, **more: write(*things, number="AMZ-1", **more)

    def within(write, *things, **more):
        with extend.admitted_elsewhere():
            return write(*things, **more)

    return within


@pytest.mark.parametrize("write", [place, one_by_one])
class TestAnOrderThatWasSoldElsewhere:
    def test_is_written_down_though_its_product_is_closed_to_the_buyer(self, unit, carrier, admitted, write):
        a_sale(unit, carrier)
        assert admitted(write, (carrier, 1)).lines.count() == 1

    def test_takes_its_pieces_of_a_counted_sale(self, unit, carrier, admitted, write):
        a_sale(unit, carrier, quota=10)
        order = admitted(write, (carrier, 3))
        assert taken() == (3, 3)
        assert (Reservation.objects.get().order_id, Reservation.objects.get().bought) == (
            order.pk,
            {str(carrier.pk): 3},
        )
        assert operations.miscounted() == {}

    def test_may_take_more_than_there_are_and_is_counted_as_all(self, unit, carrier, admitted, write):
        a_sale(unit, carrier, quota=2, per_member=1)
        admitted(write, (carrier, 5))
        assert taken() == (2, 5)
        assert operations.miscounted() == {}
        assert operations.oversold() == {QuotaCounter.objects.get().sale_id: 5}
        with pytest.raises(NotForSale):
            place((carrier, 1), user=a_member_of(unit, GOLD), number="next")
        assert taken() == (2, 5)

    def test_is_named_by_the_doctor_where_more_are_sold_than_there_are(self, unit, carrier, admitted, write):
        a_sale(unit, carrier, quota=2)
        admitted(write, (carrier, 5))
        said = [finding.text for finding in sales(at=GOLD_FROM) if finding.level == Level.WARNING]
        assert "“First on the trail”: 5 pieces are sold of 2" in said

    def test_gives_back_when_it_is_canceled_what_is_over_first(self, unit, carrier, admitted, write):
        a_sale(unit, carrier, quota=4)
        place((carrier, 1), user=a_member_of(unit, GOLD), number="mine")
        order = admitted(write, (carrier, 5))
        assert taken() == (4, 6)
        order.status = "Cancelled"
        order.save()
        sync_orders(order_ids=[order.pk], at=GOLD_FROM + timedelta(hours=1))
        assert taken() == (1, 1)
        assert operations.oversold() == {}

    def test_leaves_its_sale_to_be_ended_though_more_are_sold_than_there_are(self, unit, carrier, admitted, write):
        sale = a_sale(unit, carrier, quota=2)
        admitted(write, (carrier, 5))
        sale.is_on = False
        sale.clean()
        sale.save()
        assert taken() == (2, 5)
        assert operations.miscounted() == {}
        sale.quota = 1
        with pytest.raises(ValidationError, match="5 pieces are taken already"):
            sale.clean()

    def test_takes_nothing_of_a_sale_that_has_not_begun(self, unit, carrier, admitted, write):
        a_sale(unit, carrier, quota=10)
        admitted(write, (carrier, 3), at=GOLD_FROM - SECOND)
        assert taken() == (0, 0)


@pytest.mark.parametrize("write", [place, one_by_one])
class TestAnOrderThatWasNot:
    def test_is_refused_as_ever(self, unit, carrier, settings, write):
        settings.LOYALTY_SOLD_ELSEWHERE = f"{__name__}.sold_by_the_marketplace"
        a_sale(unit, carrier, quota=10)
        with pytest.raises(NotForSale):
            write((carrier, 1))
        with extend.admitted_elsewhere():
            pass
        with pytest.raises(NotForSale):
            write((carrier, 1))
        assert (taken(), Order.objects.count()) == ((0, 0), 0)

    def test_is_refused_after_a_block_that_failed(self, unit, carrier, write):
        a_sale(unit, carrier)
        with pytest.raises(KeyError), extend.admitted_elsewhere():
            raise KeyError
        with pytest.raises(NotForSale):
            write((carrier, 1))


class TestTheSetting:
    def test_is_refused_where_it_is_no_function(self, settings):
        settings.LOYALTY_SOLD_ELSEWHERE = "shop.nowhere"
        with pytest.raises(SystemCheckError, match=r"loyalty_shop\.E002"):
            call_command("check")

    @pytest.mark.parametrize("path", ["", f"{__name__}.sold_by_the_marketplace"])
    def test_is_taken_where_it_is_one_or_empty(self, settings, path):
        settings.LOYALTY_SOLD_ELSEWHERE = path
        assert check_sold_elsewhere() == []


class TestTheAdminsPageOfAnOrder:
    @pytest.fixture
    def staff(self):
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "a good one"))
        return client

    @pytest.fixture
    def bowl(self):
        return a_product("Bowl", "9.00")

    @pytest.fixture
    def order(self, bowl):
        return place((bowl, 1), user=a_user())

    def save(self, staff, order, *more):
        """Open the page, add lines and save, as a browser does; returns the page that comes after."""
        address = reverse("admin:order_order_change", args=[order.pk])
        with clock.at(GOLD_FROM):
            page = staff.get(address)
            sent = self.fields(page)
            rows = int(sent["lines-TOTAL_FORMS"])
            for number, (product, quantity) in enumerate(more, start=rows):
                row = {"product": product.pk, "quantity": quantity, "title": product.title, "order": order.pk, **LINE}
                sent |= {f"lines-{number}-{name}": value for name, value in row.items()}
            sent["lines-TOTAL_FORMS"] = rows + len(more)
            page = staff.post(address, sent, follow=True)
        assert not (page.context or {}).get("errors"), page.context["errors"]
        return page

    def fields(self, page):
        """What a form holds when it is opened."""
        admin = page.context["adminform"].form
        forms = [admin, *(form for inline in page.context["inline_admin_formsets"] for form in inline.formset.forms)]
        forms += [inline.formset.management_form for inline in page.context["inline_admin_formsets"]]
        found = {}
        for form in forms:
            for bound in form:
                value = bound.value()
                widget = bound.field.widget
                if hasattr(widget, "decompress") and not isinstance(value, list):
                    for number, part in enumerate(widget.decompress(value)):
                        found[f"{bound.html_name}_{number}"] = part if part is not None else ""
                else:
                    found[bound.html_name] = getattr(value, "pk", value) if value is not None else ""
        return found

    def test_says_why_a_line_is_not_saved_and_saves_nothing(self, unit, carrier, staff, order):
        a_sale(unit, carrier, quota=3)
        page = self.save(staff, order, (carrier, 1))
        assert page.status_code == 200
        assert [str(message) for message in page.context["messages"]] == [
            "Nothing was saved. First on the trail is not open for you. Gold from 9 May · Everyone from 11 May."
        ]
        assert (order.lines.count(), taken()) == (1, (0, 0))

    def test_says_so_of_a_sale_that_has_no_piece_left(self, unit, carrier, staff, order):
        a_sale(unit, carrier, quota=1)
        Door.objects.update(rank=0)
        forget_cache()
        order.user = a_member_of(unit, 0)
        order.save()
        page = self.save(staff, order, (carrier, 2))
        assert "only 1 piece is left" in str(next(iter(page.context["messages"])))
        assert (order.lines.count(), taken()) == (1, (0, 0))

    def test_saves_what_is_for_sale_and_what_was_sold_elsewhere(self, unit, carrier, bowl, staff, order, settings):
        a_sale(unit, carrier, quota=3)
        self.save(staff, order, (bowl, 2))
        assert order.lines.count() == 2
        settings.LOYALTY_SOLD_ELSEWHERE = f"{__name__}.sold_by_the_marketplace"
        Order.objects.update(number="AMZ-7")
        self.save(staff, order, (carrier, 1))
        assert (order.lines.count(), taken()) == (3, (1, 1))
