"""What staff read before they change something is what orders bring after it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.earning.admin import Draft
from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.earning.rules import RuleInForce, build, conditions, earning_rules
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.earning.quotes import Quoter, of_order
from loyalty_oscar.shop.earning.staff import gathered, last_month, preview
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.testing import clock
from tests.integration.commands.calling import manage
from tests.integration.tiers.ladders import a_ladder, hand
from tests.once import a_program
from tests.orders import imported
from tests.storefront import TODAY, a_product, a_user, buy, day, dog_beds

pytestmark = pytest.mark.django_db

#: What is tried: (type, parameters, conditions).
SILVER = ("multiplier", {"percent": 200}, [("tier", {"rank": 2})])
FIRST = ("first-order", {"points": 100}, [])
MINIMUM = ("per-unit", {"points": 7}, [("minimum-spend", {"currency": "EUR", "minimum_minor": 5000})])
BEDS = ("multiplier", {"percent": 300, "group": "beds"}, [("product-set", {"sets": ["dog-beds"]})])


@pytest.fixture
def ladder(unit):
    return a_ladder(unit=unit, percents=(100, 150, 200))


@pytest.fixture
def bed(unit):
    """A dog bed, of the only set that there is; the rule that comes with it is on the page too."""
    bed = a_product("Bed", "50.00")
    dog_beds(unit, bed)
    return bed


def buys(email, *things):
    """A new customer's orders, one a week, each of some products; returns the last."""
    user = a_user(email)
    for week, products in enumerate(things):
        order = buy(user, *products, on=day(3, 1) + timedelta(weeks=week))
    return order


def draft(unit, kind, params, narrowed):
    return RuleInForce(
        code="tried",
        name="Tried",
        version_id=0,
        rule=build(registry=earning_rules, code=kind, params=params),
        conditions=tuple(build(registry=conditions, code=code, params=p) for code, p in narrowed),
    )


def save(unit, kind, params, narrowed, *, code="tried", at=None):
    save_rule(
        unit=unit, code=code, name="Tried", type=kind, params=params,
        narrowed=[{"code": condition, "params": p} for condition, p in narrowed], actor="system", at=at or day(1, 1),
    )  # fmt: skip
    forget_cache()


def previewed(unit, rule, order, *, stored=False):
    """What the page of a rule says of an order: (under the rules in force, with this one)."""
    with clock.at(TODAY):
        _template, context = preview(subject=Draft(unit, rule, stored=stored), request=None)
    row = next(row for row in context["rows"] if row["number"] == str(order.number))
    return tuple(int(re.sub(r"\D", "", row[name])) for name in ("before", "after"))


def brought(order):
    return Award.objects.get(source_id=order.pk).given


class TestThePreviewOfARule:
    @pytest.mark.parametrize(
        ("rule", "brings", "more"),
        [(SILVER, 75, 50), (FIRST, 75, 0), (MINIMUM, 75, 7), (BEDS, 125, 100)],
        ids=["level", "first-order", "minimum", "product-set"],
    )
    def test_says_what_an_order_then_brings(self, unit, ladder, bed, rule, brings, more):
        """Each customer is Silver, which brings half as many points again, when the second order comes."""
        second = bed if rule is BEDS else a_product("Bowl", "50.00")
        things = [[(a_product("Sofa", "200.00"), 1)], [(second, 1)]]
        before = buys("before@example.com", *things)
        assert brought(before) == brings
        assert previewed(unit, draft(unit, *rule), before) == (brings, brings + more)
        save(unit, *rule)
        assert brought(buys("after@example.com", *things)) == brings + more

    @pytest.mark.parametrize(("rule", "more"), [(SILVER, 0), (FIRST, 100)], ids=["level", "first-order"])
    def test_says_what_a_first_order_brings_which_lifts_its_customer(self, unit, ladder, rule, more):
        sofa = [(a_product("Sofa", "200.00"), 1)]
        before = buys("before@example.com", sofa)
        assert previewed(unit, draft(unit, *rule), before) == (200, 200 + more)
        save(unit, *rule)
        assert brought(buys("after@example.com", sofa)) == 200 + more

    def test_takes_what_a_level_brought_then_and_not_what_it_brings_now(self, unit, ladder):
        order = buys("before@example.com", [(a_product("Sofa", "200.00"), 1)], [(a_product("Bowl", "50.00"), 1)])
        ladder.tiers.filter(rank=2).update(percent=300)
        forget_cache()
        assert previewed(unit, draft(unit, *SILVER), order) == (75, 125)

    def test_keeps_the_terms_of_each_order(self, unit):
        order = buys("before@example.com", [(a_product("Bowl", "49.50"), 1)])
        Program.objects.update(rounding=Program.Rounding.CEIL)
        unit.program.refresh_from_db()
        assert previewed(unit, draft(unit, *FIRST), order) == (49, 149)

    def test_asks_no_more_for_many_orders_than_for_one(self, unit, ladder, bed):
        bowl = [(a_product("Bowl", "50.00"), 1)]
        counts = []
        for number in range(3):
            order = buys(f"{number}@example.com", *[bowl] * (number + 1))
            forget_cache()
            previewed(unit, draft(unit, *SILVER), order)
            with CaptureQueriesContext(connection) as asked:
                previewed(unit, draft(unit, *SILVER), order)
            counts.append(len(asked))
        assert counts == [counts[0]] * 3


def would_have_brought(unit):
    """How many points the page of a change of state says that the last 30 days would have brought."""
    [said] = last_month(program=unit.program, to=State.PAUSED, at=TODAY)
    return int(re.search(r"brought (\d+)", said.replace(",", ""))[1])


