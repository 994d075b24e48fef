"""The past of the demo shop, on whichever day it is made: its people stand where the login page says they do."""

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loyalty_oscar.exclusives import rules as doors
from loyalty_oscar.tiers import rules
from sandbox.seed import catalogue, counter, friends, letters, levels, people, sales, story
from sandbox.seed.timeline import DAYS, ZONE, Event, Happening, ten_oclock

ROOT = Path(__file__).parents[2]
NOWS = [
    datetime(2026, 1, 1, 0, 0, 1, tzinfo=ZONE),
    datetime(2026, 1, 1, 10, 30, tzinfo=ZONE),
    datetime(2026, 1, 2, 23, 59, 59, tzinfo=ZONE),
    datetime(2026, 1, 31, 12, tzinfo=ZONE),
    datetime(2027, 3, 1, 9, tzinfo=ZONE),
    datetime(2028, 2, 28, 9, tzinfo=ZONE),
    datetime(2028, 2, 29, 9, tzinfo=ZONE),
    datetime(2028, 3, 1, 0, 30, tzinfo=ZONE),
    datetime(2026, 3, 29, 3, 15, tzinfo=ZONE),
    datetime(2026, 10, 25, 2, 30, tzinfo=ZONE),
    datetime(2026, 6, 15, 18, tzinfo=ZONE),
    datetime(2026, 11, 22, 4, tzinfo=ZONE),
    datetime(2026, 12, 11, 8, tzinfo=ZONE),
    datetime(2026, 12, 12, 8, tzinfo=ZONE),
    datetime(2026, 12, 31, 23, 59, 58, tzinfo=ZONE),
    datetime(2028, 12, 31, 16, tzinfo=ZONE),
]
LADDER = rules.LadderTerms(thresholds=tuple(level[1] for level in levels.LEVELS.values()), zone=str(ZONE))
FOOD = 90  # Percent of the price that members from Silver on pay.


@pytest.fixture(params=NOWS, ids=lambda now: f"{now:%Y-%m-%d %H:%M:%S}")
def now(request):
    """The day on which the shop is made."""
    return request.param


@pytest.fixture
def past(now):
    """Everything that happened until then."""
    return story.told(people=people.everybody(), today=now)


def counted(past, email, *, food=100):
    """What somebody's orders count, where food costs so many percent of its price."""
    price = {article.upc: article for article in catalogue.articles()}
    bought = [e.purchase for e in past if isinstance(e, Event) and e.kind == "placed" and e.purchase.email == email]
    return [
        rules.Counted(
            at=purchase.placed_at,
            value=sum(
                int(price[upc].price * 100) * quantity * (food if price[upc].product_class == "Food" else 100) // 100
                for upc, quantity in purchase.lines
            ),
        )
        for purchase in bought
    ]


def progress(past, email, now):
    """What counts for somebody in the calendar year of now."""
    return rules.value(counted=counted(past, email), window=rules.CALENDAR_YEAR, at=now, zone=LADDER.zone)


class TestThePeopleOfTheDemoShop:
    def test_show_gold_by_orders_whatever_food_cost_her(self, past, now):
        by_orders = counted(past, "gold@example.com", food=FOOD)
        rank, until = rules.deserved(counted=by_orders, ladder=LADDER, at=ten_oclock(today=now, days=-2))
        assert rank == levels.GOLD
        assert until > now

    def test_show_silver_exactly_ten_short_of_gold_in_this_year(self, past, now):
        orders = counted(past, "silver@example.com")
        assert rules.deserved(counted=orders, ladder=LADDER, at=now)[0] == levels.SILVER
        assert LADDER.thresholds[levels.GOLD - 1] - progress(past, "silver@example.com", now) == 1000
        bought = {upc for e in past if isinstance(e, Event) for upc, _n in _lines(e, "silver@example.com")}
        dear = {article.upc for article in catalogue.articles() if article.product_class not in ("Food", "Toy")}
        assert bought <= dear, "a member price or an offer would make it another sum"

    def test_show_silver_as_a_home_with_cats_before_the_day_of_cats(self, past, now):
        day = ten_oclock(today=now, days=-letters.APART)
        placed = [one.at for one in counted(past, "silver@example.com")]
        assert min(placed) < ten_oclock(today=now, days=letters.WRITES), "he is there to allow letters"
        assert any(day - timedelta(days=365) < at < day - timedelta(days=7) for at in placed)

    def test_show_a_silver_that_no_order_carries_and_that_ends_soon(self, past, now):
        orders, end = counted(past, "slipping@example.com"), levels.end_of_gift(today=now)
        assert rules.deserved(counted=orders, ladder=LADDER, at=now)[0] < levels.SILVER
        assert rules.deserved(counted=orders, ladder=LADDER, at=end)[0] < levels.SILVER
        given = ten_oclock(today=now, days=levels.GIVEN)
        assert min(order.at for order in orders) < given < now < end
        assert end <= now + timedelta(days=22)
        span = rules.span_to_keep(window=rules.CALENDAR_YEAR, at=now, kept_until=end, zone=LADDER.zone)
        assert span[0] <= now < span[1], "what is bought now keeps it"

    def test_were_brought_by_members_who_had_been_there_before(self, past, now):
        placed = [e.purchase for e in past if isinstance(e, Event) and e.kind == "placed" and not e.purchase.guest]
        for friend in filter(lambda person: person.invited, people.everybody()):
            came = friends.came_at(person=friend, today=now)
            assert ten_oclock(today=now, days=friends.OPENED) < came < now
            assert min(p.placed_at for p in placed if p.email == friend.invited["by"]) < came
            assert all(came < p.placed_at for p in placed if p.email == friend.email)


