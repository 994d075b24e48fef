"""Points through real baskets and orders that chance makes: every cent and every point is somewhere, and comes back."""

from contextlib import contextmanager
from decimal import ROUND_HALF_UP
from decimal import Decimal as D

import pytest
from django.db import connection, transaction
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st
from oscar.apps.partner import strategy
from oscar.apps.partner.prices import FixedPrice
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.earning.models import Award
from loyalty_oscar.kernel.rounding import taken_back
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import mature_due
from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.rules import Worth
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.discount import applied_to
from loyalty_oscar.shop.redemption.use_points import Refused
from loyalty_oscar.testing import clock
from tests.amount import some
from tests.integration.ledger.books import assert_clean
from tests.orders import come_back, paid_back
from tests.points import give as give_points
from tests.points import points_club, reload, use
from tests.storefront import TODAY, a_product, a_user, arrive, day

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="what chance draws is the same on every database"),
]
Basket, Line = get_model("basket", "Basket"), get_model("basket", "Line")
OWNED = 200_000

prices = st.one_of(st.integers(5, 2_000), st.integers(2_000, 40_000)).map(lambda cents: D(cents) / 100)
goods = st.tuples(prices, st.integers(1, 5), st.sampled_from(["0", "0.05", "0.07", "0.19", "0.25"]).map(D))
offers = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Percentage", "Percentage", "Absolute", "Multibuy"]),
        "value": st.sampled_from(["1", "7.5", "10", "33", "50"]).map(D),
        "exclusive": st.booleans(),
    }
)
steps = st.tuples(st.sampled_from(["return", "return", "refund", "cancel line", "delete line"]), st.integers(0, 29))

#: One costs 4.165 with tax, and its order says 4.16.
HALF_A_CENT = [(D("3.50"), 3, D("0.19"))]
#: Oscar rounds each line of a discount that is less than a cent: three lines of 0.2735 become 0.28.
COINS = [(D("0.05"), 1, D("0.19")), (D("0.05"), 2, D("0.07")), (D("0.05"), 2, D("0.07"))]
A_HUNDREDTH = {"type": "Percentage", "value": D("1"), "exclusive": False}


class Drawn(strategy.Default):
    """A strategy whose prices and taxes a test draws: `none`, `added` to the price (four decimals), or `inside` it."""

    def __init__(self, goods, taxes, currency):
        super().__init__()
        self.goods, self.taxes, self.currency = goods, taxes, currency

    def pricing_policy(self, product, stockrecord):
        price, _quantity, rate = self.goods[product.pk]
        if self.taxes == "none":
            return FixedPrice(currency=self.currency, excl_tax=price, tax=D(0))
        if self.taxes == "added":
            return FixedPrice(currency=self.currency, excl_tax=price, tax=(price * rate).quantize(D("0.0001")))
        tax = (price - price / (1 + rate)).quantize(D("0.01"))
        return FixedPrice(currency=self.currency, excl_tax=price - tax, tax=tax)


