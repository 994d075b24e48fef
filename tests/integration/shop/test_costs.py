"""What placing an order costs: nothing before its commit, and after it a number that does not grow with its lines."""

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from oscar.test.factories import UserFactory, create_order

from loyalty_oscar.earning.models import Award
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.tasks import backends
from loyalty_oscar.shop.models import OrderSync
from tests.once import a_program
from tests.orders import Order, filled

pytestmark = pytest.mark.django_db(transaction=True)
FIRST, NEXT, COLD = 21, 17, 3  # Cold: what is asked once a minute and version, of rules, levels and invitations.
# Two of them are for the receipt: whose it is, and its row.
# One less where the versions were read within the second before.
BEFORE = 2  # Before the commit, cold alone: which program serves the site, and whether it has sales.


@pytest.fixture
def queue():
    """A queue that nobody empties."""
    handed = []
    backends.register("nowhere")(lambda name, arguments: handed.append((name, arguments)))
    with override_settings(LOYALTY_TASKS="nowhere"):
        yield handed
    backends.unregister("nowhere")


def statements(*, lines, user, cold=False):
    """The statements of the shop with us, up to the commit of an order and after it, that are ours."""
    basket = filled(user=user, lines=[("10.33", 2)] * lines)
    if cold:
        forget_cache()
    with CaptureQueriesContext(connection) as queries:
        create_order(basket=basket, user=user)
    said = [query["sql"] for query in queries.captured_queries]
    at = next(n for n, sql in enumerate(said) if sql.startswith('INSERT INTO "order_order"'))
    commit = next(n for n, sql in enumerate(said) if n > at and sql.startswith("COMMIT"))
    before = [sql for sql in said[:commit] if "loyalty_" in sql]
    return before, ours(said[commit + 1 :])


def ours(said):
    """From our first statement after the commit to our last before Oscar's analytics, and what is ours after those."""
    theirs = next((n for n, sql in enumerate(said) if "analytics_" in sql), len(said))
    later = [sql for sql in said[theirs:] if "loyalty_" in sql]
    marked = [n for n, sql in enumerate(said[:theirs]) if "loyalty_" in sql]
    if not marked:
        return later
    end = marked[-1] + 1
    return said[marked[0] : end + (end < len(said) and said[end].startswith("COMMIT"))] + later


class TestAnOrder:
    @pytest.mark.parametrize("lines", [1, 10, 40])
    def test_takes_so_many_statements_whatever_its_lines(self, lines):
        a_program()
        user, other = UserFactory(), UserFactory()
        before, after = statements(lines=lines, user=user, cold=True)
        assert len(before) == BEFORE
        assert FIRST + COLD - 1 <= len(after) <= FIRST + COLD, "\n".join(after)
        before, after = statements(lines=lines, user=other)
        assert before == []
        assert FIRST - 1 <= len(after) <= FIRST, "\n".join(after)
        before, after = statements(lines=lines, user=user)
        assert before == []
        assert NEXT - 1 <= len(after) <= NEXT, "\n".join(after)
        assert Award.objects.filter(points__gt=0).count() == 3

    def test_stays_under_what_was_promised(self):
        assert BEFORE + FIRST + COLD <= 26

    @pytest.mark.parametrize("lines", [1, 40])
    def test_takes_one_statement_where_a_queue_does_the_rest(self, lines, queue):
        a_program()
        user = UserFactory()
        statements(lines=1, user=user)
        before, after = statements(lines=lines, user=user)
        assert (before, len(after)) == ([], 1), "\n".join(after)
        assert len(queue) == OrderSync.objects.filter(is_dirty=True).count() == 2
        assert not Award.objects.exists()

    def test_costs_nothing_where_no_program_ever_went_live(self):
        user = UserFactory()
        statements(lines=1, user=user)
        assert statements(lines=2, user=user) == ([], [])
        assert Order.objects.count() == 2
        assert not OrderSync.objects.exists()
