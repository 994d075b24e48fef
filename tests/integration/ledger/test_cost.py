"""What the ledger costs: a spend reads only the lots it uses, and entries and lots are small."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Lot
from loyalty_oscar.ledger.operations import desk

from .books import NOW, WHY, a_unit, an_account, assert_clean, balance, capture, hold, later

pytestmark = pytest.mark.django_db
LOTS = f'FROM "{Lot._meta.db_table}"'


def many_lots(account, number):
    """So many open lots of 1 point each."""
    grants = [
        ledger.LotGrant(
            account_id=account.pk,
            points=1,
            key=f"gift:{n}:earn",
            source=f"gift:{n}",
            because=WHY,
            available_at=NOW,
            expires_at=later(days=n % 300 + 1),
        )
        for n in range(number)
    ]
    ledger.post_many(grants=grants, at=NOW)


@pytest.fixture
def read(monkeypatch):
    """Every lot that a spend reads."""
    seen: list[int] = []
    known = desk.AccountWriter.known

    def remember(self, lot):
        seen.append(lot.pk)
        return known(self, lot)

    monkeypatch.setattr(desk.AccountWriter, "known", remember)
    return seen


class TestASpend:
    def test_reads_one_chunk_and_asks_as_often_with_ten_thousand_lots_as_with_ten(self, read):
        unit, counts = a_unit(), []
        for number in (10, 10_000):
            account = an_account(unit)
            many_lots(account, number)
            for points in (1, 10):
                del read[:]
                with CaptureQueriesContext(connection) as asked:
                    held = hold(account, points, slot=f"basket:{number}")
                    assert len(read) <= desk.CHUNK
                    capture(held, points)
                counts.append(len(asked))
                assert all("LIMIT" in q["sql"] or "expires_at" in q["sql"] for q in asked if LOTS in q["sql"])
                ledger.restore(
                    hold_id=held.pk,
                    account_id=account.pk,
                    points=points,
                    key=f"r:{points}",
                    goods_returned=False,
                    because=WHY,
                    at=NOW,
                )
            assert balance(account) == (number, 0, 0, 0)
        assert counts[:2] == counts[2:]
        assert max(counts) == min(counts) <= 24

    def test_of_five_hundred_lots_writes_them_in_a_few_statements(self):
        account = an_account()
        many_lots(account, 600)
        with CaptureQueriesContext(connection) as asked:
            hold(account, 500)
        assert len(asked) <= 24
        assert Lot.objects.filter(reserved=1).count() == 500
        assert_clean()


class TestARow:
    @pytest.mark.parametrize(("model", "most"), [(Entry, 410), (Lot, 330)])
    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="measures PostgreSQL's pages")
    def test_takes_few_bytes_with_all_its_indexes(self, model, most):
        unit = a_unit()
        accounts = [an_account(unit).pk for _ in range(500)]
        for batch in range(10):
            orders = range(1_000_000 + batch * 1000, 1_001_000 + batch * 1000)
            grants = [
                ledger.LotGrant(
                    account_id=accounts[order * 7 % 500],
                    points=40,
                    key=f"order:{order}:earn",
                    source=f"order:{order}",
                    because=Because("order_earned", order=order, number=str(order + 100_000)),
                    available_at=NOW,
                    expires_at=later(days=365),
                )
                for order in orders
            ]
            ledger.post_many(grants=grants, at=NOW)
        table = model._meta.db_table
        with connection.cursor() as cursor:
            # A copy with the same indexes has no dead rows of other tests in it.
            cursor.execute(f"CREATE TEMPORARY TABLE copied (LIKE {table} INCLUDING ALL)")
            cursor.execute(f"INSERT INTO copied OVERRIDING SYSTEM VALUE SELECT * FROM {table} ORDER BY id")
            cursor.execute("SELECT pg_relation_size('copied'), pg_indexes_size('copied')")
            heap, indexes = cursor.fetchone()
            cursor.execute(
                "SELECT indexrelid::regclass, pg_relation_size(indexrelid) FROM pg_index"
                " WHERE indrelid = 'copied'::regclass"
            )
            each = {name: size // 10_000 for name, size in cursor.fetchall()}
        print(f"{model.__name__}: {heap / 10_000:.0f} bytes of row, {indexes / 10_000:.0f} of indexes {each}")
        assert (heap + indexes) / 10_000 <= most
