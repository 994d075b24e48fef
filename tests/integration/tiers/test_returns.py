"""What a return takes from a level: the level it carried, the date it moved, the gift it brought; never more."""

import pytest

from loyalty_oscar.ledger.models import Entry, Lot
from loyalty_oscar.tiers.models import Standing, Tier
from loyalty_oscar.tiers.operations import keep_all, take_given
from tests.storefront import a_product, a_user, buy, day, send_back

from .ladders import a_ladder, a_night, hand, known, now, told_and_over

pytestmark = pytest.mark.django_db
GOLD, SILVER = "500.00", "200.00"


def gifts(user):
    """What is left of gifts of levels, ready or on the way."""
    return sum(
        Lot.objects.filter(account__member__user=user, source__startswith="tier:").values_list("remaining", flat=True)
    )


def bought(user, price, on):
    return buy(user, (a_product(price=price), 1), on=on)


class TestAnOrderThatOnlyProlonged:
    @pytest.mark.parametrize(("window", "again"), [("calendar-year", day(3, 1)), ("rolling", day(2, 1))])
    def test_takes_its_date_along_when_it_goes_back(self, window, again):
        a_ladder(window=window)
        user = a_user()
        bought(user, GOLD, day(3, 1, 2025))
        was = now(user).kept_until
        order = bought(user, GOLD, again)
        assert now(user).kept_until > was
        send_back(order, 1, on=day(3, 5) if window == "calendar-year" else day(2, 5))
        assert (now(user).rank, now(user).kept_until) == (3, was)

    @pytest.mark.parametrize(
        ("back", "stays"),
        [(day(1, 12, 2027), False), (day(10, 1, 2028), False), (day(11, 15, 2028), True)],
        ids=["in the grace", "long before", "when it is announced"],
    )
    def test_takes_its_date_along_unless_that_is_so_near_that_it_is_announced(self, back, stays):
        a_ladder()
        user = a_user()
        bought(user, GOLD, day(3, 1, 2025))
        was = now(user).kept_until
        order = bought(user, GOLD, day(1, 10, 2027))
        longer = now(user).kept_until
        assert (was.year, longer.year) == (2026, 2028)
        send_back(order, 1, on=back)
        assert (now(user).rank, now(user).kept_until) == (3, longer if stays else was)

    def test_puts_the_count_of_delays_back(self):
        a_ladder()
        user = a_user()
        bought(user, SILVER, day(3, 1, 2025))
        Standing.objects.filter(is_current=True).update(extensions=3)
        bought(user, SILVER, day(4, 1))
        assert now(user).extensions == 0


class TestASecondClimb:
    """Silver in 2026, down to Bronze in 2028, and up again by an order that goes back."""

    def climb(self, gifts=(0, 0, 0)):
        ladder, user = a_ladder(grace_days=0, gifts=gifts), a_user()
        bought(user, SILVER, day(3, 1))
        told_and_over(ladder, user, day(1, 5, 2028))
        kept = now(user)
        assert kept.rank == 1
        order = bought(user, SILVER, day(2, 1, 2028))
        assert now(user).rank == 2
        return ladder, user, order, kept

    def test_falls_with_its_return_to_what_the_descent_had_left(self):
        _ladder, user, order, kept = self.climb()
        send_back(order, 1, on=day(2, 5, 2028))
        assert (now(user).rank, now(user).kept_until, now(user).is_counted) == (1, kept.kept_until, False)

    def test_leaves_the_gift_of_the_first(self):
        _ladder, user, order, _kept = self.climb(gifts=(0, 50, 0))
        send_back(order, 1, on=day(2, 5, 2028))
        assert now(user).rank == 1
        assert not Entry.objects.filter(key__contains=":gift:back").exists()

    def test_to_the_level_that_was_kept_leaves_it_when_it_goes_back(self):
        ladder, user = a_ladder(grace_days=0), a_user()
        bought(user, GOLD, day(3, 1))
        told_and_over(ladder, user, day(1, 5, 2028))
        kept = now(user)
        order = bought(user, SILVER, day(2, 1, 2028))
        assert (now(user).rank, now(user).is_counted) == (2, True)
        assert now(user).kept_until > kept.kept_until
        send_back(order, 1, on=day(2, 5, 2028))
        assert (now(user).rank, now(user).kept_until) == (2, kept.kept_until)


