"""The database refuses to change what was written, by every path there is; its gaps are known and watched."""

import unittest

import pytest
from django.core.management.sql import emit_post_migrate_signal
from django.db import DatabaseError, connection, transaction
from django.test import TransactionTestCase

from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.models import Account, Entry, LotMove
from loyalty_oscar.testing import allow_purge, purge

from .books import an_account, assert_clean, balance, capture, dump, give, hold

ENTRY, MOVE = Entry._meta.db_table, LotMove._meta.db_table
POSTGRES = connection.vendor == "postgresql"


@pytest.fixture
def account(db):
    """An account with two moves, and a last entry to which nothing refers."""
    account = an_account()
    give(account, 50)
    capture(hold(account, 10), 10)
    capture(hold(account, 10), 10)
    hold(account, 5)
    connection.check_constraints()  # PostgreSQL truncates no table with checks outstanding.
    return account


def sql(statement):
    """A write path by plain SQL."""

    def run(row):
        with connection.cursor() as cursor:
            cursor.execute(statement.format(entry=ENTRY, move=MOVE, table=row._meta.db_table, pk=row.pk))

    return run


def saved(row):
    """Change a row and save it."""
    row.account_id = row.account_id
    row.save(force_update=True)


def copied(row, **options):
    """Write a row again by bulk_create, as an upsert."""
    type(row).objects.bulk_create([row], **options)


#: The write paths: twelve that change or remove rows of either table.
PATHS = {
    "save": saved,
    "delete": lambda row: row.delete(),
    "queryset update": lambda row: type(row).objects.filter(pk=row.pk).update(account_id=row.account_id),
    "queryset delete": lambda row: type(row).objects.filter(pk=row.pk)._raw_delete("default"),
    "bulk update": lambda row: type(row).objects.bulk_update([row], ["account"]),
    "upsert": lambda row: copied(row, update_conflicts=True, update_fields=["account"], unique_fields=["id"]),
    "raw update": sql("UPDATE {table} SET account_id = account_id WHERE id = {pk}"),
    "raw delete": sql("DELETE FROM {table} WHERE id = {pk}"),
    "raw upsert": sql(
        "INSERT INTO {table} SELECT * FROM {table} WHERE id = {pk} ON CONFLICT (id) DO UPDATE SET account_id = 0"
    ),
    "insert or replace": sql("INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE id = {pk}"),
    "truncate": sql("TRUNCATE {table}"),
    "truncate cascade": sql("TRUNCATE {table} CASCADE"),
}
ONLY_POSTGRES = {"truncate", "truncate cascade"}
#: SQLite's REPLACE removes the old row without asking a trigger, unless PRAGMA recursive_triggers is on.
GAPS = {"sqlite": {"insert or replace"}, "postgresql": set()}


def row_of(model):
    """A row that nothing else refers to, so that only the trigger stands in the way."""
    return model.objects.order_by("pk").last()


def try_(path, model):
    """Go a write path; returns the error, if it was refused."""
    try:
        with transaction.atomic():
            PATHS[path](row_of(model))
    except DatabaseError as error:
        return str(error)
    return ""


class TestTheHistory:
    @pytest.mark.parametrize("model", [Entry, LotMove])
    @pytest.mark.parametrize("path", [path for path in PATHS if POSTGRES or path not in ONLY_POSTGRES])
    def test_is_refused_to_change_by(self, path, model, account):
        before = dump()
        refused = try_(path, model)
        assert dump() == before
        if path in GAPS[connection.vendor]:
            assert refused == ""
        elif POSTGRES and path == "insert or replace":
            assert "syntax error" in refused
        elif POSTGRES and path == "truncate" and model is Entry:
            # Other tables refer to entries, and PostgreSQL minds that first.
            assert "foreign key" in refused
        else:
            assert "append-only" in refused

    @pytest.mark.skipif(POSTGRES, reason="a gap of SQLite")
    def test_closes_sqlites_gap_where_triggers_recurse(self, account):
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers = ON")
            try:
                assert "append-only" in try_("insert or replace", LotMove)
            finally:
                cursor.execute("PRAGMA recursive_triggers = OFF")

    @pytest.mark.parametrize("path", ["queryset update", "raw delete"])
    def test_would_change_without_the_triggers(self, path, account):
        with allow_purge():
            assert try_(path, LotMove) == ""
        assert "append-only" in try_(path, LotMove)

    def test_of_accounts_and_lots_is_kept_by_foreign_keys(self, account):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql("DELETE FROM " + Account._meta.db_table + " WHERE id = {pk}")(account)
            connection.check_constraints()
        assert balance(account) == (25, 0, 5, 0)


class TestTheTriggers:
    def test_are_laid(self, db):
        assert triggers.are_laid()

    def test_are_laid_again_without_harm_and_survive_a_migrate(self, account):
        triggers.lay()
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        assert triggers.are_laid()
        assert "append-only" in try_("raw update", Entry)

    def test_come_back_with_the_next_migrate_after_somebody_dropped_them(self, account):
        with connection.cursor() as cursor:
            for statement in triggers.removal(vendor=connection.vendor):
                cursor.execute(statement)
        assert not triggers.are_laid()
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
        assert triggers.are_laid()
        assert "append-only" in try_("raw update", Entry)

    def test_let_a_purge_through_and_stand_again_after_it(self, account):
        purge()
        assert (Entry.objects.count(), LotMove.objects.count()) == (0, 0)
        give(account, 5, source="new")
        assert "append-only" in try_("raw update", Entry)

    def test_stand_again_after_a_purge_that_failed(self, account):
        with pytest.raises(RuntimeError), allow_purge():
            raise RuntimeError
        assert triggers.are_laid()

    @pytest.mark.skipif(not POSTGRES, reason="a setting of PostgreSQL's session")
    @pytest.mark.parametrize("path", ["raw update", "raw delete", "truncate"])
    def test_are_opened_for_a_session_by_its_owner(self, path, account):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL loyalty.allow_purge = 'on'")
        assert try_(path, LotMove) == ""

    @pytest.mark.django_db(transaction=True)
    def test_are_no_burden_on_what_a_host_tests_by_itself(self):
        class HostTest(TransactionTestCase):
            def test_first(self):
                self.assertFalse(Account.objects.exists())

            def test_second(self):
                self.assertFalse(Entry.objects.exists())

        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(HostTest).run(result)
        assert (result.testsRun, result.errors, result.failures) == (2, [], [])
        assert triggers.are_laid()
        give(an_account(), 5)
        assert_clean()
