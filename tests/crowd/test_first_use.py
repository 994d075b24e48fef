"""Twenty first earns of one person at once (T16): one member, one account, twenty entries, no error."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import a_program
from tests.integration.ledger.books import NOW, TABLES, a_unit, assert_clean, give

from .crowds import CROWD, MANY, Crowd, bare_copies, broken_after

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])


def a_user(run):
    """Somebody nobody knows yet."""
    return get_user_model().objects.create(username=f"new{run}", email=f"new{run}@example.com")


def first_earn(unit, user):
    """What each of a crowd does: join, open the account, and earn."""

    def one(number):
        member = join(program=unit.program, user_id=user.pk, at=NOW)
        give(ledger.open_account(member=member, unit=unit), 5, source=f"order:{number}")

    return one


def an_order(user, number):
    """An order of one line of 12.00, as an import writes it: no signal, no receiver."""
    price, Order, Line = Decimal("12.00"), get_model("order", "Order"), get_model("order", "Line")
    order = Order(
        number=number,
        user=user,
        currency="EUR",
        total_incl_tax=price,
        total_excl_tax=price,
        status="Pending",
        date_placed=NOW,
    )
    Order.objects.bulk_create([order])
    line = {"title": "Lead", "quantity": 1, "partner_sku": "lead", "num_allocated": 0}
    Line.objects.bulk_create([Line(order=order, **line, **line_prices(price))])
    return order.pk


def line_prices(price):
    """The prices of a line of one unit."""
    names = ("line_price", "line_price_before_discounts", "unit_price")
    return {f"{name}_{tax}": price for name in names for tax in ("incl_tax", "excl_tax")}


class TestTwentyFirstEarnsOfOnePerson:
    @BOTH
    def test_make_one_account_with_twenty_entries_fifty_times(self, outer, tell):
        unit, total = a_unit(), Counter()
        with Crowd(outer=outer) as crowd:
            for run in range(50):
                user = a_user(run)
                total += crowd.do(first_earn(unit, user))
                account = Account.objects.get(member__user=user)
                assert account.available == 5 * CROWD
                assert list(account.entries.values_list("seq", flat=True).order_by("seq")) == [*range(1, CROWD + 1)]
        assert total == {"done": 50 * CROWD}
        assert Member.objects.count() == 50
        assert_clean()
        tell(
            f"T16, 50 runs of 20 {'in' if outer else 'without'} an outer transaction: {total['done']} entries, 0 errors"
        )

    @BOTH
    def test_through_the_sync_of_twenty_orders_are_no_different(self, outer, tell):
        a_program(live_from=NOW - timedelta(days=1))
        total = Counter()
        with Crowd(outer=outer) as crowd:
            for run in range(10):
                user = a_user(run)
                orders = [an_order(user, f"{run}-{number}") for number in range(CROWD)]
                total += crowd.do(lambda number, ids=orders: sync_orders(order_ids=[ids[number]], at=NOW))
                account = Account.objects.get(member__user=user)
                assert account.pending == 12 * CROWD
                assert Award.objects.filter(account=account).count() == CROWD
        assert total == {"done": 10 * CROWD}
        assert Member.objects.count() == 10
        assert Entry.objects.count() == 10 * CROWD
        assert_clean()
        tell(f"T16 by 20 orders synced at once, 10 runs: {total['done']} awards, 0 errors")

    def test_of_the_same_order_award_it_once(self, tell):
        a_program(live_from=NOW - timedelta(days=1))
        total = Counter()
        with Crowd() as crowd:
            for run in range(10):
                user = a_user(run)
                order = an_order(user, str(run))
                total += crowd.do(lambda number, pk=order: sync_orders(order_ids=[pk], at=NOW))
                assert Account.objects.get(member__user=user).pending == 12
        assert total == {"done": 10 * CROWD}
        assert Award.objects.count() == Entry.objects.count() == 10
        assert_clean()
        tell(f"one order synced 20 times at once, 10 runs: {Award.objects.count()} awards, 0 errors")

    @BOTH
    def test_would_make_several_accounts_without_unique_constraints(self, outer, tell):
        unit = a_unit()
        with bare_copies(*TABLES, Member) as search_path, Crowd(outer=outer, search_path=search_path) as crowd:
            first = broken_after(accounts_after(crowd, unit, a_user(run)) > 1 for run in range(MANY))
        assert first
        tell(f"T16's broken twin: more than one account in run {first}")


def accounts_after(crowd, unit, user):
    """How many accounts somebody has after a crowd of first points."""
    crowd.do(first_earn(unit, user))
    return Account.objects.filter(member__user_id=user.pk).count()
