"""Cron and a queue count the figures at the same time, while points move on: every entry is counted once."""

from datetime import timedelta

import pytest

from loyalty_oscar.insights import operations
from loyalty_oscar.insights.models import Book, Day
from loyalty_oscar.insights.operations import check, count, difference
from loyalty_oscar.ledger.models import Entry
from tests.integration.ledger.books import NOW, a_unit, an_account, give, later

from .crowds import MANY, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
SIZE, ENTRIES = 6, 40


@pytest.fixture
def small_steps(monkeypatch):
    """Many steps, so that they meet."""
    monkeypatch.setattr(operations, "TOGETHER", 10)


def rounds(crowd, unit, runs):
    """Let all but one count at once, while that one gives points that are young; yields what came of each round."""
    account = an_account(unit)
    for run in range(runs):
        begun = NOW + timedelta(days=run)
        for _number in range(ENTRIES):
            give(account, 7, at=begun)

        def do(one, at=begun):
            if one:
                list(count(at=at + timedelta(hours=2)))
            else:
                give(account, 1, at=at + timedelta(hours=2))

        yield crowd.do(do)


class TestManyWhoCount:
    def test_count_every_entry_once(self, small_steps, tell):
        unit, runs = a_unit(), runs_of(20)
        with Crowd(size=SIZE) as crowd:
            found = sum(rounds(crowd, unit, runs), start=crowd.do(lambda one: None))
        assert found == {"done": (runs + 1) * SIZE}
        list(count(at=later(days=runs + 1)))
        assert sum(Day.objects.values_list("n", flat=True)) == Entry.objects.count() == runs * (ENTRIES + 1)
        assert difference(book=Book.objects.get()) == 0
        assert list(check(at=later(days=runs + 1))) == [0]
        tell(f"figures counted by {SIZE - 1} at once, {runs} runs: every entry once")

    def test_would_count_some_twice_or_fail_without_the_lock(self, small_steps, monkeypatch, tell):
        monkeypatch.setattr(operations, "_locked", lambda unit: Book.objects.get(unit=unit))
        unit = a_unit()
        with Crowd(size=SIZE) as crowd:
            wrong = (
                set(result) != {"done"} or difference(book=Book.objects.get()) != 0
                for result in rounds(crowd, unit, MANY)
            )
            found = broken_after(wrong)
        assert found
        tell(f"its broken twin, without the lock on the book: wrong in round {found}")
