"""Who buys, who stays and who comes back: real orders against SQL written by hand, and small ones at the edges."""

import random
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from loyalty_oscar.insights.buying import Buying, BuyingPeriod, CohortMonth, cohorts, count
from loyalty_oscar.kernel.rounding import two_places
from tests.benchmarks.cdnow import FILE
from tests.buying import SPANS, a_base, by_sql, cohorts_by_sql, paid_rows

#: Each 400th customer of CDNOW, which lies in the repository; the whole file does not.
SAMPLE = Path(__file__).parents[2] / "benchmarks" / "cdnow_sample.txt"


def percent(share):
    return two_places(exact=100 * share)


@pytest.fixture(scope="module", params=["sample", "whole"])
def history(request):
    """The orders of a shop, and a database that has them."""
    file = SAMPLE if request.param == "sample" else FILE
    if not file.exists():
        pytest.skip(f"{file.name} is not here: set CDNOW_FILE to where it lies, or run `make cdnow`")
    rows = paid_rows(file)
    return rows, a_base(rows)


class TestARealShop:
    def test_has_in_each_span_what_sql_counts(self, history):
        rows, base = history
        found = count(rows=rows, spans=SPANS, zone="UTC")
        assert found == [by_sql(base, span) for span in SPANS]

    def test_has_the_cohorts_that_sql_counts(self, history):
        rows, base = history
        found = cohorts(rows=rows, zone="UTC")
        assert {place: (cell.buyers, cell.turnover) for place, cell in found.items()} == dict(cohorts_by_sql(base))


@pytest.mark.skipif(not FILE.exists(), reason="cdnow_master.txt is not here: set CDNOW_FILE, or run `make cdnow`")
class TestTheWholeOfCdnow:
    @pytest.fixture(scope="class")
    @classmethod
    def found(cls):
        return dict(zip(SPANS, count(rows=paid_rows(FILE), spans=SPANS, zone="UTC"), strict=True))

    @pytest.mark.parametrize(
        ("first", "until", "window", "start", "acquired", "end", "retention", "kept", "won_back"),
        [
            ("1997-04-01", "1997-07-01", 90, 23_500, 0, 5_322, "22.65", "22.65", 0),
            ("1997-10-01", "1998-01-01", 90, 4_195, 2, 4_176, "99.50", "48.51", 2_139),
            ("1998-01-01", "1998-07-01", 365, 23_502, 0, 8_332, "35.45", "35.45", 0),
        ],
    )
    def test_is_as_the_article_has_it(
        self, found, first, until, window, start, acquired, end, retention, kept, won_back
    ):
        span = BuyingPeriod(first=date.fromisoformat(first), until=date.fromisoformat(until), window=window)
        buying = found[span]
        assert (buying.start, buying.acquired, buying.end) == (start, acquired, end)
        assert (percent(buying.retention), percent(buying.kept_share)) == (retention, kept)
        assert buying.won_back == won_back

    def test_has_so_many_who_came_again_in_half_a_year(self, found):
        buying = found[BuyingPeriod(first=date(1997, 7, 1), until=date(1998, 1, 1), window=180)]
        assert (buying.repeaters, buying.buyers) == (3_219, 6_421)


def at(day, hour=12):
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


MAY = BuyingPeriod(first=date(2026, 5, 1), until=date(2026, 6, 1), window=30)


class TestACustomerAtADate:
    @pytest.mark.parametrize(
        ("day", "start", "end"),
        [
            ("2026-03-31", 0, 0),
            ("2026-04-01", 1, 0),
            ("2026-04-30", 1, 0),
            ("2026-05-01", 0, 0),
            ("2026-05-02", 0, 1),
            ("2026-05-31", 0, 1),
            ("2026-06-01", 0, 0),
        ],
    )
    def test_bought_in_the_days_before_it_and_not_on_it(self, day, start, end):
        [buying] = count(rows=[("a", at(day), 100)], spans=[MAY], zone="UTC")
        assert (buying.start, buying.end) == (start, end)

    @pytest.mark.parametrize(("zone", "acquired"), [("UTC", 0), ("Europe/Berlin", 1), ("America/New_York", 0)])
    def test_bought_on_the_day_of_the_program(self, zone, acquired):
        [buying] = count(rows=[("a", at("2026-04-30", hour=22), 100)], spans=[MAY], zone=zone)
        assert buying.acquired == acquired