class TestALevelGivenByHandThatAnOrderCarriesToo:
    def test_is_given_again_once_the_order_goes_back_and_ends_on_its_day(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "10.00", day(3, 1))
        hand(ladder, user, 3, until=day(4, 1), at=day(3, 2))
        assert now(user).actor == "staff:1"
        order = bought(user, GOLD, day(3, 5))
        row = now(user)
        assert (row.is_counted, row.because["c"], row.kept_until.year) == (True, "tier_up", 2027)
        assert row.actor == "system", "the order carries it now, and no clerk"
        send_back(order, 1, on=day(3, 10))
        row = now(user)
        assert (row.rank, row.kept_until, row.because["c"]) == (3, day(4, 1), "tier_given")
        assert row.actor == "staff:1"
        told_and_over(ladder, user, day(5, 15))
        assert now(user).rank == 1

    def test_is_taken_by_the_return_when_the_gift_is_over(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "10.00", day(3, 1))
        hand(ladder, user, 3, until=day(4, 1), at=day(3, 2))
        order = bought(user, GOLD, day(3, 5))
        send_back(order, 1, on=day(5, 1))
        assert now(user).rank == 1

    def test_is_kept_to_the_later_date_of_the_two(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "10.00", day(3, 1))
        hand(ladder, user, 3, until=None, at=day(3, 2))
        bought(user, GOLD, day(3, 5))
        assert (now(user).kept_until, now(user).is_counted) == (None, True)

    def test_goes_back_to_the_date_of_the_orders_when_the_gift_is_taken_back(self):
        ladder, user = a_ladder(), a_user()
        bought(user, SILVER, day(3, 1))
        was = now(user).kept_until
        gift = hand(ladder, user, 2, until=day(1, 1, 2031), at=day(3, 2))
        assert now(user).kept_until == day(1, 1, 2031)
        take_given(ladder=known(ladder), gift=gift, at=day(3, 3))
        assert now(user).kept_until == was


class TestALevelGivenByHand:
    def test_lasts_as_long_as_the_longest_gift_of_it(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "10.00", day(3, 1))
        hand(ladder, user, 3, until=None, at=day(3, 2))
        hand(ladder, user, 3, until=day(6, 1), at=day(3, 3))
        assert now(user).kept_until is None

    def test_ends_where_the_orders_say_and_not_one_level_down(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "10.00", day(3, 1))
        hand(ladder, user, 3, until=day(4, 1), at=day(3, 2))
        told_and_over(ladder, user, day(5, 15))
        assert now(user).rank == 1

    def test_of_which_a_lower_one_is_left_ends_after_its_grace_like_any_other(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "10.00", day(3, 1))
        hand(ladder, user, 2, until=day(6, 1), at=day(3, 2))
        gift = hand(ladder, user, 3, until=day(6, 1), at=day(3, 3))
        take_given(ladder=known(ladder), gift=gift, at=day(3, 4))
        assert (now(user).rank, now(user).is_counted, now(user).because["c"]) == (2, False, "tier_given")
        a_night(ladder, day(6, 2))
        assert now(user).rank == 2

    def test_leaves_what_a_descent_had_promised_when_it_is_taken_back(self):
        ladder, user = a_ladder(grace_days=0), a_user()
        bought(user, GOLD, day(3, 1))
        told_and_over(ladder, user, day(1, 5, 2028))
        kept = now(user)
        gift = hand(ladder, user, 3, until=None, at=day(2, 1, 2028))
        take_given(ladder=known(ladder), gift=gift, at=day(2, 2, 2028))
        assert (now(user).rank, now(user).kept_until) == (kept.rank, kept.kept_until)


class TestASteeperLevel:
    def test_leaves_those_on_other_levels_to_their_returns(self):
        ladder, user, other = a_ladder(), a_user(), a_user("priya@example.com")
        order, gold = bought(user, SILVER, day(3, 1)), bought(other, GOLD, day(3, 1))
        Tier.objects.filter(rank=3).update(threshold=60_000)
        assert keep_all(ladder=known(ladder), ranks=[3]) == 1
        send_back(order, 1, on=day(3, 3))
        send_back(gold, 1, on=day(3, 3))
        assert (now(user).rank, now(other).rank) == (0, 3)


class TestAGift:
    def test_comes_again_as_it_was_when_the_level_changed_after_a_return(self):
        ladder, user = a_ladder(gifts=(0, 0, 500)), a_user()
        send_back(bought(user, GOLD, day(3, 1)), 1, on=day(3, 2))
        Tier.objects.filter(rank=3).update(points=1000)
        known(ladder)
        bought(user, GOLD, day(3, 3))
        assert (now(user).rank, gifts(user)) == (3, 500)

    def test_is_not_given_twice_when_the_level_changed_after_a_descent(self):
        ladder, user = a_ladder(gifts=(0, 50, 0), grace_days=0), a_user()
        bought(user, SILVER, day(3, 1))
        told_and_over(ladder, user, day(1, 5, 2028))
        Tier.objects.filter(rank=2).update(points=100)
        known(ladder)
        bought(user, SILVER, day(2, 1, 2028))
        assert now(user).rank == 2
        assert Entry.objects.filter(key__contains=":gift").count() == 1

    def test_is_taken_back_though_the_level_brings_none_by_now(self):
        ladder, user = a_ladder(gifts=(0, 0, 500)), a_user()
        order = bought(user, GOLD, day(3, 1))
        assert gifts(user) == 500
        Tier.objects.filter(rank=3).update(points=0)
        known(ladder)
        send_back(order, 1, on=day(3, 2))
        assert gifts(user) == 0
