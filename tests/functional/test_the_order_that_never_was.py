"""
The order that never was: random lives of a small shop, lived with one order and without it.

Cancelled or deleted, it leaves every balance, level, gift, friend, budget, quota and date as in the life without it;
after every step an oracle that knows nothing of the product says what must stand on each account. `make soak` lives ten
thousand; `python -m tests.benchmarks.soak --seed 7 --lives 1 --first 41` lives one of them again.
"""

import os
from dataclasses import replace

import pytest
from django.db import connection

from loyalty_oscar.earning import awarding, following
from loyalty_oscar.journeys import following as campaigns
from loyalty_oscar.journeys import reaching, receivers
from loyalty_oscar.kernel import left
from loyalty_oscar.program import paying
from loyalty_oscar.program.hooks import order_effects
from loyalty_oscar.redemption.operations import on_baskets
from loyalty_oscar.shop.orders import facts, sync
from loyalty_oscar.shop.redemption import discount, keeping, promise, quotes
from tests.lives.drawing import draw
from tests.lives.play import Fault, play
from tests.lives.shop import a_shop
from tests.lives.shrinking import shortest
from tests.lives.steps import Buys, Limits, Pays

#: Three hundred, and a tenth of them on PostgreSQL, where nothing but the database is another.
USUAL = "30" if os.environ.get("LOYALTY_TEST_DB", "").startswith("postgres") else "300"
LIVES, AT_ONCE, SEED = int(os.environ.get("LOYALTY_LIVES", USUAL)), 30, 20260702
#: So many lives find at least once what is switched off.
MOST = 100


def fault_of(shop, life):
    """Live a life; returns what is not as it must be, or None."""
    try:
        play(shop, life)
    except Fault as fault:
        return fault
    return None


@pytest.mark.django_db
@pytest.mark.parametrize("first", range(0, LIVES, AT_ONCE))
class TestAnOrderThatCameToNothing:
    def test_leaves_everything_as_in_the_life_without_it(self, first):
        print(f"lives {SEED}/{first} to {SEED}/{first + AT_ONCE - 1}")
        with a_shop() as shop:
            for number in range(first, first + AT_ONCE):
                fault = fault_of(shop, draw(seed=SEED, number=number))
                assert fault is None, str(shortest(shop=shop, fault=fault))


def hindered(life):
    """The same life, in which the merchant closes using as soon as somebody goes to the gateway with points."""
    steps = []
    for step in life.steps:
        steps.append(step)
        if isinstance(step, Buys) and step.points and not step.pays:
            steps += [Limits(share=1), Pays(order=step.order)]
    return replace(life, steps=tuple(steps))


def first_fault(shop, *, lived=lambda life: life):
    """Live one life after another until something is not as it must be; fails where that never comes."""
    for number in range(MOST):
        if fault := fault_of(shop, lived(draw(seed=SEED, number=number))):
            print(f"fails in life {SEED}/{number}: {fault.found[0]}")
            return fault
    return pytest.fail(f"{MOST} lives are as they must be")


def reads_today(patch):
    """Forget what was true when an order was placed, and look at the shop of today."""
    patch.setattr(facts, "from_json", lambda stored: None)


def knows_lines_by_number(patch):
    """Take a line that is not there any more for goods that are gone, and a new one for new goods."""
    patch.setattr(left, "_other_lines", lambda kept, rows, free: None)


def nobody_is_paying(patch):
    """Leave nothing alone that somebody is paying with, and promise nothing of it."""
    patch.setattr(paying.payments, "items", lambda: ())
    for module in (promise, discount, keeping, quotes):
        patch.setattr(module, "in_force", lambda **asked: None)


def gives_nothing_back_to_budgets(patch):
    """Let budgets of rules keep what went back with an order."""
    patch.setattr(following, "settle", lambda *, award, target, looks_only: 0)


def forgets_freezes(patch):
    """Let orders bring points while staff have stopped them."""
    patch.setattr(awarding, "without_points", lambda placed: set())


def keeps_goals_reached(patch):
    """Let goals stay reached whose orders came to nothing."""
    usual = reaching.changes
    patch.setattr(reaching, "changes", lambda **asked: (one for one in usual(**asked) if one.now > one.before))


def keeps_rewards_used(patch):
    """Let rewards stay used whose order came to nothing."""
    patch.setattr(on_baskets, "settle", lambda *, redemption, is_gone, number, at: None)


def keeps_gifts_of_campaigns(patch):
    """Let members keep what campaigns gave for orders that came to nothing."""
    patch.setattr(campaigns, "undo", lambda *, occurrence_id, because, at: 0)


def keeps_gifts_for_levels(patch):
    """Let members keep what campaigns gave for levels that orders do not carry any more."""
    patch.setattr(receivers, "undo", lambda *, occurrence_id, because, at: 0)


class Breaks:
    """An effect that fails whenever it looks at an order."""

    def apply(self, *, orders, at, batch=""):
        raise ValueError("broken")

    def set_codes(self):
        return frozenset()


@pytest.fixture
def broken_effect():
    order_effects.register("broken", order=15)(Breaks())
    yield
    order_effects.unregister("broken")


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="what chance draws is the same on every database")
class TestALifeWithoutOneOfTheFourRoots:
    """Each of the four things that these lives rest on is missed at once."""

    def test_is_as_promised_where_somebody_pays_while_using_is_closed(self):
        with a_shop() as shop:
            for number in range(AT_ONCE):
                fault = fault_of(shop, hindered(draw(seed=SEED, number=number)))
                assert fault is None, str(fault)

    def test_is_not_as_promised_where_nothing_is_promised(self, monkeypatch):
        nobody_is_paying(monkeypatch)
        with a_shop() as shop:
            assert "was promised" in str(first_fault(shop, lived=hindered))

    @pytest.mark.parametrize(
        "switched_off",
        [
            *(reads_today, knows_lines_by_number, gives_nothing_back_to_budgets, forgets_freezes),
            *(keeps_rewards_used, keeps_goals_reached, keeps_gifts_of_campaigns, keeps_gifts_for_levels),
        ],
    )
    def test_is_not_as_it_must_be(self, monkeypatch, switched_off):
        switched_off(monkeypatch)
        with a_shop() as shop:
            assert first_fault(shop)

    def test_with_an_effect_that_fails_misses_nothing_else(self, broken_effect):
        with a_shop() as shop:
            assert {what for what, _whose, _stands, _right in first_fault(shop).found} == {"failed"}

    def test_with_an_effect_that_takes_the_others_along_misses_their_points(self, broken_effect, monkeypatch):
        def together(work, wanted, stands_alone):
            return {order.order_id: {"15-broken": "broken"} for order, _names in wanted}

        monkeypatch.setattr(sync._Work, "apply", together)
        with a_shop() as shop:
            assert {what for what, _whose, _stands, _right in first_fault(shop).found} > {"failed"}
