"""How people bought, month by month, as the nightly job writes it from receipts."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from loyalty_oscar.insights.buying import Buying, CohortMonth
from loyalty_oscar.insights.models import Month
from loyalty_oscar.insights.monthly import CUTS, MonthCut, count_months, months_of
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.periods import add_months
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.people.operations import forget_buyer
from loyalty_oscar.program.models import Member, Program
from tests.buying import a_base, by_sql, cohorts_by_sql, paid_rows
from tests.once import a_program

pytestmark = pytest.mark.django_db

SAMPLE = Path(__file__).parents[2] / "benchmarks" / "cdnow_sample.txt"
#: Early on 2 July 1998 (UTC): June is over, and 15 months before July begins April 1997.
NIGHT = datetime(1998, 7, 2, 3, tzinfo=UTC)
YEAR = MonthCut(length=12, window=365)


@pytest.fixture
def program():
    return a_program(live_from=datetime(1996, 12, 1, tzinfo=UTC), time_zone="UTC", currency="USD").program


def bought(program, rows, **more):
    """Receipts of these orders."""
    known = Receipt.objects.count()
    told = {"program": program, "currency": program.currency, "pieces": 1, "changed_at": NIGHT, **more}
    told["is_member"] = "member" in more
    return Receipt.objects.bulk_create(
        Receipt(order_id=known + n, buyer=buyer, placed_at=at, goods_minor=paid, paid_minor=paid, **told)
        for n, (buyer, at, paid) in enumerate(rows)
    )


def noon(day):
    return datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)


def everything():
    return set(Month.objects.values_list("program__code", "month", "metric", "cut", "n", "value"))


class TestTheMonths:
    def test_are_what_sql_counts_in_every_way(self, program):
        rows = paid_rows(SAMPLE)
        bought(program, rows)
        list(count_months(at=NIGHT))
        base = a_base(rows)
        for cut in CUTS:
            found = months_of(program=program, cut=cut)
            assert sorted(found.buying) == [add_months(day=date(1997, 4, 1), months=n) for n in range(15)]
            for month, buying in found.buying.items():
                assert buying == by_sql(base, cut.span(month=month)), (cut, month)

    def test_have_the_cohorts_that_sql_counts(self, program):
        rows = paid_rows(SAMPLE)
        bought(program, rows)
        # All of them bought first in the first quarter.
        list(count_months(at=datetime(1998, 4, 1, 3, tzinfo=UTC)))
        found = months_of(program=program, cut=YEAR).cohorts
        assert {place: (cell.buyers, cell.turnover) for place, cell in found.items()} == dict(
            cohorts_by_sql(a_base(rows))
        )

    def test_stand_as_they_were_when_they_are_counted_again(self, program):
        bought(program, paid_rows(SAMPLE))
        list(count_months(at=NIGHT))
        before = everything()
        list(count_months(at=NIGHT + timedelta(days=1)))
        assert everything() == before != set()

    def test_are_right_after_a_night_that_broke_off(self, program):
        bought(program, paid_rows(SAMPLE))
        list(count_months(at=NIGHT))
        before = everything()
        Month.objects.filter(metric="start").update(n=7)
        night = count_months(at=NIGHT)
        next(night)
        night.close()
        assert Month.objects.filter(metric="start", month="1998-06-01").exclude(n=7).exists()
        list(count_months(at=NIGHT))
        assert everything() == before

    def test_follow_an_order_that_came_back(self, program):
        kept, gone = bought(program, [("a", noon("1998-05-02"), 500), ("b", noon("1998-05-02"), 700)])
        list(count_months(at=NIGHT))
        may = MonthCut(length=1, window=90)
        assert months_of(program=program, cut=may).buying[date(1998, 5, 1)] == Buying(
            end=2, acquired=2, buyers=2, turnover=1_200
        )
        Receipt.objects.filter(pk=gone.pk).update(is_gone=True)
        Receipt.objects.filter(pk=kept.pk).update(paid_minor=300)
        list(count_months(at=NIGHT))
        found = months_of(program=program, cut=may)
        assert found.buying[date(1998, 5, 1)] == Buying(end=1, acquired=1, buyers=1, turnover=300)
        assert found.cohorts == {(date(1998, 5, 1), 0): CohortMonth(buyers=1, turnover=300)}

    def test_of_an_earlier_version_are_told_once_they_are_counted_anew(self, program):
        """It did not count those won back."""
        bought(program, [("a", noon("1998-05-02"), 500)])
        list(count_months(at=NIGHT))
        Month.objects.filter(metric="won_back", month="1998-06-01").delete()
        assert list(months_of(program=program, cut=YEAR).buying) == [date(1998, 5, 1)]
        list(count_months(at=NIGHT))
        assert list(months_of(program=program, cut=YEAR).buying) == [date(1998, 5, 1), date(1998, 6, 1)]

    def test_leave_after_15_months_and_the_month_that_runs_is_not_among_them(self, program):
        bought(program, [("a", noon("1997-04-05"), 500), ("a", noon("1998-07-01"), 500)])
        list(count_months(at=NIGHT))
        found = months_of(program=program, cut=YEAR)
        assert (min(found.buying), max(found.buying)) == (date(1997, 4, 1), date(1998, 6, 1))
        # What was bought to date counts all the same.
        assert found.cohorts[date(1997, 4, 1), 15] == CohortMonth(buyers=1, turnover=500)
        list(count_months(at=NIGHT + timedelta(days=31)))
        found = months_of(program=program, cut=YEAR)
        assert (min(found.buying), max(found.buying)) == (date(1997, 5, 1), date(1998, 7, 1))
        assert found.cohorts == {}

    def test_begin_with_the_first_order(self, program):
        bought(program, [("a", noon("1998-06-30"), 500)])
        list(count_months(at=NIGHT))
        assert list(months_of(program=program, cut=YEAR).buying) == [date(1998, 6, 1)]

    def test_go_with_the_last_receipt(self, program):
        [only] = bought(program, [("a", noon("1998-06-30"), 500)])
        list(count_months(at=NIGHT))
        Receipt.objects.filter(pk=only.pk).update(is_gone=True)
        list(count_months(at=NIGHT))
        assert everything() == set()

    def test_go_with_receipts_that_vanish(self, program):
        bought(program, [("a", noon("1998-06-30"), 500)])
        list(count_months(at=NIGHT))
        assert everything() != set()
        Receipt.objects.all().delete()
        list(count_months(at=NIGHT))
        assert everything() == set()

    def test_count_orders_in_another_currency_without_their_money(self, program):
        bought(program, [("a", noon("1998-06-01"), 500)])
        bought(program, [("b", noon("1998-06-01"), 90_000)], currency="JPY")
        list(count_months(at=NIGHT))
        found = months_of(program=program, cut=YEAR).buying[date(1998, 6, 1)]
        assert (found.buyers, found.turnover) == (2, 500)

    def test_know_what_members_paid(self, program):
        member = Member.objects.create(program=program, joined_at=NIGHT)
        bought(program, [("a", noon("1998-06-01"), 500), ("a", noon("1998-05-01"), 70)], member=member)
        bought(program, [("b", noon("1998-06-01"), 900)])
        list(count_months(at=NIGHT))
        may = MonthCut(length=1, window=90)
        assert months_of(program=program, cut=may).members == {date(1998, 6, 1): 500, date(1998, 5, 1): 70}
        assert months_of(program=program, cut=YEAR).members == {date(1998, 6, 1): 570, date(1998, 5, 1): 70}

    def test_know_what_members_paid_who_are_forgotten_by_now(self, program):
        for name, number in (("a", 2), ("b", 1)):
            member = Member.objects.create(program=program, joined_at=NIGHT)
            bought(program, [(name, noon(f"1998-06-0{1 + n}"), 500) for n in range(number)], member=member)
        bought(program, [("c", noon("1998-06-01"), 900)])
        seen = []
        for _time in range(2):
            list(count_months(at=NIGHT))
            row = Month.objects.get(metric="members", cut="1", month=date(1998, 6, 1))
            seen.append((row.n, row.value))
            forget_buyer(member=Member.objects.order_by("pk").first())
        assert seen == [(2, 1_500)] * 2

    def test_count_those_who_were_merged_as_one_buyer(self, program):
        """Ordered by one account of a person in May and by the other in June: kept, and in June not won anew."""
        old, into = (Member.objects.create(program=program, joined_at=NIGHT) for _n in range(2))
        bought(program, [("u:1", noon("1998-05-02"), 500)], member=old)
        bought(program, [("u:2", noon("1998-06-02"), 300)], member=into)
        list(count_months(at=NIGHT))
        june, may = MonthCut(length=1, window=90), date(1998, 5, 1)
        apart = months_of(program=program, cut=june)
        assert apart.buying[date(1998, 6, 1)] == Buying(start=1, end=2, acquired=1, kept=1, buyers=1, turnover=300)
        merge(member=old, into=into, actor="staff:1", at=NIGHT)
        list(count_months(at=NIGHT))
        found = months_of(program=program, cut=june)
        assert found.buying[date(1998, 6, 1)] == Buying(start=1, end=1, kept=1, buyers=1, turnover=300, existing=300)
        assert found.cohorts == {
            (may, 0): CohortMonth(buyers=1, turnover=500),
            (may, 1): CohortMonth(buyers=1, turnover=300),
        }

    def test_know_what_members_paid_before_the_months_that_are_kept(self, program):
        member = Member.objects.create(program=program, joined_at=NIGHT)
        days = ("1996-12-31", "1997-01-01", "1997-04-01", "1997-12-31", "1998-01-01")
        bought(program, [("a", noon(day), 10**n) for n, day in enumerate(days)], member=member)
        list(count_months(at=NIGHT))
        # The year 1997 begins before April, the first month of the 15.
        assert months_of(program=program, cut=YEAR).members[date(1997, 12, 1)] == 1_110

    def test_of_two_programs_are_never_mixed(self, program):
        other = Program.objects.create(code="other", name="Other", time_zone="Pacific/Auckland", currency="USD")
        bought(program, [("a", noon("1998-06-30"), 500)])
        list(count_months(at=NIGHT))
        before = everything()
        # It was July in Auckland already.
        bought(other, [("a", noon("1998-06-30"), 700), ("b", noon("1998-06-29"), 700)])
        list(count_months(at=NIGHT))
        assert before < everything()
        assert months_of(program=other, cut=YEAR).buying[date(1998, 6, 1)].turnover == 700

    def test_of_one_program_that_fails_keep_no_other_from_being_counted(self, program):
        other = Program.objects.create(code="other", name="Other", time_zone="UTC", currency="USD")
        for one in (program, other):
            bought(one, [("a", noon("1998-05-04"), 1000)])
        Program.objects.filter(pk=program.pk).update(time_zone="Mars/Olympus")
        with pytest.raises(LoyaltyError, match=r"months that could not be counted: .*Mars/Olympus"):
            list(count_months(at=NIGHT))
        assert set(Month.objects.values_list("program__code", flat=True)) == {"other"}
