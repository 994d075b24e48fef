"""What the pytest plugin does for a store's tests: whatever kind of test case they are, Django can flush after them."""

import re
import subprocess
import sys

import pytest
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase
from django.test.testcases import DatabaseOperationForbidden
from oscar.test.factories import UserFactory

from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.testing import a_program
from tests.docs import ROOT
from tests.orders import place
from tests.projects.shop import in_memory


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


class TestOfALiveServerWithFiles(Twice, StaticLiveServerTestCase):
    pass


class TestWithoutADatabase(SimpleTestCase):
    def test_asks_it_nothing_and_may_not(self):
        with self.assertRaises(DatabaseOperationForbidden):
            rows()


class TestInOneTransaction(TestCase):
    def test_finds_an_empty_ledger_too(self):
        with self.captureOnCommitCallbacks(execute=True):
            self.assertEqual(an_order_earns(), ([0, 0, 0], [1, 0, 0]))
        self.assertEqual(rows(), [1, 1, 1])


class TestAgain(Twice, TransactionTestCase):
    """Once more, after a case that rolls back."""


class TestFixturesOfPytestDjango:
    @pytest.mark.parametrize("time", ["first", "second"])
    def test_that_commit_begin_with_an_empty_ledger(self, transactional_db, time):
        assert an_order_earns() == ([0, 0, 0], [1, 1, 1])

    @pytest.mark.parametrize("time", ["first", "second"])
    def test_that_serve_begin_with_an_empty_ledger(self, live_server, time):
        assert an_order_earns() == ([0, 0, 0], [1, 1, 1])

    @pytest.mark.parametrize("time", ["first", "second"])
    def test_that_roll_back_begin_with_an_empty_ledger(self, db, django_capture_on_commit_callbacks, time):
        with django_capture_on_commit_callbacks(execute=True):
            assert an_order_earns() == ([0, 0, 0], [1, 0, 0])
        assert rows() == [1, 1, 1]


class TestAStoresOwnRun:
    """A project with the one line of the how-to in its conftest, and one test of every kind, each after the others."""

    CONFTEST = 'pytest_plugins = ["loyalty_oscar.testing"]\n'
    TESTS = """
import pytest
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.testing.factories import MemberFactory


def gives():
    before = Entry.objects.count()
    MemberFactory(points=5)
    return before, Entry.objects.count()


class Gives:
    def test_gives(self):
        self.assertEqual(gives(), (0, 1))

    def test_gives_again(self):
        self.assertEqual(gives(), (0, 1))


class TestSimply(SimpleTestCase):
    def test_nothing(self):
        self.assertTrue(MemberFactory)


class TestRolledBack(Gives, TestCase): ...
class TestCommitted(Gives, TransactionTestCase): ...
class TestServed(Gives, LiveServerTestCase): ...
class TestServedWithFiles(Gives, StaticLiveServerTestCase): ...


def test_that_rolls_back(db):
    assert gives() == (0, 1)


@pytest.mark.parametrize("time", [1, 2])
def test_that_commits(transactional_db, time):
    assert gives() == (0, 1)


@pytest.mark.parametrize("time", [1, 2])
def test_that_is_served(live_server, time):
    assert gives() == (0, 1)
"""

    def test_passes_with_the_plugin_and_not_without(self, tmp_path):
        said = {}
        for name, conftest in {"with": self.CONFTEST, "without": ""}.items():
            folder = tmp_path / name
            folder.mkdir()
            (folder / "conftest.py").write_text(conftest)
            (folder / "test_all.py").write_text(self.TESTS)
            command = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "--nomigrations", "-c", "/dev/null"]
            command += ["--rootdir", str(folder), "-p", "no:cacheprovider", str(folder)]
            done = subprocess.run(command, cwd=ROOT, env=in_memory(), capture_output=True, text=True, check=False)
            said[name] = done.stdout
        assert re.findall(r"\d+ \w+", said["with"].splitlines()[-1])[:1] == ["14 passed"], said["with"]
        assert "this table is append-only" in said["without"]
