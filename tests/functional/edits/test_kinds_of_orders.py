"""Orders of every kind, edited: whatever a shop sells, in whatever currency, and however it writes its lines."""

from decimal import Decimal

import pytest
from django.contrib.sites.models import Site
from oscar.core.loading import get_class, get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.exclusives.models import QuotaCounter
from loyalty_oscar.program.models import PointWorth, Program, ProgramSite
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.exclusives.backstop import NotForSale
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.self_service.guests import keep_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Score
from tests.functional.edits import story
from tests.functional.edits.doing import done, night
from tests.functional.edits.ways import Add, Change, costs, forget_line
from tests.integration.exclusives.sales import a_member_of, a_sale, take
from tests.integration.ledger.books import assert_clean
from tests.integration.shop.test_tax_setups import SETUPS, a_mixed_basket
from tests.integration.tiers.ladders import a_ladder
from tests.once import a_program
from tests.orders import come_back, imported
from tests.points import give, of, pay, points_club, use
from tests.storefront import a_basket, a_product, a_user, buy, day, first_order_bonus

pytestmark = pytest.mark.django_db
Line, Order = get_model("order", "Line"), get_model("order", "Order")
PLACED, LATER = day(4, 1), day(4, 3)


def used(unit, *things, points=1000, user=None):
    """Somebody who used points on an order, and the order, looked at."""
    user = user or a_user()
    give(user, points, unit)
    with clock.at(PLACED):
        order = pay(use(user, a_basket(user, *things), points, unit=unit, at=PLACED))
    look(order)
    return user, order


def look(order, *, at=PLACED):
    sync_orders(order_ids=[order.pk], at=at)
    assert_clean()


def still_used():
    """How many points are still used, in all."""
    return sum(use.points - use.returned for use in Redemption.objects.exclude(order_id=None))


def brought():
    """What orders bring now, in all."""
    return sum(Award.objects.values_list("given", flat=True))


def counted():
    """What counts for levels now, in all."""
    return sum(Score.objects.values_list("value", flat=True))


def parted(monkeypatch, *shares):
    """Let the shop write lines of its own for each line of a basket: (product or None for the same, pieces, share)."""
    creator = get_class("order.utils", "OrderCreator")

    def create_line_models(self, order, basket_line, extra_line_fields=None):
        for product, pieces, share in shares:
            paid, listed = (
                (amount * Decimal(share)).quantize(Decimal("0.01"))
                for amount in (basket_line.line_price_incl_tax_incl_discounts, basket_line.line_price_incl_tax)
            )
            found = product or basket_line.product
            Line.objects.create(
                order=order, product=found, title=found.title, quantity=pieces, partner_name="", partner_sku="",
                num_allocated=0, status="Pending", unit_price_incl_tax=1, unit_price_excl_tax=1, **costs(paid, listed),
            )  # fmt: skip

    monkeypatch.setattr(creator, "create_line_models", create_line_models)
    monkeypatch.setattr(creator, "update_stock_records", lambda self, line: None)


