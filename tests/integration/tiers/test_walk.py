"""The nightly walk looks at sums first: it must miss nobody whom a closer look would move. And what levels cost."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.tiers.models import Ladder, Score, Standing, Tier
from loyalty_oscar.tiers.operations import settle, settle_all
from loyalty_oscar.tiers.queries import ladder_of
from tests.storefront import a_product, a_user, buy, day

from .ladders import a_ladder

pytestmark = pytest.mark.django_db
PEOPLE = 25


def a_crowd(ladder, *, seed):
    """People with up to five orders each in three years."""
    chance = random.Random(seed)
    numbers = iter(range(1, 10_000))
    for person in range(PEOPLE):
        user = a_user(f"{person}@example.com")
        member = Member.objects.create(program=ladder.program, user=user, joined_at=day(1, 1))
        for _order in range(chance.randint(0, 5)):
            Score.objects.create(
                member=member, order_id=next(numbers), value=chance.choice((0, 4_000, 9_000, 16_000, 41_000)),
                placed_at=day(chance.randint(1, 12), chance.randint(1, 28), chance.choice((2024, 2025, 2026))),
            )  # fmt: skip
    return list(Member.objects.values_list("pk", flat=True))


class TestTheWalk:
    @pytest.mark.parametrize("window", Ladder.Window.values)
    @pytest.mark.parametrize("seed", range(3))
    def test_leaves_nobody_whom_a_closer_look_would_move(self, window, seed):
        ladder = a_ladder(bronze=5_000, window=window)
        ids = a_crowd(ladder, seed=seed)
        ladder = ladder_of(program_id=ladder.program_id)
        for at in (day(12, 30), day(1, 1, 2027), day(7, 1, 2027), day(2, 15, 2028), day(2, 15, 2029)):
            list(settle_all(ladder=ladder, at=at, announced=set))
            assert settle(ladder=ladder, member_ids=ids, at=at) == []
        assert Standing.objects.filter(rank__gt=0).exists()

    def test_lets_members_climb_when_a_level_takes_less(self):
        ladder = a_ladder()
        buy(a_user(), (a_product("Bed", "120.00"), 1), on=day(3, 1))
        Tier.objects.filter(code="silver").update(threshold=10_000)
        forget_cache()
        assert sum(moved for _last, moved in settle_all(ladder=ladder_of(program_id=ladder.program_id), at=day(3, 2)))
        assert Standing.objects.get(is_current=True).tier.name == "Silver"

    def test_asks_four_times_for_thousands_of_whom_nobody_moves(self):
        ladder = a_ladder()
        last = a_crowd(ladder, seed=1)[-1]
        ladder = ladder_of(program_id=ladder.program_id)
        list(settle_all(ladder=ladder, at=day(12, 30)))
        with CaptureQueriesContext(connection) as found:
            assert list(settle_all(ladder=ladder, at=day(12, 31))) == [(last, 0)]
        assert len(found) == 4  # Members, where they stand, what counts; and that there are no more members.


class TestAnOrder:
    def asked(self, order, at):
        type(order).objects.filter(pk=order.pk).update(status="Being processed")
        with CaptureQueriesContext(connection) as found:
            sync_orders(order_ids=[order.pk], at=at)
        return sum("loyalty_tiers" in query["sql"] for query in found)

    def test_asks_five_times_more_with_levels_and_nothing_without(self):
        ladder, user = a_ladder(), a_user()
        order = buy(user, (a_product("Bed", "120.00"), 1), on=day(3, 1))
        assert self.asked(order, day(3, 2)) <= 5  # The level then, the score, the standing, scores, gifts by hand.
        Ladder.objects.filter(pk=ladder.pk).update(is_on=False)
        forget_cache()
        later = buy(user, (a_product("Bowl", "20.00"), 1), on=day(3, 3))
        assert self.asked(later, day(3, 4)) == 0