class TestThePageOfAChangeOfState:
    def test_says_what_the_orders_of_the_last_month_brought(self, unit, ladder, bed):
        save(unit, *FIRST)
        save(unit, *MINIMUM, code="minimum")
        sofa, bowl = [(a_product("Sofa", "200.00"), 1)], [(a_product("Bowl", "50.00"), 1)]
        for number in range(3):
            user = a_user(f"{number}@example.com")
            for week, things in enumerate([sofa, bowl, [(bed, 1)]]):
                buy(user, *things, on=TODAY - timedelta(days=25 - 7 * week, hours=number))
        given = sum(Award.objects.values_list("given", flat=True))
        assert given == 3 * ((200 + 100 + 7) + (75 + 7) + (125 + 7))
        assert would_have_brought(unit) == given

    def test_asks_no_more_for_many_orders_than_for_few(self, unit, ladder):
        save(unit, *SILVER)
        bowl, counts = [(a_product("Bowl", "50.00"), 1)], []
        for number in range(3):
            user = a_user(f"{number}@example.com")
            for hour in range(5 * number + 1):
                buy(user, *bowl, on=TODAY - timedelta(days=20, hours=hour))
            would_have_brought(unit)
            with CaptureQueriesContext(connection) as asked:
                would_have_brought(unit)
            counts.append(len(asked))
        assert counts == [counts[0]] * 3


class TestThePreviewOfAWelcome:
    @pytest.fixture
    def unit(self):
        """A program that goes live today, in a shop with a past."""
        return a_program(live_from=TODAY - timedelta(days=1), time_zone="Europe/Berlin")

    def test_says_what_is_then_given(self, unit, ladder, bed):
        save(unit, *FIRST, at=TODAY - timedelta(hours=2))
        save(unit, *MINIMUM, code="minimum", at=TODAY - timedelta(hours=2))
        save(unit, *SILVER, code="silver", at=TODAY - timedelta(hours=2))
        for number in range(3):
            user = a_user(f"{number}@example.com")
            for month in (1, 2, 3):
                lines = [("200.00", 1), ("49.99", month)]
                imported(user=user, lines=lines, placed_at=day(month, 1 + number), number=f"old-{number}-{month}")
        with clock.at(TODAY):
            said = manage("welcome --since 400d --dry-run").out
            assert manage("welcome --since 400d --yes").code == 0
        previewed = int(re.search(r"in all   ([\d,]+) points;", said)[1].replace(",", ""))
        awards = Award.objects.all()
        assert previewed == sum(award.given for award in awards)
        # Everything imported is a dog bed, which brings twice as many.
        assert previewed == 3 * (499 + 599 + 699 + 100 + (2 + 3 + 4) * 7)

    def test_counts_the_level_that_somebody_had_when_an_order_was_placed(self, unit, ladder):
        """Given by hand before the program went live, as for members of an older club."""
        user = a_user()
        join(program=unit.program, user_id=user.pk, at=day(1, 1))
        hand(ladder, user, 2, until=None, at=day(2, 1))
        save(unit, *SILVER, at=TODAY - timedelta(hours=2))
        for month in (1, 3):
            imported(user=user, lines=[("100.00", 1)], placed_at=day(month, 15), number=f"old-{month}")
        with clock.at(TODAY):
            said = manage("welcome --since 400d --dry-run").out
            manage("welcome --since 400d --yes")
        assert sorted(Award.objects.values_list("given", flat=True)) == [100, 250]
        assert "in all   350 points;" in said

    def test_counts_the_level_of_the_member_into_whom_a_login_was_merged(self, unit, ladder):
        gone, stays = (a_user(f"{name}@example.com") for name in ("gone", "stays"))
        members = [join(program=unit.program, user_id=user.pk, at=day(1, 1)) for user in (gone, stays)]
        hand(ladder, stays, 2, until=None, at=day(2, 1))
        merge(member=members[0], into=members[1], actor="staff:1", at=TODAY - timedelta(hours=3))
        save(unit, *SILVER, at=TODAY - timedelta(hours=2))
        imported(user=gone, lines=[("100.00", 1)], placed_at=day(3, 15))
        with clock.at(TODAY):
            said = manage("welcome --since 400d --dry-run").out
            manage("welcome --since 400d --yes")
        assert Award.objects.get().given == 250
        assert "in all   250 points;" in said

    def test_counts_the_terms_that_were_written_down(self, unit):
        order = imported(user=a_user(), lines=[("49.50", 1)], placed_at=day(3, 1))
        sync_orders(order_ids=[order.pk], at=TODAY - timedelta(hours=1))
        assert not Award.objects.exists()
        Program.objects.update(rounding=Program.Rounding.CEIL)
        forget_cache()
        with clock.at(TODAY):
            said = manage("welcome --since 400d --dry-run").out
            manage("welcome --since 400d --yes")
        assert "in all   49 points;" in said
        assert Award.objects.get().given == 49


class TestAnOrderThatNobodyCountedYet:
    def test_is_quoted_by_the_rules_and_terms_of_its_moment(self, unit):
        """The queue stands still while the merchant changes what counts."""
        order = imported(user=(user := a_user()), lines=[("49.50", 1)], placed_at=day(3, 1))
        save(unit, *FIRST, at=day(3, 2))
        [found] = gathered([order.pk], frozenset())
        assert Quoter(unit=unit, at=TODAY).decide(found.purchase).points == 149
        assert of_order(order=order, visit=Visit(None, user), at=TODAY).points == 49
        sync_orders(order_ids=[order.pk], at=TODAY)
        assert brought(order) == 49