class TestALineOfTheBasketThatBecomesSeveral:
    def test_of_its_product_keeps_its_points_on_all_of_them(self, unit, monkeypatch):
        parted(monkeypatch, (None, 1, "0.5"), (None, 1, "0.5"))
        _user, order = used(unit, (a_product(price="50.00"), 2))
        assert still_used() == 1000
        come_back(line=order.lines.first(), quantity=1)
        look(order)
        assert still_used() == 500
        order.lines.last().delete()
        look(order)
        assert still_used() == 0

    def test_of_other_products_keeps_its_points_on_all_of_them(self, unit, monkeypatch):
        parted(monkeypatch, (a_product("Bed"), 1, "0.7"), (a_product("Bowl"), 2, "0.3"))
        _user, order = used(unit, (a_product("Set", price="100.00"), 1))
        assert still_used() == 1000
        come_back(line=order.lines.get(title="Bowl"), quantity=1)
        look(order)
        assert still_used() == 850
        order.lines.get(title="Bed").delete()
        look(order)
        assert still_used() == 150

    def test_of_other_products_gives_back_what_is_no_longer_granted(self, unit, monkeypatch):
        parted(monkeypatch, (a_product("Bed"), 1, "0.7"), (a_product("Bowl"), 2, "0.3"))
        _user, order = used(unit, (a_product("Set", price="100.00"), 1))
        Line.objects.filter(title="Bed").update(**costs("70.00", "70.00"))
        look(order)
        assert still_used() == 300

    @pytest.mark.parametrize("setup", SETUPS)
    def test_keeps_its_points_in_every_tax_setup(self, unit, monkeypatch, setup):
        user = a_user()
        give(user, 1237, unit)
        basket = a_mixed_basket(user, setup)
        basket = use(user, basket, 1237, unit=unit)
        parted(monkeypatch, (None, 1, "0.4"), (None, 1, "0.6"))
        if basket.is_tax_known:
            order = pay(basket)
            look(order)
            assert still_used() == 1237
            order.lines.all().delete()
            look(order)
            assert still_used() == 0


class TestALineWithoutAProduct:
    def sold(self, unit):
        _user, order = used(unit, (a_product("Bed", price="100.00"), 2))
        assert (still_used(), brought()) == (1000, 190)
        return order

    def again(self, order, **fields):
        """The whole order is written anew, as an ERP does at every exchange."""
        rows = list(order.lines.order_by("pk"))
        for row in rows:
            forget_line(row)
            row.pk, row.product = None, None
            for name, value in fields.items():
                setattr(row, name, value)
        Line.objects.bulk_create(rows)
        night(LATER)

    def test_is_known_by_its_title_when_an_import_writes_it_again(self, unit):
        self.again(self.sold(unit))
        assert (still_used(), brought()) == (1000, 190)

    def test_has_lost_what_an_import_leaves_out(self, unit):
        self.again(self.sold(unit), quantity=1, **costs("95.00", "100.00"))
        assert (still_used(), brought()) == (500, 95)

    def test_that_never_had_one_is_known_by_its_title(self, unit):
        order = imported(user=a_user(), lines=[("10.00", 1), ("20.00", 1)], placed_at=PLACED, status="Pending")
        order.lines.update(product=None)
        for number, line in enumerate(order.lines.order_by("pk")):
            Line.objects.filter(pk=line.pk).update(title=f"Thing {number}")
        night(PLACED)
        assert brought() == 30
        first, second = order.lines.order_by("pk")
        for line in (first, second):
            forget_line(line)
        second.pk = None
        second.save(force_insert=True)
        look(order, at=LATER)
        assert brought() == 20


class TestAnotherCurrency:
    @pytest.fixture
    def yen(self):
        return self.club("JPY", step_minor=100, minor=1)

    def club(self, currency, *, step_minor, minor):
        unit = points_club(club={"currency": currency, "rule__step_minor": step_minor})
        PointWorth.objects.update(points=1, minor=minor)
        forget_cache()
        return unit

    def thing(self, currency, price):
        product = a_product(price=price)
        product.stockrecords.update(price_currency=currency)
        return product

    def test_without_decimals_counts_whole_coins(self, yen):
        _user, order = used(yen, (self.thing("JPY", "10000"), 2), points=1000)
        assert (order.total_incl_tax, still_used(), brought()) == (19000, 1000, 190)
        line = order.lines.get()
        Line.objects.filter(pk=line.pk).update(**costs("19500", "20000"))
        look(order)
        assert (still_used(), brought()) == (500, 190)
        Line.objects.filter(pk=line.pk).update(quantity=1, **costs("9500", "10000"))
        look(order)
        assert (still_used(), brought()) == (500, 95)

    def test_with_three_decimals_counts_what_the_columns_hold(self):
        unit = self.club("KWD", step_minor=1000, minor=10)
        _user, order = used(unit, (self.thing("KWD", "10.00"), 2), points=100)
        assert (still_used(), brought()) == (100, 19)
        Line.objects.update(**costs("19.50", "20.00"))
        look(order)
        assert (still_used(), brought()) == (50, 19)


