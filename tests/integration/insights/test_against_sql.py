"""The figures of a year and a half of a real shop, a few of its customers, against SQL written by hand."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from loyalty_oscar.insights import queries
from loyalty_oscar.insights.models import Book
from loyalty_oscar.insights.operations import difference
from loyalty_oscar.program.models import Unit
from tests.benchmarks.figures import BEGIN, END, Life, a_shop, differences, purchases
from tests.integration.ledger.books import assert_clean

#: Each 400th customer of CDNOW; `make figures` plays all of them.
SAMPLE = Path(__file__).parents[2] / "benchmarks" / "cdnow_sample.txt"


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the SQL is PostgreSQL's")
class TestAYearAndAHalf:
    @pytest.fixture
    def played(self):
        unit, other = a_shop()
        Life(unit, other).live(purchases(SAMPLE, 1))
        return unit

    def test_is_on_the_page_what_it_is_in_sql(self, played):
        found = list(differences(played))
        assert [one for one in found if one[1] != one[2]] == []
        assert len(found) > 50
        assert {what.partition(",")[0] for what, _shown, meant in found if meant} >= {
            *("Given", "Used", "Taken back", "Run out", "By hand", "rules", "staff", "first orders"),
            *("members by rules", "members by staff"),
        }
        self.adds_up(played)

    def adds_up(self, unit):
        """Nothing was ever counted anew, no program has anything of the other, and the months carry on."""
        assert not Book.objects.filter(off_at__isnull=False).exists()
        assert [difference(book=book) for book in Book.objects.all()] == [0, 0]
        other = Unit.objects.exclude(pk=unit.pk).get()
        assert {row.giver for row in queries.given(unit=other, first=BEGIN, last=END)} == {"others"}
        # The first orders of January in London are of December in New York.
        months = queries.months(unit=unit, first=BEGIN - timedelta(days=1), last=END)
        assert months[0].end.net > 0
        assert months[-1].end.net == sum(sum(month.flows.values()) for month in months)
        assert_clean()
