"""Fifty orders at once for the budget of a rule that holds points for ten."""

from collections import Counter
from itertools import count

import pytest
from django.db.models import F
from oscar.core.loading import get_model

from loyalty_oscar.earning import allowances
from loyalty_oscar.earning.models import Award, Rule, RuleBudget
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_club_without_rules, a_product, a_user, buy, day

from .crowds import MANY, Crowd, bare_copies, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
Order, Line = get_model("order", "Order"), get_model("order", "Line")
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
RUNS, PEOPLE = runs_of(20), 50
BUDGET, EACH = 485, 50


def look_then_take(*, rule_id, points, most):
    """A budget as one writes it at first: look whether there is enough, then take."""
    if RuleBudget.objects.get(pk=rule_id).taken + points > most:
        return False
    RuleBudget.objects.filter(pk=rule_id).update(taken=F("taken") + points)
    return True


@pytest.fixture
def unit(db):
    """A program whose only rule gives points for an order, as long as its budget lasts."""
    unit = a_club_without_rules()
    told = {"code": "ten", "name": "Ten", "type": "per-order", "params": {"points": EACH}}
    save_rule(
        unit=unit, actor="system", at=day(1, 1), narrowed=[{"code": "budget", "params": {"points": BUDGET}}], **told
    )
    forget_cache()
    return unit


@pytest.fixture
def orders(monkeypatch):
    """Orders of fifty people, one each, that nobody has looked at: copies of one, so that they are quickly there."""
    for looks in ("tests.storefront.sync_orders", "loyalty_oscar.shop.orders.receivers.after_commit"):
        monkeypatch.setattr(looks, lambda **_told: None)
    people = [a_user(f"m{number}@example.com") for number in range(PEOPLE)]
    first = buy(people[0], (a_product(), 1), on=TODAY)
    line, numbers = first.lines.get(), count(1)

    def copies():
        made = Order.objects.bulk_create(
            Order(**{**_values(first), "user": user, "number": f"copy-{next(numbers)}"}) for user in people
        )
        Line.objects.bulk_create(Line(**{**_values(line), "order": order}) for order in made)
        return made

    return copies


def _values(row):
    """What stands in a row, but its key."""
    return {field.name: getattr(row, field.name) for field in row._meta.concrete_fields if not field.primary_key}


def run(crowd, placed):
    """One run with a full budget; returns how many orders got all, some and none of it, and what was counted."""
    RuleBudget.objects.update(taken=0)
    came = crowd.do(lambda one: sync_orders(order_ids=[placed[one].pk], at=TODAY))
    assert came == {"done": PEOPLE}
    found = Counter(Award.objects.filter(source_id__in=[o.pk for o in placed]).values_list("points", flat=True))
    return found, RuleBudget.objects.get().taken


class TestABudgetForTenThatFiftyOrdersWant:
    @BOTH
    def test_is_given_to_the_point_and_never_above(self, unit, orders, outer, tell):
        with Crowd(outer=outer, size=PEOPLE) as crowd:
            found = [run(crowd, orders()) for _run in range(RUNS)]

        assert found == [({EACH: 9, BUDGET - 9 * EACH: 1, 0: 40}, BUDGET)] * RUNS
        assert_clean()
        tell(f"a rule's budget of {BUDGET}, {PEOPLE} orders at once, {'in' if outer else 'no'} outer: {RUNS} of {RUNS}")

    def test_would_be_overdrawn_without_the_conditional_update(self, unit, orders, monkeypatch, tell):
        monkeypatch.setattr(allowances, "take", look_then_take)
        with bare_copies(RuleBudget) as search_path, Crowd(search_path=search_path, size=PEOPLE) as crowd:
            RuleBudget.objects.create(rule=Rule.objects.get(), most=BUDGET)
            broken = broken_after(run(crowd, orders())[1] > BUDGET for _run in range(MANY))

        assert broken
        tell(f"its broken twin, without the conditional update and the CHECK: overdrawn in run {broken}")
