"""The history of prices knows who paid less, from when to when, and a reduction is told from what its reader had."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import PriceSpan
from loyalty_oscar.shop.pricing.audiences import codes_of
from loyalty_oscar.shop.pricing.history import record_moments, record_some
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.storefront import a_product, a_user, day, text_of

from .sales import ENDS_AT, GOLD, GOLD_FROM, PUBLIC_FROM, SILVER, a_member_of, a_sale, a_segment

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def carrier(unit, django_capture_on_commit_callbacks):
    """It costs 100.00 since the first of March."""
    with clock.at(day(3, 1)), django_capture_on_commit_callbacks(execute=True):
        return a_product("Explorer carrier", "100.00")


def history(product):
    """Who paid what from when to when: ("" or rank and number, minor units, from, to)."""
    rows = PriceSpan.objects.filter(product_id=product.pk).order_by("starts_at", "audience")
    return [(row.audience.partition(":")[2], row.minor, row.starts_at, row.ends_at) for row in rows]


def a_price(rank, percent, product_set=None, **dates):
    row = {"starts_at": day(4, 1), "ends_at": None, **dates}
    found = MemberPrice.objects.create(
        tier=Tier.objects.get(rank=rank), percent=percent, product_set=product_set, **row
    )
    forget_cache()
    return found


def read(product, user=None, *, at):
    """What the page of a product says to somebody."""
    client = Client()
    if user:
        client.force_login(user)
    with clock.at(at):
        return text_of(client.get(product.get_absolute_url()))


class TestTheHistoryOfASale:
    def test_holds_every_door_and_the_end_to_the_second_however_late_the_job(self, unit, carrier):
        a_sale(unit, carrier, percent=20)
        list(record_moments(since=day(5, 1), at=ENDS_AT + 10 * DAY))
        assert history(carrier) == [
            ("", 10000, day(3, 1), GOLD_FROM),
            ("rank:3", 8000, GOLD_FROM, PUBLIC_FROM),
            ("", 8000, PUBLIC_FROM, ENDS_AT),
            ("", 10000, ENDS_AT, None),
        ]

    def test_is_the_same_however_often_the_job_runs(self, unit, carrier):
        a_sale(unit, carrier, percent=20)
        for hours in range(0, 24 * 18, 7):
            list(record_moments(since=None, at=day(5, 1) + timedelta(hours=hours)))
        once = history(carrier)
        list(record_moments(since=day(5, 1), at=ENDS_AT + DAY))
        assert history(carrier) == once
        assert [row[:3] for row in once][1:] == [
            ("rank:3", 8000, GOLD_FROM),
            ("", 8000, PUBLIC_FROM),
            ("", 10000, ENDS_AT),
        ]

    def test_of_two_hours_between_two_nights_is_not_lost(self, unit, carrier):
        noon, two = datetime(2026, 5, 9, 12, tzinfo=UTC), datetime(2026, 5, 9, 14, tzinfo=UTC)
        a_sale(unit, carrier, percent=50, doors=(), public_from=noon, ends_at=two)
        list(record_moments(since=day(5, 8), at=day(5, 10)))
        assert history(carrier)[1:] == [("", 5000, noon, two), ("", 10000, two, None)]

    def test_writes_down_that_some_bought_early_at_the_plain_price(self, unit, carrier):
        """While a sale is closed, nobody else has a price at all."""
        a_sale(unit, carrier, percent=0)
        list(record_moments(since=day(5, 1), at=GOLD_FROM))
        assert history(carrier) == [("", 10000, day(3, 1), GOLD_FROM), ("rank:3", 10000, GOLD_FROM, None)]

    def test_knows_segments(self, unit, carrier):
        invited = a_segment(unit)
        a_sale(unit, carrier, percent=20, doors=((invited, GOLD_FROM),))
        list(record_moments(since=day(5, 1), at=GOLD_FROM))
        assert history(carrier)[-1] == (f"segment:{invited.pk}", 8000, GOLD_FROM, None)

    def test_takes_the_lower_of_a_sale_and_a_member_price_as_the_gate_does(self, unit, carrier):
        sale = a_sale(unit, carrier, percent=20)
        a_price(SILVER, 30, sale.product_set)
        list(record_moments(since=day(3, 15), at=GOLD_FROM))
        assert history(carrier)[-1] == ("rank:3", 7000, GOLD_FROM, None)
        assert not PriceSpan.objects.filter(audience__endswith="rank:2", is_current=True).exists()


class TestTheHistoryOfAMemberPrice:
    def test_begins_and_ends_to_the_second(self, unit, carrier):
        a_price(SILVER, 10, ends_at=day(4, 20))
        list(record_moments(since=day(3, 15), at=day(5, 1)))
        assert history(carrier) == [("", 10000, day(3, 1), None), ("rank:2", 9000, day(4, 1), day(4, 20))]

    def test_follows_the_price_of_the_product(self, unit, carrier, django_capture_on_commit_callbacks):
        a_price(SILVER, 10)
        list(record_moments(since=day(3, 15), at=day(4, 1)))
        with clock.at(day(4, 10)), django_capture_on_commit_callbacks(execute=True):
            record = carrier.stockrecords.get()
            record.price = Decimal("80.00")
            record.save()
        assert history(carrier)[2:] == [("", 8000, day(4, 10), None), ("rank:2", 7200, day(4, 10), None)]

    def test_is_looked_at_by_the_next_job_when_the_merchant_changes_it(self, unit, carrier):
        price = a_price(SILVER, 10)
        list(jobs.run(only="prices", at=day(4, 2)))
        prices = next(job for job in jobs.JOBS if job.name == "prices")
        assert not prices.is_due(at=day(4, 2))
        price.percent = 25
        price.save()
        assert prices.is_due(at=day(4, 2))
        list(jobs.run(at=day(4, 2) + timedelta(hours=1)))
        assert history(carrier)[-1][:2] == ("rank:2", 7500)
        assert not prices.is_due(at=day(4, 2) + timedelta(hours=1))

    def test_ends_when_the_merchant_deletes_it(self, unit, carrier):
        price = a_price(SILVER, 10)
        list(jobs.run(only="prices", at=day(4, 2)))
        price.delete()
        list(jobs.run(at=day(4, 2) + timedelta(hours=1)))
        assert history(carrier)[-1] == ("rank:2", 9000, day(4, 2), day(4, 2) + timedelta(hours=1))

    def test_changed_with_its_sale_is_looked_at_too(self, unit, carrier):
        sale = a_sale(unit, carrier, percent=20)
        list(jobs.run(only="prices", at=GOLD_FROM))
        prices = next(job for job in jobs.JOBS if job.name == "prices")
        assert not prices.is_due(at=GOLD_FROM)
        Sale.objects.get(pk=sale.pk).save()
        assert prices.is_due(at=GOLD_FROM)


class TestTheJob:
    def test_goes_on_where_it_went_well_the_last_time(self, unit, carrier):
        a_sale(unit, carrier, percent=20)
        list(jobs.run(only="price-moments", at=day(5, 1)))
        list(jobs.run(only="price-moments", at=ENDS_AT + 20 * DAY))
        assert [row[2] for row in history(carrier)] == [day(3, 1), GOLD_FROM, PUBLIC_FROM, ENDS_AT]

    def test_writes_nothing_into_the_middle_of_what_is_written(self, unit, carrier):
        record_some(product_ids=[carrier.pk], at=day(5, 1))
        PriceSpan.objects.update(starts_at=PUBLIC_FROM)
        before = history(carrier)
        a_sale(unit, carrier, percent=20)
        list(record_moments(since=day(5, 1), at=GOLD_FROM))
        assert history(carrier) == before


class TestAReduction:
    """Silver pays 90.00 since April; a sale takes 20 % off, Gold from 9 May, everybody from 11 May."""

    @pytest.fixture(autouse=True)
    def all_of_it(self, unit, carrier):
        a_price(SILVER, 10)
        list(record_moments(since=day(3, 15), at=day(5, 8)))
        a_sale(unit, carrier, percent=20)
        list(record_moments(since=day(5, 8), at=ENDS_AT))

    def test_is_told_to_gold_from_what_gold_paid(self, unit, carrier):
        """From 90.00 to 80.00: Gold had the price of Silver."""
        text = read(carrier, a_member_of(unit, GOLD), at=GOLD_FROM)
        assert "Sale −11 % Lowest price of the last 30 days: €90.00" in text

    def test_is_told_to_everybody_from_what_everybody_paid(self, unit, carrier):
        assert "Sale −20 % Lowest price of the last 30 days: €100.00" in read(carrier, at=PUBLIC_FROM)

    def test_is_told_to_a_member_without_a_level_as_to_everybody(self, unit, carrier):
        text = read(carrier, a_member_of(unit, 0), at=PUBLIC_FROM)
        assert "Sale −20 % Lowest price of the last 30 days: €100.00" in text

    def test_goes_on_for_gold_from_the_day_on_which_it_began_for_gold(self, unit, carrier):
        text = read(carrier, a_member_of(unit, GOLD), at=ENDS_AT - SECOND)
        assert "Sale −11 % Lowest price of the last 30 days: €90.00" in text

    def test_is_told_from_an_early_price_to_those_who_had_it_alone(self, unit, carrier):
        """The first sale ended before everybody came, so a second one is a reduction for them, and none for Gold."""
        Sale.objects.update(ends_at=PUBLIC_FROM, public_from=None)
        PriceSpan.objects.filter(starts_at__gte=PUBLIC_FROM).delete()
        PriceSpan.objects.filter(ends_at__gte=PUBLIC_FROM).update(ends_at=None, is_current=True)
        forget_cache()
        list(record_moments(since=PUBLIC_FROM - SECOND, at=ENDS_AT))
        again = ENDS_AT + 3 * DAY
        a_sale(unit, carrier, code="again", percent=20, doors=(), public_from=again, ends_at=None)
        gold = read(carrier, a_member_of(unit, GOLD), at=again)
        assert "Sale Lowest price of the last 30 days: €80.00" in gold
        assert "Sale −20 % Lowest price of the last 30 days: €100.00" in read(carrier, at=again)


class TestTheAudiencesOfAVisitor:
    def test_are_those_of_members_without_an_account_too(self, unit):
        user = a_user()
        assert codes_of(visit=Visit(None, user)) == {""}
        join(program=unit.program, user_id=user.pk, at=day(4, 1))
        assert codes_of(visit=Visit(None, user)) == {"", f"{unit.program_id}:rank:0"}
