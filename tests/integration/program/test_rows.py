"""Rows in bulk: what the tables refuse they refuse here too, and what comes back is what was written."""

from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError, connection

from loyalty_oscar.ledger.models import Entry, Lot
from loyalty_oscar.program.models import Member, Outbox
from loyalty_oscar.program.rows import write_rows
from tests.integration.ledger.books import NOW, an_account, give

pytestmark = pytest.mark.django_db


def like(entry: Entry, **fields) -> Entry:
    """An entry that is not there yet, like one that is."""
    row = Entry.objects.get(pk=entry.pk)
    row.pk, row._state.adding = None, True
    for name, value in fields.items():
        setattr(row, name, value)
    return row


@pytest.fixture
def entry():
    return give(an_account(), 10, until=NOW + timedelta(days=9)).entry


class TestRows:
    @pytest.mark.parametrize(
        "wrong", [{"seq": 1}, {"seq": 901}, {"seq": 905, "available_after": -1}, {"seq": 906, "account_id": None}]
    )
    def test_one_that_the_table_refuses_takes_the_others_along(self, entry, wrong):
        rows = [like(entry, key="new:1", seq=901), like(entry, **{"key": "new:2", **wrong})]
        with pytest.raises(IntegrityError):
            write_rows(rows=rows)

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite keeps longer texts")
    def test_a_text_that_is_too_long_is_refused_and_not_cut(self, entry):
        assert connection.vendor == "postgresql"
        with pytest.raises(DataError, match="too long"):
            write_rows(rows=[like(entry, key="x" * 101, seq=901)])

    def test_every_text_comes_back_as_it_was(self, entry):
        texts = ['a"b\\c', "{x,y}", "NULL", "", "\u017c\u00f3\u0142\n\t'", " sp "]
        rows = [
            like(entry, key=f"odd:{n}", seq=901 + n, actor=text, because={"c": "adjusted", "p": {"text": text}})
            for n, text in enumerate(texts)
        ]
        write_rows(rows=rows)
        for row in rows:
            kept = Entry.objects.get(pk=row.pk)
            assert (kept.key, kept.actor, kept.because) == (row.key, row.actor, row.because)
            assert bytes(kept.fingerprint) == bytes(row.fingerprint)
            assert (kept.created_at, kept.reverses_id) == (row.created_at, None)

    def test_rows_that_are_there_are_left_alone_or_written_over(self, entry):
        member = Member.objects.get()
        for _ in range(2):
            fields = {"topic": "t", "member_id": member.pk, "payload": {"a": 1}, "created_at": NOW, "next_at": NOW}
            write_rows(rows=(Outbox(key=f"k{n}", **fields) for n in range(3)), skip=True)
        assert Outbox.objects.count() == 3
        lot = Lot.objects.get()
        lot.remaining, lot.source = 4, "not written"
        write_rows(rows=[lot], over=["remaining"])
        kept = Lot.objects.get()
        assert kept.remaining == 4
        assert kept.source != "not written"
