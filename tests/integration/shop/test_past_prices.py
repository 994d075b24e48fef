"""What a product cost before: written down on change and at night, and told as the lowest of 30 days."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_model

from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import PriceSpan
from loyalty_oscar.shop.pricing.history import BEFORE, is_told, lowest_at, record, record_all, record_some
from loyalty_oscar.testing import clock
from tests.integration.exclusives.sales import a_sale
from tests.storefront import a_club, a_product, day

pytestmark = pytest.mark.django_db


def costs(product, price, *, on, commits):
    """The product costs so much from a day on."""
    with clock.at(on), commits(execute=True):
        record_ = product.stockrecords.get()
        record_.price = Decimal(price)
        record_.save()


class TestAPrice:
    def test_is_written_down_when_it_changes_and_only_then(self, django_capture_on_commit_callbacks):
        a_club()
        with clock.at(day(3, 1)), django_capture_on_commit_callbacks(execute=True):
            product = a_product(price="10.00")
        for price, on in (("10.00", day(3, 2)), ("12.00", day(3, 10)), ("12.00", day(3, 11)), ("9.00", day(4, 1))):
            costs(product, price, on=on, commits=django_capture_on_commit_callbacks)
        rows = PriceSpan.objects.order_by("pk").values_list("minor", "starts_at", "ends_at")
        assert list(rows) == [(1000, day(3, 1), day(3, 10)), (1200, day(3, 10), day(4, 1)), (900, day(4, 1), None)]

    def test_is_looked_at_once_for_all_that_one_transaction_changed(self, django_capture_on_commit_callbacks):
        a_club()
        with django_capture_on_commit_callbacks(execute=True) as looks:
            for _ in range(3):
                a_product()
        assert (len(looks), PriceSpan.objects.count()) == (1, 3)

    def test_is_not_looked_at_when_an_order_moves_stock(self, django_capture_on_commit_callbacks):
        a_club()
        with django_capture_on_commit_callbacks(execute=True):
            product = a_product()
        with django_capture_on_commit_callbacks() as looks:
            product.stockrecords.get().allocate(1)
        assert looks == []

    def test_is_found_at_night_where_no_signal_told(self):
        a_club()
        product = a_product(price="10.00")
        assert sum(record_all(at=day(3, 1))) == 1
        get_model("partner", "StockRecord").objects.filter(product=product).update(price=Decimal("8.00"))
        assert sum(record_all(at=day(3, 2))) == 1
        assert sum(record_all(at=day(3, 3))) == 0
        assert list(PriceSpan.objects.order_by("pk").values_list("minor", flat=True)) == [1000, 800]

    def test_is_looked_at_with_as_many_queries_however_many_products(self):
        a_club()
        counts = []
        for more in (1, 4):
            for _ in range(more):
                a_product()
            sum(record_all(at=day(3, 1)))
            with CaptureQueriesContext(connection) as asked:
                assert sum(record_all(at=day(3, 2))) == 0
            counts.append(len(asked))
        assert counts[0] == counts[1]

    def test_is_written_down_in_a_store_without_a_site_id(self, settings):
        a_sale(a_club(), a_product(price="10.00"))
        a_product("Another")
        del settings.SITE_ID
        assert sum(record_all(at=day(3, 1))) == 1

    def test_of_a_shop_without_a_program_is_not_written_down(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True) as looks:
            product = a_product()
        costs(product, "9.00", on=day(3, 1), commits=django_capture_on_commit_callbacks)
        assert len(looks) == 1
        assert not PriceSpan.objects.exists()


class TestTheLowestOfThirtyDays:
    def test_counts_what_was_paid_on_any_day_of_them(self):
        for minor, on in ((1000, day(1, 1)), (700, day(3, 1)), (1200, day(3, 10))):
            record(prices={(7, "EUR", ""): minor}, at=on)
        for before, wanted in ((day(3, 20), 700), (day(4, 8), 700), (day(4, 9), 1200), (day(3, 1), 1000)):
            assert lowest_at(wanted={7: before}, currency="EUR") == {7: wanted}, before

    def test_counts_a_price_of_one_second_and_no_second_too_many(self):
        """A price that ended exactly 30 days before is out; one that held a second longer is in."""
        second = timedelta(seconds=1)
        for minor, at in ((1000, day(1, 1)), (700, day(3, 1) - second), (900, day(3, 1)), (1200, day(3, 1) + second)):
            record(prices={(7, "EUR", ""): minor}, at=at)
        for before, wanted in ((day(3, 1), 700), (day(3, 1) + BEFORE - second, 700)):
            assert lowest_at(wanted={7: before}, currency="EUR") == {7: wanted}, before
        assert lowest_at(wanted={7: day(3, 1) + BEFORE}, currency="EUR") == {7: 900}
        assert lowest_at(wanted={7: day(3, 1) + BEFORE + second}, currency="EUR") == {7: 1200}

    def test_leaves_out_other_people_and_other_currencies(self):
        record(prices={(7, "EUR", ""): 1000, (7, "EUR", "1:rank:2"): 900, (7, "USD", ""): 100}, at=day(3, 1))
        wanted = {7: day(3, 9)}
        assert lowest_at(wanted=wanted, currency="EUR") == {7: 1000}
        assert lowest_at(wanted=wanted, currency="EUR", audiences={"", "1:rank:2"}) == {7: 900}
        assert lowest_at(wanted={7: day(2, 9), 8: day(3, 9)}, currency="EUR") == {}

    def test_counts_a_currency_without_decimals_in_its_whole_units(self):
        a_club()
        product = a_product(price="1200")
        product.stockrecords.update(price_currency="JPY")
        record_some(product_ids=[product.pk], at=day(3, 1))
        assert lowest_at(wanted={product.pk: day(3, 9)}, currency="JPY") == {product.pk: 1200}


class TestAPriceThatIsGone:
    def test_ends_when_the_product_costs_nothing_any_more(self):
        a_club()
        product = a_product(price="10.00")
        record_some(product_ids=[product.pk], at=day(3, 1))
        product.stockrecords.all().delete()
        record_some(product_ids=[product.pk], at=day(3, 5))
        assert PriceSpan.objects.get().ends_at == day(3, 5)
        assert lowest_at(wanted={product.pk: day(4, 3)}, currency="EUR") == {product.pk: 1000}
        assert lowest_at(wanted={product.pk: day(4, 5)}, currency="EUR") == {}

    def test_is_forgotten_where_it_was_set_right_in_the_same_moment(self):
        for minor in (1000, 100):
            record(prices={(7, "EUR", ""): minor}, at=day(3, 1))
        assert list(PriceSpan.objects.values_list("minor", flat=True)) == [100]


class TestTellingTheLowestPrice:
    @pytest.mark.parametrize(
        ("countries", "told"),
        [([], True), (["DE"], True), (["GB", "FR"], True), (["IS"], True), (["GB"], False), (["US", "CH"], False)],
    )
    def test_is_on_where_goods_go_to_the_european_economic_area(self, countries, told):
        forget_cache()
        for code in countries:
            get_model("address", "Country").objects.create(iso_3166_1_a2=code, is_shipping_country=True)
        get_model("address", "Country").objects.create(iso_3166_1_a2="AT", is_shipping_country=False)
        assert is_told() is told

    @pytest.mark.parametrize("chosen", [True, False])
    def test_is_as_the_store_says_where_it_says_so(self, settings, chosen):
        forget_cache()
        get_model("address", "Country").objects.create(iso_3166_1_a2="GB" if chosen else "DE", is_shipping_country=True)
        settings.LOYALTY_LOWEST_PRICE = chosen
        assert is_told() is chosen
