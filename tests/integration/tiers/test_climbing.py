"""Levels follow what orders count: up at once, back with a return, down on schedule."""

import pytest

from loyalty_oscar.earning.models import Award
from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.program.models import Event
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Score, Standing
from loyalty_oscar.tiers.operations import settle
from loyalty_oscar.tiers.queries import ladder_of, progress_of, standing_of
from tests.integration.ledger.books import assert_clean
from tests.storefront import a_product, a_user, arrive, buy, day, send_back

from .ladders import a_ladder

pytestmark = pytest.mark.django_db


def level():
    row = Standing.objects.filter(is_current=True).first()
    return row and (row.tier.name if row.tier else None)


def gift():
    """What is left of the gift of a level, and the day it is ready."""
    lots = list(Lot.objects.filter(source__startswith="tier:"))
    assert {lot.state for lot in lots if lot.remaining} <= {"pending"}
    [ready] = {lot.available_at and lot.available_at.date().isoformat() for lot in lots}
    return sum(lot.remaining for lot in lots), ready


class TestAMember:
    def test_climbs_at_once_and_keeps_the_level_to_the_end_of_the_next_year(self):
        a_ladder()
        user, bed = a_user(), a_product("Bed", "128.20")
        buy(user, (bed, 1), on=day(3, 1))
        assert level() == "Bronze"
        buy(user, (bed, 1), on=day(5, 1))
        assert level() == "Silver"
        current = Standing.objects.get(is_current=True)
        assert current.kept_until.isoformat() == "2027-12-31T23:00:00+00:00"
        assert [row.rank for row in Standing.objects.order_by("pk")] == [1, 2]

    def test_earns_more_with_the_next_order(self):
        a_ladder()
        user, bed = a_user(), a_product("Bed", "200.00")
        buy(user, (bed, 1), on=day(3, 1))
        second = buy(user, (bed, 1), on=day(3, 2))
        award = Award.objects.get(source_id=second.pk)
        assert award.points == 220
        assert [step["c"] for step in award.because["p"]["steps"]] == ["per_amount", "tier_bonus"]

    def test_falls_back_at_once_when_the_goods_go_back_and_the_gift_goes_with_it(self):
        a_ladder(gifts=(0, 50, 0))
        user, bed = a_user(), a_product("Bed", "90.00")
        order = arrive(buy(user, (bed, 2), on=day(3, 1)), on=day(3, 2))
        assert level() == "Silver"
        assert (gift(), Account.objects.get().pending) == ((50, "2026-03-16"), 230)
        send_back(order, 1, on=day(3, 5))
        assert level() == "Bronze"
        assert Score.objects.get().value == 9_000
        assert (gift()[0], Account.objects.get().pending) == (0, 90)
        assert_clean()

    def test_gets_level_and_gift_again_when_the_cancel_is_undone(self):
        a_ladder(gifts=(0, 50, 0))
        user, bed = a_user(), a_product("Bed", "180.00")
        order = buy(user, (bed, 1), on=day(3, 1))
        for status, wanted in (("Cancelled", None), ("Pending", "Silver"), ("Cancelled", None)):
            type(order).objects.filter(pk=order.pk).update(status=status)
            sync_orders(order_ids=[order.pk], at=day(3, 2))
            assert level() == wanted
            assert gift() == (50 if wanted else 0, None)
        assert Account.objects.get().pending == 0
        assert_clean()

    def test_stays_through_the_grace_and_comes_down_one_level_once_it_was_announced(self):
        ladder = a_ladder()
        user, bed = a_user(), a_product("Bed", "500.00")
        buy(user, (bed, 1), on=day(3, 1))
        member = Standing.objects.get().member_id
        ladder = ladder_of(program_id=ladder.program_id)
        for when, announced, wanted in (
            (day(12, 31, 2027), [member], "Gold"),
            (day(1, 15, 2028), [member], "Gold"),
            (day(2, 10, 2028), [], "Gold"),
            (day(2, 10, 2028), [member], "Silver"),
            (day(12, 1, 2028), [member], "Silver"),
            (day(2, 10, 2029), [member], "Bronze"),
        ):
            settle(ladder=ladder, member_ids=[member], at=when, announced=announced)
            assert level() == wanted, when
        assert Event.objects.filter(topic="tier-down").count() == 2

    def test_sees_what_is_missing_and_what_can_still_go_back(self):
        ladder = a_ladder()
        user, bites = a_user(), a_product("Bites", "34.90")
        arrive(buy(user, (bites, 5), on=day(3, 1)), on=day(3, 2))
        buy(user, (bites, 1), on=day(5, 1))
        standing = Standing.objects.select_related("tier").get(is_current=True)
        ladder = ladder_of(program_id=ladder.program_id)
        with clock.at(day(5, 6)):
            found = progress_of(
                ladder=ladder, member_id=standing.member_id, at=day(5, 6),
                standing=standing_of(ladder=ladder, member_id=standing.member_id, at=day(5, 6)),
            )  # fmt: skip
        assert (found.tier.name, found.value, found.unsafe) == ("Silver", 20_940, 3_490)
        assert (found.next_tier.name, found.missing) == ("Gold", 19_060)