class TestPricesWithoutTax:
    def test_count_for_lines_that_come_late_and_pieces_that_are_added(self, unit):
        Program.objects.get().save()
        Program.objects.update(earning_base="excl")
        forget_cache()
        order = imported(user=a_user(), lines=[("119.00", 1)], placed_at=PLACED, status="Pending")
        order.lines.update(line_price_excl_tax="100.00", line_price_before_discounts_excl_tax="100.00")
        night(PLACED)
        assert brought() == 100
        order.lines.update(quantity=2, line_price_incl_tax="238.00", line_price_excl_tax="200.00")
        look(order, at=LATER)
        assert brought() == 200
        order.lines.update(quantity=1, line_price_incl_tax="119.00", line_price_excl_tax="100.00")
        look(order, at=LATER)
        assert brought() == 100


class TestAnOrderPaidWhollyWithPoints:
    @pytest.fixture
    def order(self, unit):
        a_ladder(unit=unit)
        first_order_bonus(unit)
        forget_cache()
        _user, order = used(unit, (a_product(price="5.00"), 2), points=1000)
        assert (still_used(), brought(), counted(), order.total_incl_tax) == (1000, 0, 0, 0)
        return order

    def test_keeps_them_when_it_is_split(self, order):
        line = order.lines.get()
        Line.objects.filter(pk=line.pk).update(quantity=1, **costs("0", "5.00"))
        line.pk, line.quantity, line.line_price_before_discounts_incl_tax = None, 1, Decimal("5.00")
        line.save(force_insert=True)
        look(order)
        assert (still_used(), brought(), counted()) == (1000, 0, 0)

    def test_gives_them_back_piece_by_piece(self, order):
        Line.objects.update(quantity=1, **costs("0", "5.00"))
        look(order)
        assert (still_used(), brought(), counted()) == (500, 0, 0)

    def test_gives_them_back_where_money_is_asked_for_after_all(self, order):
        Line.objects.update(**costs("10.00", "10.00"))
        look(order)
        assert (still_used(), brought(), counted()) == (0, 0, 0)

    def test_earns_what_is_paid_for_a_line_that_comes_late(self, order):
        line = order.lines.get()
        line.pk, line.product, line.title = None, a_product("Bed"), "Bed"
        for name, value in costs("30.00", "30.00").items():
            setattr(line, name, value)
        line.save(force_insert=True)
        look(order)
        assert (still_used(), brought(), counted()) == (1000, 50, 3000)


class TestAFreeLine:
    @pytest.fixture
    def order(self, unit):
        order = imported(user=a_user(), lines=[("30.00", 1), ("0.00", 1)], placed_at=PLACED, status="Pending")
        order.lines.filter(line_price_incl_tax=0).update(product=a_product("Sample"), title="Sample")
        night(PLACED)
        assert brought() == 30
        return order

    def test_takes_nothing_along(self, order):
        order.lines.get(title="Sample").delete()
        look(order)
        assert brought() == 30

    def test_brings_nothing_where_it_costs_something_after_all(self, order):
        order.lines.filter(title="Sample").update(**costs("5.00", "5.00"))
        look(order)
        assert brought() == 30

    def test_that_comes_late_brings_nothing(self, order):
        line = order.lines.get(title="Sample")
        line.pk, line.product, line.title = None, a_product("Another"), "Another"
        line.save(force_insert=True)
        look(order)
        assert brought() == 30


