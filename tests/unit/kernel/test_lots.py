"""Which lots a spend takes, and that it reads no more of them than it needs."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.lots import OpenLot, Take, take

DAY = datetime(2026, 5, 1, tzinfo=UTC)
days = st.none() | st.integers(0, 5).map(lambda n: DAY + timedelta(days=n))
some_lots = st.lists(st.tuples(st.integers(0, 50), days), max_size=12).map(
    lambda rows: [OpenLot(pk, free, expires_at) for pk, (free, expires_at) in enumerate(rows, start=1)]
)


class TestTaking:
    @given(some_lots, st.integers(0, 400))
    def test_takes_what_is_asked_or_all_there_is(self, lots, points):
        taken = list(take(lots=lots, points=points))
        free = {lot.pk: lot.free for lot in lots}
        assert sum(part.points for part in taken) == min(points, sum(free.values()))
        assert all(0 < part.points <= free[part.pk] for part in taken)
        # Every lot but the last one touched is emptied.
        assert all(part.points == free[part.pk] for part in taken[:-1])

    def test_reads_no_lot_after_the_last_one_it_needs(self):
        read = []

        def lots():
            for pk in range(1, 1000):
                read.append(pk)
                yield OpenLot(pk, 10)

        assert list(take(lots=lots(), points=15)) == [Take(1, 10), Take(2, 5)]
        assert len(read) <= 3

    def test_of_nothing_takes_nothing(self):
        assert list(take(lots=[OpenLot(1, 10)], points=0)) == []