class Shop:
    """What all examples share: a club, a member with points of three dates, thirty products."""

    def __init__(self):
        self.unit, self.user = points_club(), a_user()
        for number, until in enumerate([day(6, 30), day(12, 31), day(6, 30, 2027)]):
            give_points(self.user, OWNED // 4 * (1 + number % 2), self.unit, source=f"gift:{number}", until=until)
        self.products = [a_product(f"Thing {n}") for n in range(30)]
        self.range = factories.RangeFactory(includes_all_products=True)
        factories.ShippingEventTypeFactory(code="returned", name="Returned")

    @property
    def account(self):
        return Account.objects.get(member__user=self.user)

    def basket(self, goods, taxes, currency="EUR"):
        """A basket with a line for each of the goods."""
        basket = Basket.objects.create(owner=self.user)
        chosen = list(zip(self.products, goods, strict=False))
        basket.strategy = Drawn({product.pk: drawn for product, drawn in chosen}, taxes, currency)
        Line.objects.bulk_create(
            Line(
                basket=basket, product=product, stockrecord=product.stockrecords.all()[0], quantity=quantity,
                line_reference=str(product.pk), price_currency=currency,
            )
            for product, (_price, quantity, _rate) in chosen
        )  # fmt: skip
        return basket

    def offer(self, number, drawn, **kind):
        """One of Oscar's own offers on everything."""
        benefit = factories.BenefitFactory(
            range=self.range, type=drawn["type"], value=None if drawn["type"] == "Multibuy" else drawn["value"]
        )
        least = 2 if drawn["type"] == "Multibuy" else 1
        return factories.ConditionalOfferFactory(
            name=f"Offer {number}", slug=f"offer-{number}", benefit=benefit, priority=number,
            condition=factories.ConditionFactory(range=self.range, value=least), exclusive=drawn["exclusive"],
            max_basket_applications=3, **kind,
        )  # fmt: skip

    def voucher(self, basket, drawn):
        """A code that the customer typed."""
        voucher = factories.VoucherFactory(code="CODE", usage="Multi-use")
        voucher.offers.add(self.offer(99, drawn, offer_type="Voucher"))
        basket.vouchers.add(voucher)


@contextmanager
def an_example():
    """A moment that leaves nothing behind."""
    with clock.at(TODAY), transaction.atomic():
        forget_cache()
        yield
        transaction.set_rollback(True)
    forget_cache()


@pytest.fixture
def shop():
    return Shop()


def cents(amount):
    return int(amount * 100)


class TestAnyBasket:
    def test_falls_by_exactly_the_points_worth_and_the_order_says_the_same(self, shop):
        @some
        @given(
            st.lists(goods, min_size=1, max_size=30),
            st.sampled_from(["none", "added", "inside"]),
            st.booleans(),
            st.lists(offers, max_size=2),
            st.none() | offers,
            st.one_of(st.integers(1, 3_000), st.integers(1, OWNED)),
            st.sampled_from([(1, 1), (100, 100), (3, 1), (1, 5)]),
            st.sampled_from([{}, {}, {"share": 30}, {"step": 100, "minimum": 100}]),
        )
        @example(COINS, "added", False, [], A_HUNDREDTH, 36, (1, 1), {})
        @example(HALF_A_CENT, "added", False, [], None, 978, (1, 1), {})
        def check(goods, taxes, incl, site_offers, voucher, points, worth, limits):
            with an_example(), override_settings(OSCAR_OFFERS_INCL_TAX=incl):
                self.check(shop, goods, taxes, site_offers, voucher, points, worth, limits)

        check()

    def check(self, shop, goods, taxes, site_offers, voucher, points, worth, limits):
        PointWorth.objects.update(points=worth[0], minor=worth[1])
        type(shop.unit.program.use_terms).objects.update(**limits)
        basket = shop.basket(goods, taxes)
        for number, drawn in enumerate(site_offers):
            shop.offer(number, drawn)
        if voucher:
            shop.voucher(basket, voucher)
        plain = reload(shop.user, basket)
        before, named = plain.total_incl_tax, [row["name"] for row in plain.offer_applications]
        buys = Worth(points=worth[0], minor=worth[1], currency="EUR")
        try:
            basket = use(shop.user, plain, points, unit=shop.unit)
        except Refused as refused:
            # Too few, or none that this basket takes.
            assert (refused.code == "too_few_points") is (points < limits.get("minimum", 1))
            assert limits or min(buys.of(points), cents(before)) == 0
            return
        fell, applied = cents(before - basket.total_incl_tax), applied_to(basket=basket)
        assert [row["name"] for row in basket.offer_applications][: len(named)] == named
        if applied is None:
            assert before == 0
            return
        assert applied.minor == fell == applied.quote.minor
        assert applied.points == buys.price(fell) <= points
        if not limits:
            assert fell == min(buys.of(points), cents(before))
        if fell:
            self.order(shop, basket, applied)

    def order(self, shop, basket, applied):
        points, minor, owned = applied.points, applied.minor, shop.account.available + shop.account.reserved
        order = factories.create_order(basket=basket, user=shop.user)
        order.refresh_from_db()
        assert order.total_incl_tax == basket.total_incl_tax
        lines, parts = list(order.lines.order_by("pk")), applied.parts
        untouched = parts.count(0)  # Of those Oscar keeps fractions of a cent, and rounds each row and the total.
        off = abs(sum(line.line_price_incl_tax for line in lines) - order.total_incl_tax)
        assert off <= (D("0.005") * (untouched + 1) if untouched else 0)
        ours = order.discounts.get(offer_id__in=[row["offer"].pk for row in basket.offer_applications][-1:])
        assert cents(ours.amount) == minor
        prices = {line.product_id: line.purchase_info.price for line in basket.all_lines()}
        given = sum(row.amount * ratio(row, prices) for row in ours.discount_lines.select_related("line"))
        assert abs(given * 100 - minor) <= 2 * len(lines), "each in two decimals, for the price without tax"
        use = Redemption.objects.get(order_id=order.pk)
        assert (use.points, use.minor) == (points, minor)
        assert [line["minor"] for line in use.lines] == list(parts)
        assert sum(line["minor"] for line in use.lines) == minor
        assert sum(line["points"] for line in use.lines) == points
        assert (shop.account.available, shop.account.reserved) == (owned - points, 0)
        sync_orders(order_ids=[order.pk], at=TODAY)
        paid = sum(cents(line.line_price_incl_tax) for line in lines)
        assert sum(award.points for award in Award.objects.filter(source_id=order.pk)) == paid // 100
        assert shop.account.pending == paid // 100
        assert_clean()


def ratio(row, prices):
    """From the basis of a discount to the price that the customer sees; an order keeps only two decimals of that."""
    price = prices[row.line.product_id]
    return 1 if row.is_incl_tax or not price.excl_tax else price.incl_tax / price.excl_tax


class TestAnyCurrency:
    """Yen have no decimals and dinars three, whatever the two decimals of the shop's columns."""

    def test_is_charged_no_more_than_is_set_aside_and_every_number_of_points_makes_an_order(self, shop):
        @some
        @given(
            st.sampled_from(["JPY", "EUR", "KWD", "BHD"]),
            st.lists(goods, min_size=1, max_size=6),
            st.sampled_from(["none", "added", "inside"]),
            st.booleans(),
            st.none() | offers,
            st.one_of(st.integers(1, 30), st.integers(1, 3_000), st.integers(1, OWNED)),
            st.sampled_from([(1, 1), (100, 1), (100, 100), (100, 1_000), (3, 1), (3, 10), (1, 5), (7, 3)]),
            st.sampled_from([{}, {}, {"share": 30}, {"step": 10, "minimum": 10}]),
        )
        def check(currency, goods, taxes, incl, offer, points, worth, limits):
            # Nothing costs less than the smallest coin there is.
            goods = [(max(price, D(1)) if currency == "JPY" else price, *more) for price, *more in goods]
            with an_example(), override_settings(OSCAR_OFFERS_INCL_TAX=incl):
                self.check(shop, currency, goods, taxes, offer, points, worth, limits)

        check()

    def check(self, shop, currency, goods, taxes, offer, points, worth, limits):
        PointWorth.objects.update(points=worth[0], minor=worth[1], currency=currency)
        type(shop.unit.program.use_terms).objects.update(**limits)
        basket = shop.basket(goods, taxes, currency)
        if offer:
            shop.offer(0, offer)
        plain = reload(shop.user, basket)
        before = plain.total_incl_tax
        if points < limits.get("minimum", 1):
            return
        buys = Worth(points=worth[0], minor=worth[1], currency=currency)
        smallest, minors = {"JPY": (1, 1), "EUR": (1, 100)}.get(currency, (10, 1_000))
        goods_for = whole(before, smallest, minors)
        # Lines that cost less than a coin each may be one together, of which nothing can be taken off.
        lines = [line.line_price_incl_tax_incl_discounts * minors / smallest for line in plain.all_lines()]
        coins = sum(map(int, lines)) * smallest if any(0 < line < 1 for line in lines) else goods_for
        try:
            basket = use(shop.user, plain, points, unit=shop.unit)
        except Refused:
            assert limits or min(buys.of(points) // smallest * smallest, coins) == 0
            return
        applied = applied_to(basket=basket)
        if applied is None:
            assert before == 0
            return
        assert goods_for - whole(basket.total_incl_tax, smallest, minors) == applied.minor == sum(applied.parts)
        assert applied.minor % smallest == 0
        assert buys.price(applied.minor) == applied.points <= points
        if not limits:
            wanted = buys.of(points) // smallest * smallest
            assert min(wanted, coins) <= applied.minor <= min(wanted, goods_for)
        owned = shop.account.available + shop.account.reserved
        order = factories.create_order(basket=basket, user=shop.user)
        order.refresh_from_db()
        assert order.total_incl_tax == basket.total_incl_tax >= 0
        used = Redemption.objects.filter(order_id=order.pk)
        assert sum(use_.points for use_ in used) == applied.points
        if applied.minor:
            assert used.get().minor == applied.minor
            assert [part["minor"] for part in used.get().lines] == list(applied.parts)
            assert order.discounts.latest("pk").amount * minors == applied.minor
        assert shop.account.available + shop.account.reserved == owned - applied.points
        assert_clean()


def whole(amount, smallest, minors):
    """An amount in minor units, rounded half up to what the shop can write."""
    return int((amount * minors / smallest).quantize(D(1), ROUND_HALF_UP)) * smallest


class TestAnyReturns:
    def test_end_where_the_full_return_ends(self, shop):
        @some
        @given(
            st.lists(st.tuples(prices, st.integers(1, 4), st.just(D("0.19"))), min_size=1, max_size=6),
            st.integers(1, 20_000),
            st.lists(steps, max_size=7),
            st.sampled_from(["cancel", "return"]),
            st.sampled_from(["placed", "delivered", "ready"]),
        )
        def check(goods, points, path, end, reached):
            with an_example():
                self.check(shop, goods, points, path, end, reached)

        check()

    def check(self, shop, goods, points, path, end, reached):
        owned = state(shop)
        basket = use(shop.user, shop.basket(goods, "inside"), points, unit=shop.unit)
        order = factories.create_order(basket=basket, user=shop.user, date_placed=TODAY)
        sync_orders(order_ids=[order.pk], at=TODAY)
        if reached != "placed":
            arrive(order, on=TODAY)
        if reached == "ready":
            earned = shop.account.pending
            list(mature_due(at=day(6, 1)))
            assert state(shop) == (owned[0] - Redemption.objects.get().points + earned, 0, 0, 0)
        book = Book(order)
        for kind, number in path:
            book.go(kind, number)
            sync_orders(order_ids=[order.pk], at=day(6, 2))
            use_ = Redemption.objects.get(order_id=order.pk)
            assert use_.returned == book.expected(use_)
        assert_clean()
        book.finish(end)
        sync_orders(order_ids=[order.pk], at=day(6, 2))
        use_ = Redemption.objects.get(order_id=order.pk)
        assert use_.returned == use_.points
        assert state(shop) == owned
        assert_clean()


def state(shop):
    account = shop.account
    return account.available, account.pending, account.reserved, account.debt


class Book:
    """What happened to an order, kept by hand beside what Oscar keeps."""

    def __init__(self, order):
        self.order = order
        self.lines = list(order.lines.order_by("pk"))
        self.returned, self.refunded = [0] * len(self.lines), [0] * len(self.lines)
        self.over: set[int] = set()

    def go(self, kind, number):
        """One step; what cannot happen any more does not."""
        number %= len(self.lines)
        line = self.lines[number]
        if number in self.over or (len(self.over) == len(self.lines) - 1 and kind == "delete line"):
            return
        if kind == "return" and self.returned[number] < line.quantity:
            self.returned[number] += 1
            come_back(line=line, quantity=1)
        if kind == "refund" and self.refunded[number] < line.quantity:
            self.refunded[number] += 1
            paid_back(line=line, quantity=1)
        if kind == "cancel line":
            self.over.add(number)
            type(line).objects.filter(pk=line.pk).update(status="Cancelled")
        if kind == "delete line":
            self.over.add(number)
            line.delete()

    def finish(self, how):
        """Everything else comes back."""
        if how == "cancel":
            type(self.order).objects.filter(pk=self.order.pk).update(status="Cancelled")
            return
        for number, line in enumerate(self.lines):
            left = line.quantity - self.returned[number]
            if number not in self.over and left:
                come_back(line=line, quantity=left)

    def expected(self, use):
        """The points that have come back, from what each line got."""
        return sum(
            taken_back(points=part["points"], gone=self.gone(number), quantity=part["quantity"])
            for number, part in enumerate(use.lines)
        )

    def gone(self, number):
        if number in self.over:
            return self.lines[number].quantity
        return max(self.returned[number], self.refunded[number])
