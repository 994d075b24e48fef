"""Rows in bulk: what the tables refuse they refuse here too, and what comes back is what was written."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction

from loyalty_oscar.ledger.models import Account, Entry, Lot
from loyalty_oscar.program.models import Event, Member
from loyalty_oscar.program.rows import among, find_row, find_rows, write_columns, write_fields, write_rows
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
            fields = {"topic": "t", "member_id": member.pk, "payload": {"a": 1}, "at": NOW}
            write_rows(rows=(Event(key=f"k{n}", **fields) for n in range(3)), skip=True)
        assert Event.objects.count() == 3
        lot = Lot.objects.get()
        lot.remaining, lot.source = 4, "not written"
        write_rows(rows=[lot], over=["remaining"])
        kept = Lot.objects.get()
        assert kept.remaining == 4
        assert kept.source != "not written"

    def test_what_all_rows_have_in_common_is_written_in_each_and_json_keeps_its_kinds(self, entry):
        reasons = [{"c": "adjusted", "p": {"text": value}} for value in (1, True, 1.0)]
        rows = [like(entry, key=f"same:{n}", seq=901 + n, because=reason) for n, reason in enumerate(reasons)]
        write_rows(rows=rows)
        kept = list(Entry.objects.filter(key__startswith="same:").order_by("seq"))
        assert [type(one.because["p"]["text"]) for one in kept] == [int, bool, float]
        assert {(one.actor, one.kind, one.created_at, one.reverses_id) for one in kept} == {
            (entry.actor, entry.kind, entry.created_at, None)
        }

    @pytest.mark.parametrize("together", [1, 2, 5, 1000])
    def test_columns_are_written_in_their_order_whatever_one_statement_holds(self, entry, monkeypatch, together):
        monkeypatch.setattr("loyalty_oscar.program.rows.TOGETHER", together)
        sources = [f"gift:{n % 3}" for n in range(5)]
        columns = {
            "account_id": [entry.account_id] * 5,
            "entry_id": [entry.pk] * 5,
            "source": sources,
            "granted": [7] * 5,
            "remaining": list(range(5)),
            "is_open": [True] * 5,
            "state": ["open"] * 5,
            "expires_at": [None, NOW, None, NOW, NOW],
        }
        keys = write_columns(model=Lot, columns=columns)
        kept = [Lot.objects.get(pk=key) for key in keys]
        assert [(lot.source, lot.remaining, lot.expires_at) for lot in kept] == list(
            zip(sources, range(5), columns["expires_at"], strict=True)
        )
        assert {(lot.extensions, lot.graced, lot.available_at) for lot in kept} == {(0, False, None)}

    def test_fields_of_rows_are_saved_and_no_others(self, entry):
        rows = [*Lot.objects.all(), *(give(entry.account, 10).entry.lots.get() for _ in range(2))]
        for n, lot in enumerate(rows):
            lot.remaining, lot.expires_at, lot.source = n, NOW if n else None, "not written"
        write_fields(rows=rows, fields=["remaining", "expires_at"])
        kept = [Lot.objects.get(pk=lot.pk) for lot in rows]
        assert [(lot.remaining, lot.expires_at) for lot in kept] == [(0, None), (1, NOW), (2, NOW)]
        assert "not written" not in {lot.source for lot in kept}

    def test_a_field_that_the_table_refuses_changes_no_row(self, entry):
        rows = [*Lot.objects.all(), give(entry.account, 10).entry.lots.get()]
        rows[0].remaining, rows[1].remaining = 4, -1
        with pytest.raises(IntegrityError), transaction.atomic():
            write_fields(rows=rows, fields=["remaining"])
        assert {lot.remaining for lot in Lot.objects.all()} == {10}

    def test_a_row_that_is_gone_is_not_saved_silently(self, entry):
        account = Account.objects.get(pk=entry.account_id)
        account.pk += 1000
        with pytest.raises(DatabaseError), transaction.atomic():
            write_fields(rows=[account], fields=["seq"])
        assert Account.objects.count() == 1

    def test_rows_are_found_by_pairs(self, entry):
        other = an_account(entry.account.unit)
        same_key = give(other, 5, key=entry.key, source="gift:again").entry
        pairs = {"account_id": [entry.account_id, other.pk], "key": [entry.key, "another"]}
        found = set(Entry.objects.filter(among(model=Entry, **pairs)))
        assert entry in found
        if connection.vendor == "postgresql":
            assert found == {entry}
        assert set(Entry.objects.filter(among(model=Entry, id=[same_key.pk]))) == {same_key}

    def test_one_row_is_found_by_its_key_and_locked(self, entry, django_assert_num_queries):
        assert find_row(model=Entry, account_id=entry.account_id, key="another") is None
        with django_assert_num_queries(1) as asked:
            found = find_row(model=Entry, account_id=entry.account_id, key=entry.key)
        assert (found, found.because, found.created_at) == (entry, entry.because, entry.created_at)
        assert bytes(found.fingerprint) == bytes(entry.fingerprint)
        with django_assert_num_queries(1) as asked:
            assert find_row(model=Account, is_locked=True, id=entry.account_id) == entry.account
        assert asked[0]["sql"].endswith("FOR UPDATE") == connection.features.has_select_for_update

    @pytest.mark.parametrize("column", ["key", "pk", "account_id", "account__member_id", "account__member__public_id"])
    def test_rows_are_found_by_a_key_of_any_type_however_it_is_written(self, entry, column):
        """The statement is kept for numbers and texts; a text may stand for a number or a UUID."""
        rows, other = Entry.objects.order_by("pk"), give(an_account(entry.account.unit), 5, key="another").entry
        for one in (entry, other):
            key = Entry.objects.filter(pk=one.pk).values_list(column, flat=True).get()
            for written in (key, str(key)):
                for _again in range(2):
                    assert find_rows(rows=rows, column=column, keys=[written]) == [one]
        assert find_rows(rows=rows, column=column, keys=[]) == []
