"""What the pytest plugin does for a store's tests: whatever kind of test case they are, Django can flush after them."""

from django.test import LiveServerTestCase, TestCase, TransactionTestCase
from oscar.test.factories import UserFactory

from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.testing import a_program
from tests.orders import place


def rows():
    """How many there are of what an order with points leaves."""
    return [model.objects.count() for model in (Program, Account, Entry)]


def an_order_earns():
    """Place an order in a shop that nobody used before; returns the rows before and after."""
    before = rows()
    a_program()
    place(user=UserFactory(), lines=[("12.50", 2)])
    return before, rows()


class Twice:
    """Two tests that write to the ledger: the second finds what the first left, and that is nothing."""

    def test_one_finds_an_empty_ledger(self):
        self.assertEqual(an_order_earns(), ([0, 0, 0], [1, 1, 1]))

    def test_another_finds_it_empty_and_guarded_again(self):
        self.assertEqual(an_order_earns(), ([0, 0, 0], [1, 1, 1]))
        self.assertTrue(triggers.are_laid(using=write_db()))


class TestOfTransactions(Twice, TransactionTestCase):
    pass


class TestOfALiveServer(Twice, LiveServerTestCase):
    pass


class TestInOneTransaction(TestCase):
    def test_finds_an_empty_ledger_too(self):
        with self.captureOnCommitCallbacks(execute=True):
            self.assertEqual(an_order_earns(), ([0, 0, 0], [1, 0, 0]))
        self.assertEqual(rows(), [1, 1, 1])


class TestAgain(Twice, TransactionTestCase):
    """Once more, after a case that rolls back."""