class TestAGuestsOrder:
    def test_that_is_kept_weeks_later_brings_what_is_left_of_it(self, unit):
        a_ladder(unit=unit)
        first_order_bonus(unit)
        forget_cache()
        order = imported(
            user=None, lines=[("100.00", 2), ("30.00", 1)], placed_at=PLACED, status="Pending",
            guest_email="boris@example.com",
        )  # fmt: skip
        order.lines.filter(quantity=1).update(product=a_product("Bowl"), title="Bowl")
        night(PLACED)
        two, bowl = order.lines.order_by("pk")
        bowl.delete()
        Line.objects.filter(pk=two.pk).update(quantity=1, **costs("60.00", "100.00"))
        two.pk, two.quantity = None, 1
        for name, value in costs("100.00", "100.00").items():
            setattr(two, name, value)
        two.save(force_insert=True)
        night(LATER)
        user = a_user()
        with clock.at(day(4, 20)):
            assert keep_orders(user=user, email="boris@example.com", at=day(4, 20)) == [order.pk]
        assert (brought(), counted(), sum(of(user))) == (220, 20_000, 220)
        come_back(line=order.lines.first(), quantity=1)
        look(order, at=day(4, 21))
        assert (brought(), counted()) == (120, 10_000)

    def test_that_was_deleted_and_restored_meanwhile_is_kept_like_any(self, unit):
        order = imported(
            user=None, lines=[("100.00", 1)], placed_at=PLACED, status="Pending", guest_email="boris@example.com"
        )
        night(PLACED)
        rows = [Order.objects.get(pk=order.pk), Line.objects.get(order=order)]
        Order.objects.get(pk=order.pk).delete()
        night(LATER)
        for row in rows:
            row.save(force_insert=True)
        night(day(4, 5))
        assert keep_orders(user=a_user(), email="boris@example.com", at=day(4, 20)) == [order.pk]
        assert brought() == 100


class TestASecondProgram:
    def test_has_nothing_to_do_with_an_order_that_is_moved_to_its_site(self, unit):
        elsewhere = Site.objects.create(domain="two.example", name="Two")
        other = a_program(live_from=day(1, 1, 2025), code="two", name="Two", is_default=False, step_minor=50)
        ProgramSite.objects.create(program=other.program, site=elsewhere)
        a_ladder(unit=unit)
        forget_cache()
        _user, order = used(unit, (a_product(price="100.00"), 2))
        Order.objects.filter(pk=order.pk).update(site=elsewhere)
        look(order, at=LATER)
        assert (still_used(), brought(), counted()) == (1000, 190, 19_000)
        come_back(line=order.lines.get(), quantity=1)
        look(order, at=LATER)
        assert (still_used(), brought(), counted()) == (500, 95, 9500)
        line = order.lines.get()
        line.pk, line.product, line.title = None, a_product("Bowl"), "Bowl"
        for name, value in costs("30.00", "30.00").items():
            setattr(line, name, value)
        line.save(force_insert=True)
        look(order, at=LATER)
        assert (still_used(), brought(), counted()) == (500, 125, 12_500)
        assert Award.objects.get().program_id == unit.program_id


class TestSeveralOrdersOfOneCustomer:
    @pytest.fixture
    def bonus(self, unit):
        first_order_bonus(unit)
        forget_cache()

    def bought(self, user, on, price="100.00"):
        return buy(user, (a_product(price=price), 1), on=on)

    def test_count_one_that_staff_gave_to_somebody_else_as_the_first_of_whoever_placed_it(self, unit, bonus):
        boris, anna = a_user(), a_user("anna@example.com")
        moved = self.bought(boris, day(4, 1))
        Order.objects.filter(pk=moved.pk).update(user=anna)
        look(moved, at=day(4, 2))
        assert brought() == 120
        self.bought(anna, day(4, 3))
        assert brought() == 240, "Anna's own first order is her first"
        self.bought(boris, day(4, 4))
        assert brought() == 340, "Boris has bought before"

    def test_do_not_count_one_that_was_deleted_before_its_return_period_was_over(self, unit, bonus):
        boris = a_user()
        self.bought(boris, day(4, 1)).delete()
        night(day(4, 2))
        self.bought(boris, day(4, 3))
        assert brought() == 120

    def test_have_one_first_order_however_many_come_in_one_night(self, unit, bonus):
        boris = a_user()
        first = self.bought(boris, day(4, 1))
        Order.objects.filter(pk=first.pk).update(status="Cancelled")
        for number, on in enumerate((day(4, 3), day(4, 2))):
            imported(user=boris, lines=[("100.00", 1)], placed_at=on, number=f"i-{number}", status="Pending")
        night(day(4, 4))
        assert brought() == 220


