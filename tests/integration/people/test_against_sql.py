"""How a few customers of a real shop buy, against SQL written by hand; and the rule that says who has left."""

from pathlib import Path

import pytest
from django.db import connection

from tests.benchmarks import cdnow
from tests.benchmarks.buying import END, a_shop, differences, fill, separation, split, waits

#: Each 400th customer of CDNOW; `make cdnow` counts all of them.
SAMPLE = Path(__file__).parents[2] / "benchmarks" / "cdnow_sample.txt"


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(cdnow, "FILE", SAMPLE)
    return cdnow.purchases(None)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the SQL is PostgreSQL's")
class TestHowCustomersBuy:
    def test_is_what_it_is_in_sql(self, rows):
        program = a_shop(rows)
        assert fill(END) == len(rows)
        found = list(differences(program, END))
        assert [one for one in found if one[2]] == []
        assert {what: number for what, number, _wrong in found}["receipts"] == len(rows) > 100
        assert sum(number for what, number, _wrong in found if what.startswith("recency")) > 50


class TestTheRule:
    def test_tells_who_comes_back_better_than_chance(self, rows):
        seen, back = split(rows)
        scores = waits(seen)
        assert scores.keys() == seen.keys()
        assert separation(scores, back) > 0.6

    @pytest.mark.parametrize(
        ("scores", "back", "meant"),
        [
            ({"a": 1, "b": 2, "c": 3, "d": 4}, {"a", "b"}, 1), ({"a": 1, "b": 2, "c": 3, "d": 4}, {"c", "d"}, 0),
            ({"a": 1, "b": 1}, {"a"}, 0.5), ({"a": 1, "b": 2, "c": 2, "d": 3}, {"a", "b"}, 0.875),
        ],
    )  # fmt: skip
    def test_is_judged_by_how_often_it_puts_two_in_order(self, scores, back, meant):
        assert separation(scores, back) == meant