class TestThePast:
    def test_is_told_in_order_and_ends_today(self, past, now):
        moments = [event.at for event in past]
        assert moments == sorted(moments)
        assert moments[-1] <= now
        assert moments[0] > now - timedelta(days=DAYS + 1)

    def test_tells_the_same_again(self, past, now):
        again = story.told(people=people.everybody(), today=now)
        assert [event.at for event in again] == [event.at for event in past]

    def test_holds_every_happening_once(self, past, now):
        chapters = (levels, counter, friends, sales)
        planned = [one.at for chapter in chapters for one in chapter.happenings(today=now)]
        happened = Counter(event.at for event in past if isinstance(event, Happening))
        assert all(at <= now for at in planned)
        assert not Counter(planned) - happened

    def test_buys_nothing_that_a_sale_keeps_closed(self, past, now):
        announced = min(one.at for one in sales.happenings(today=now))
        late = [e for e in past if isinstance(e, Event) and e.kind == "placed" and e.at >= announced]
        assert late
        assert not {upc for event in late for upc, _quantity in event.purchase.lines} & sales.closed()


class TestTheCounter:
    @pytest.fixture
    def sold(self, now):
        return counter.till(today=now, stock=counter.stock())

    def test_sells_the_same_again_and_nothing_ahead_of_today(self, sold, now):
        again = counter.till(today=now, stock=counter.stock())
        assert again == sold
        moments = [one.placed_at for one in sold]
        assert moments == sorted(moments)
        assert now - timedelta(days=DAYS + 1) < moments[0]

    def test_sells_nothing_that_a_sale_keeps_closed(self, sold):
        assert not {upc for one in sold for upc, _quantity in one.lines} & {sales.TRAIL_UPC, sales.NEST_UPC}

    def test_is_brought_in_once_up_to_yesterday(self, sold, now):
        found = list(counter.happenings(today=now))
        numbers = [one.number for event in found for one in event.do.args[0]]
        assert sorted(numbers) == [one.number for one in sold if one.placed_at < found[-1].at]
        assert all(one.placed_at < event.at <= now for event in found for one in event.do.args[0])
        assert found[-1].at > now - timedelta(days=2, hours=14)

    def test_sells_at_no_moment_at_which_an_order_is_placed(self, sold, past):
        placed = {e.purchase.placed_at for e in past if isinstance(e, Event)}
        moments = [one.placed_at for one in sold]
        assert len(set(moments)) == len(moments)
        assert not placed & set(moments)

    def test_has_more_customers_from_year_to_year_and_many_who_come_again(self, sold):
        half = len(sold) // 2
        assert sold[half].placed_at - sold[0].placed_at > sold[-1].placed_at - sold[half].placed_at
        times = Counter(one.email for one in sold)
        assert 0.3 < sum(number > 1 for number in times.values()) / len(times) < 0.7


class TestTheSales:
    @pytest.mark.parametrize(
        ("days", "gold", "silver"),
        [(sales.TRAIL_DAYS, (True, True), (True, False)), (sales.NEST_DAYS, (True, False), (False, False))],
        ids=["running", "coming"],
    )
    def test_admit_gold_before_silver(self, now, days, gold, silver):
        sale = doors.SaleTerms(
            id=1,
            doors=tuple(
                doors.DoorTerms(rank=rank, seen_from=_on(now, days[rank][0]), buys_from=_on(now, days[rank][1]))
                for rank in (levels.GOLD, levels.SILVER)
            ),
            public_from=_on(now, days["public"]),
            ends_at=_on(now, days["ends"]),
            is_hidden=days is sales.NEST_DAYS,
        )
        for rank, wanted in ((levels.GOLD, gold), (levels.SILVER, silver)):
            told = doors.admission(sale=sale, who=doors.Who(is_member=True, rank=rank), at=now)
            assert (told.sees, told.buys) == wanted
        stranger = doors.admission(sale=sale, who=doors.Who(), at=now)
        assert (stranger.sees, stranger.buys) == (not sale.is_hidden, False)


def _lines(event, email):
    return event.purchase.lines if event.purchase.email == email else ()


def _on(now, days):
    return ten_oclock(today=now, days=days).astimezone(UTC)


class TestItsSettings:
    def read(self, **env):
        code = "from sandbox import settings; print(settings.SECRET_KEY, *settings.MIDDLEWARE)"
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **env},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return run.returncode, run.stdout, run.stderr

    def test_take_the_published_key_on_ones_own_machine_alone(self):
        assert self.read(DEBUG="1")[0] == 0
        code, _out, error = self.read(DEBUG="0", SECRET_KEY="")
        assert (code, "DEBUG=0 needs a SECRET_KEY" in error) == (1, True)
        assert self.read(DEBUG="0", SECRET_KEY="mine")[1].startswith("mine ")

    def test_let_nobody_frame_its_pages(self):
        assert "XFrameOptionsMiddleware" in self.read(DEBUG="1")[1]