class TestACustomerWhoLeft:
    def test_leaves_orders_that_staff_still_edit(self, unit):
        a_ladder(unit=unit)
        forget_cache()
        user, order = used(unit, (a_product(price="100.00"), 2))
        user.delete()
        order.refresh_from_db()
        assert order.user_id is None
        come_back(line=order.lines.get(), quantity=1)
        night(LATER)
        assert (still_used(), brought()) == (500, 95)
        order.delete()
        night(day(4, 5))
        assert (still_used(), brought()) == (0, 0)


class TestEditsInTheTransactionOfTheOrder:
    @pytest.mark.parametrize("silently", [True, False])
    def test_are_seen_with_it(self, unit, silently, django_capture_on_commit_callbacks):
        user = a_user()
        give(user, 1000, unit)
        with clock.at(PLACED):
            basket = use(user, a_basket(user, (a_product(price="100.00"), 2)), 1000, unit=unit, at=PLACED)
            with django_capture_on_commit_callbacks(execute=True):
                order = pay(basket)
                line = order.lines.get()
                if silently:
                    Line.objects.filter(pk=line.pk).update(quantity=1, **costs("95.00", "100.00"))
                else:
                    line.quantity = 1
                    for name, value in costs("95.00", "100.00").items():
                        setattr(line, name, value)
                    line.save()
        night(LATER)
        assert (still_used(), brought()) == (500, 95)


class TestALineOfASaleThatIsEnteredAgain:
    @pytest.fixture
    def order(self, unit, django_capture_on_commit_callbacks):
        """Two carriers of a sale for Gold, bought by somebody who is Gold no longer; nothing is left of it."""
        a_ladder(unit=unit)
        carrier = a_product("Carrier", "50.00")
        a_sale(unit, carrier, quota=2)
        gold = a_member_of(unit, 3)
        with clock.at(day(5, 9)), django_capture_on_commit_callbacks(execute=True):
            order = pay(a_basket(gold, (carrier, 2)))
            Order.objects.filter(pk=order.pk).update(date_placed=day(5, 9))
        look(order, at=day(5, 9))
        take(gold, at=day(5, 9))
        assert QuotaCounter.objects.get().taken == 2
        return order

    @pytest.mark.parametrize("way", ["orm", "admin"])
    def test_the_same_day_may_be_split(self, order, way):
        Order.objects.filter(pk=order.pk).update(number=story.NUMBER)
        split = [
            Change("carrier", {"quantity": 1, **costs("50.00", "50.00")}), Add("Carrier", 1, costs("50.00", "50.00"))
        ]  # fmt: skip
        done(way, split, day(5, 9))
        assert order.lines.count() == 2
        assert (QuotaCounter.objects.get().taken, brought()) == (2, 120)

    def test_the_same_day_has_as_many_pieces_as_there_are(self, order):
        Order.objects.filter(pk=order.pk).update(number=story.NUMBER)
        done("orm", [Add("Carrier", 1, costs("50.00", "50.00"))], day(5, 9))
        assert (QuotaCounter.objects.get().taken, brought()) == (2, 180)

    def test_of_a_product_that_the_order_did_not_buy_there_is_refused(self, order, unit):
        other = a_product("Pillow", "20.00")
        get_model("offer", "Range").objects.get(name="trail").add_product(other)
        forget_cache()
        Order.objects.filter(pk=order.pk).update(number=story.NUMBER)
        with pytest.raises(NotForSale):
            done("orm", [Add("Pillow", 1, costs("20.00", "20.00"))], day(5, 9))
        assert order.lines.count() == 1
