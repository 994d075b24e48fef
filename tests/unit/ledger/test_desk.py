"""What the ledger's desk does without a database: fingerprints, trying again, and the SQL of the triggers."""

import enum

import pytest
from django.db import OperationalError, connection

from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.models import Entry, Kind, LotMove
from loyalty_oscar.ledger.operations import desk


class Deadlock(Exception):
    """What a driver raises, with PostgreSQL's code for it."""

    def __init__(self, sqlstate):
        super().__init__()
        self.sqlstate = sqlstate


class TestAFingerprint:
    def test_is_sixteen_bytes_that_stay_the_same(self):
        assert desk.fingerprint_of("claw", "order:42", 10).hex() == "e006d1a302059c9bb2c24d07b354e1be"

    def test_does_not_depend_on_how_a_choice_is_written(self):
        assert desk.fingerprint_of(Kind.EARN, 5) == desk.fingerprint_of("earn", 5)

    def test_tells_apart_where_one_part_ends_and_the_next_begins(self):
        assert len({desk.fingerprint_of("a", "bc"), desk.fingerprint_of("ab", "c"), desk.fingerprint_of("abc")}) == 3


class TestAnOperationThatMetADeadlock:
    @pytest.fixture
    def attempts(self, monkeypatch):
        """An operation that fails so often with a code; returns how often it was called."""
        monkeypatch.setattr(desk.time, "sleep", lambda seconds: None)

        def run(failures, code="40P01"):
            calls = []

            @desk.outermost_retried
            def operation(*, points):
                calls.append(points)
                if len(calls) <= failures:
                    raise OperationalError("deadlock detected") from Deadlock(code)
                return "posted"

            try:
                assert operation(points=5) == "posted"
            except OperationalError:
                return len(calls), "refused"
            return len(calls), "posted"

        return run

    @pytest.mark.parametrize("code", ["40P01", "40001"])
    @pytest.mark.parametrize(("failures", "outcome"), [(0, (1, "posted")), (4, (5, "posted")), (5, (5, "refused"))])
    def test_is_tried_five_times_at_most(self, attempts, code, failures, outcome):
        assert attempts(failures, code) == outcome

    def test_is_not_tried_again_for_another_reason(self, attempts):
        assert attempts(1, "57014") == (1, "refused")

    def test_is_not_tried_again_inside_somebody_elses_transaction(self, attempts, monkeypatch):
        monkeypatch.setattr(connection, "in_atomic_block", True)
        assert attempts(1) == (1, "refused")


class TestTheTriggers:
    @pytest.mark.parametrize("vendor", ["postgresql", "sqlite"])
    def test_guard_both_tables(self, vendor):
        for sql in (triggers.statements(vendor=vendor), triggers.removal(vendor=vendor)):
            assert sql
        text = " ".join(triggers.statements(vendor=vendor))
        assert all(model._meta.db_table in text for model in (Entry, LotMove))
        assert triggers.MESSAGE in text

    def test_are_none_where_no_one_wrote_them_yet(self):
        assert triggers.statements(vendor="mysql") == triggers.removal(vendor="mysql") == []


class TestTheCodes:
    @pytest.mark.parametrize(
        ("choices", "codes"),
        [
            (
                Kind,
                "earn mature hold release capture claw restore expire extend adjust welcome import transfer",
            ),
            (desk.Counter, "issuance redemption breakage adjustment transfer self"),
            (desk.Lot.State, "pending open closed"),
        ],
    )
    def test_are_for_ever(self, choices, codes):
        assert issubclass(choices, enum.Enum)
        assert " ".join(choices.values) == codes