class TestOneSpan:
    def test_tells_those_kept_from_those_won_back(self):
        rows = [
            ("gone", at("2026-04-10"), 100),
            *(("kept", at("2026-04-10"), 100), ("kept", at("2026-05-10"), 250), ("kept", at("2026-05-11"), 250)),
            ("new", at("2026-05-20"), 1_000),
            *(("won", at("2025-01-01"), 100), ("won", at("2026-05-20"), 500)),
        ]
        [buying] = count(rows=rows, spans=[MAY], zone="UTC")
        assert buying == Buying(
            start=2, end=3, acquired=1, kept=1, won_back=1, buyers=3, repeaters=1, turnover=2_000, existing=1_000
        )
        assert (buying.retention, buying.kept_share) == (1, Fraction(1, 2))
        assert buying.won_back_share == buying.retention - buying.kept_share
        assert (buying.repeat_rate, buying.existing_share) == (Fraction(1, 3), Fraction(1, 2))

    def test_takes_nobody_who_was_acquired_and_lost_from_those_won_back(self):
        """May has 31 days: who came first on the first of them is no customer of 30 days at its end."""
        rows = [
            *(("new", at("2026-05-01"), 100), ("stays", at("2026-04-10"), 100), ("stays", at("2026-05-10"), 100)),
            *(("won", at("2025-01-01"), 100), ("won", at("2026-05-20"), 500)),
        ]
        [buying] = count(rows=sorted(rows), spans=[MAY], zone="UTC")
        assert (buying.start, buying.acquired, buying.end, buying.kept, buying.won_back) == (1, 1, 2, 1, 1)
        assert (buying.retention, buying.won_back_share) == (1, 1)

    def test_says_nothing_where_there_is_nothing_to_divide_by(self):
        buying = Buying(end=3, acquired=3)
        assert [buying.retention, buying.kept_share, buying.repeat_rate, buying.existing_share] == [None] * 4

    def test_is_nothing_in_a_shop_without_orders(self):
        assert count(rows=[], spans=[MAY], zone="UTC") == [Buying()]
        assert cohorts(rows=[], zone="UTC") == {}


class TestAnyShop:
    @pytest.mark.parametrize("seed", range(20))
    def test_is_what_sql_counts(self, seed):
        drawn = random.Random(seed)
        day = datetime(2025, 1, 1, 12, tzinfo=UTC)
        rows = sorted(
            (f"b{drawn.randrange(30)}", day + timedelta(days=drawn.randrange(500)), drawn.randrange(1, 9_999))
            for _n in range(100)
        )
        spans = [
            BuyingPeriod(first=first, until=first + timedelta(days=days), window=drawn.randrange(1, 400))
            for first, days in (
                (date(2025, 1, 1) + timedelta(days=drawn.randrange(500)), drawn.randrange(1, 200)) for _n in range(12)
            )
        ]
        found = count(rows=rows, spans=spans, zone="UTC")
        assert found == [by_sql(a_base(rows), span) for span in spans]


class TestACohort:
    def test_is_those_whose_first_order_lies_in_a_month(self):
        rows = [
            *(("a", at("2025-12-31"), 100), ("a", at("2025-12-31"), 50), ("a", at("2026-02-01"), 30)),
            ("b", at("2025-12-01"), 7),
            ("c", at("2026-01-01"), 5),
        ]
        assert cohorts(rows=rows, zone="UTC") == {
            (date(2025, 12, 1), 0): CohortMonth(buyers=2, turnover=157),
            (date(2025, 12, 1), 2): CohortMonth(buyers=1, turnover=30),
            (date(2026, 1, 1), 0): CohortMonth(buyers=1, turnover=5),
        }
