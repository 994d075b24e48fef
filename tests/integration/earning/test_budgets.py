"""Budgets of rules and caps of members after the order: returns, cancellations, edits, batches and second looks."""

from dataclasses import replace

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from oscar.core.loading import get_model

from loyalty_oscar.earning.effects import earning
from loyalty_oscar.earning.models import Award, Rule, RuleBudget
from loyalty_oscar.earning.operations import revoke_batch, save_rule
from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.foresight import foreseen
from loyalty_oscar.program.models import Program
from loyalty_oscar.shop.earning.doctor import rules as doctor_of_rules
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.facts import gather_orders
from loyalty_oscar.shop.orders.returns import preview_undone
from loyalty_oscar.shop.orders.sync import LOOK_AGAIN, sweep, sync_orders
from loyalty_oscar.shop.orders.unreturned import returns_of, undo_return, units_back
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_club_without_rules, a_product, a_user, buy, day, send_back

pytestmark = pytest.mark.django_db
Order = get_model("order", "Order")


@pytest.fixture
def unit(db):
    return a_club_without_rules()


@pytest.fixture
def rule(unit):
    """Saves a rule of 4 points for each piece with these conditions."""

    def saved(*conditions, points=4, at=None, **fields):
        narrowed = [{"code": code, "params": {"points": most}} for code, most in conditions]
        told = {"code": "tried", "name": "Tried", "type": "per-unit", "params": {"points": points}, **fields}
        return save_rule(unit=unit, actor="system", at=at or day(1, 1), narrowed=narrowed, **told)

    return saved


def look_again(*orders, at=TODAY):
    ids = [order.pk for order in orders]
    OrderSync.objects.filter(order_id__in=ids).update(fingerprint=LOOK_AGAIN)
    sync_orders(order_ids=ids, at=at)


def set_status(order, status, *, at=TODAY):
    Order.objects.filter(pk=order.pk).update(status=status)
    look_again(order, at=at)


def come_late(order, *, pieces):
    """Staff add another product to an order."""
    line = order.lines.first()
    line.pk, line.product, line.title, line.quantity = None, a_product("Bed"), "Bed", pieces
    line.save(force_insert=True)
    look_again(order)


def taken():
    """What is counted, which is what the orders have of it."""
    held = sum(row["held"] for award in Award.objects.all() for row in award.counted.values())
    budget = RuleBudget.objects.get()
    assert budget.taken == held <= budget.most
    assert [found for found in doctor_of_rules(at=TODAY) if "budget" in found.text] == []
    return budget.taken


def points_of(order):
    return Award.objects.get(source_id=order.pk).given


def a_buy(pieces, who="boris@example.com"):
    return buy(a_user(who), (a_product(), pieces), on=TODAY)


class TestABudget:
    def test_gets_back_what_goes_back_piece_by_piece(self, rule):
        rule(("budget", 100))
        order = a_buy(5)
        found = [taken()]
        for piece in range(5):
            send_back(order, 1, on=day(5, 7 + piece))
            found.append(taken())
        assert found == [20, 16, 12, 8, 4, 0]
        assert_clean()

    def test_is_given_back_with_a_cancelled_order_and_taken_again_by_exactly_as_much(self, rule):
        rule(("budget", 100))
        order = a_buy(5)
        found = [taken()]
        for status in ("Cancelled", "Pending", "Cancelled", "Pending"):
            set_status(order, status)
            found.append((taken(), points_of(order)))
        assert found == [20, (0, 0), (20, 20), (0, 0), (20, 20)]
        assert_clean()

    def test_is_never_taken_beyond_by_an_order_that_stands_again_when_others_have_it(self, rule):
        rule(("budget", 30))
        first = a_buy(5)
        set_status(first, "Cancelled")
        second = a_buy(6, "rex@example.com")
        assert (taken(), points_of(second)) == (24, 24)
        set_status(first, "Pending")
        assert (taken(), points_of(first)) == (30, 6)
        set_status(second, "Cancelled")
        look_again(first)
        assert (taken(), points_of(first)) == (20, 20)
        assert_clean()

    def test_gives_an_order_that_stands_again_the_rest_in_the_night_after_others_gave_it_back(self, rule):
        rule(("budget", 30))
        first = a_buy(5)
        set_status(first, "Cancelled")
        second = a_buy(6, "rex@example.com")
        set_status(first, "Pending")
        list(sweep(at=day(5, 7), everything=True))
        assert (taken(), points_of(first), [*earning.asks_again()]) == (30, 6, [])
        set_status(second, "Cancelled")
        send_back(second, 1, on=day(5, 7))  # What went back asks for nothing.
        assert [*earning.asks_again()] == [first.pk]
        list(sweep(at=day(5, 8), everything=True))
        assert (taken(), points_of(first), [*earning.asks_again()]) == (20, 20, [])
        assert_clean()

    def test_stays_as_it_is_when_an_order_is_looked_at_again(self, rule):
        rule(("budget", 30))
        orders = [a_buy(5), a_buy(5, "rex@example.com")]
        look_again(*orders)
        look_again(*orders[::-1])
        assert ([points_of(order) for order in orders], taken()) == ([20, 10], 30)

    def test_is_shared_by_orders_that_are_looked_at_together_as_they_were_placed(self, rule, monkeypatch):
        rule(("budget", 30))
        monkeypatch.setattr("tests.storefront.sync_orders", lambda **_told: None)
        people = [a_user(f"m{number}@example.com") for number in range(3)]
        orders = [buy(user, (a_product(), 4), on=day(5, 9 - number)) for number, user in enumerate(people)]
        sync_orders(order_ids=[order.pk for order in orders], at=day(5, 10))
        assert ([points_of(order) for order in orders], taken()) == ([0, 14, 16], 30)

    def test_is_taken_from_for_what_comes_late_as_far_as_it_goes(self, rule):
        rule(("budget", 30))
        order = a_buy(5)
        come_late(order, pieces=4)
        assert (taken(), points_of(order)) == (30, 30)
        look_again(order)
        assert (taken(), points_of(order)) == (30, 30)
        assert_clean()

    @pytest.mark.parametrize("stage", ["order", "line"])
    @pytest.mark.parametrize("condition", ["budget", "cap-per-day", "cap-per-order"])
    def test_has_nothing_for_what_comes_late_once_it_is_reached_however_points_are_rounded(
        self, rule, condition, stage
    ):
        Program.objects.update(rounding_stage=stage)
        rule((condition, 20))
        order = a_buy(5)
        come_late(order, pieces=4)
        assert points_of(order) == 20
        assert_clean()

    @pytest.mark.parametrize("condition", ["budget", "cap-per-day"])
    @pytest.mark.parametrize(("most", "points"), [(100, 300), (150, 350), (500, 400)])
    def test_has_what_is_left_for_what_comes_late_where_another_rule_counts_for_the_rest_by_then(
        self, rule, condition, most, points
    ):
        rule(code="base", type="per-amount", params={"points": 1, "step_minor": 100, "currency": "EUR"})
        rule((condition, most), code="double", type="multiplier", params={"percent": 200})
        narrowed = [("minimum-spend", {"minimum_minor": 15_000, "currency": "EUR"}), ("line-pieces", {"pieces": 5})]
        save_rule(
            unit=Rule.objects.first().unit, code="many", name="Many", type="multiplier", params={"percent": 300},
            narrowed=[{"code": code, "params": params} for code, params in narrowed], actor="system", at=day(1, 1),
        )  # fmt: skip
        order = buy(a_user(), (a_product(price="20.00"), 5), on=TODAY)
        assert points_of(order) == 200
        come_late(order, pieces=4)
        assert points_of(order) == points
        assert_clean()

    def test_is_taken_from_for_what_comes_late_beside_fewer_pieces_than_before(self, rule):
        rule(("budget", 30))
        order = a_buy(5)
        order.lines.update(quantity=2)
        line = order.lines.get()
        line.pk, line.product, line.title, line.quantity = None, a_product("Bed"), "Bed", 4
        line.save(force_insert=True)
        look_again(order)
        # Of 30 the order had 20: the new pieces get the 10 that are left, and then 12 of what came first go back.
        assert (taken(), Award.objects.get().points) == (points_of(order), 30)
        assert_clean()

    def test_counts_what_a_multiplier_makes_of_the_points_of_the_rule(self, unit, rule):
        rule(("budget", 50), type="per-amount", params={"currency": "EUR", "points": 1, "step_minor": 100})
        told = {"code": "double", "name": "Double", "type": "multiplier", "params": {"percent": 200}}
        save_rule(unit=unit, actor="system", at=day(1, 1), **told)
        orders = [buy(a_user(f"m{n}@example.com"), (a_product(price="10.00"), 1), on=TODAY) for n in range(4)]
        assert ([points_of(order) for order in orders], taken()) == ([20, 20, 10, 0], 50)
        send_back(orders[0], 1, on=day(5, 7))
        assert taken() == 30
        assert_clean()

    @pytest.mark.parametrize(("pieces", "points"), [(3, 12), (5, 20), (7, 20), (0, 0)])
    def test_follows_an_order_whose_pieces_staff_change(self, rule, pieces, points):
        rule(("budget", 100))
        order = a_buy(5)
        order.lines.update(quantity=pieces) if pieces else order.lines.all().delete()
        look_again(order)
        assert (taken(), points_of(order)) == (points, points)
        order.lines.update(quantity=5)
        look_again(order)
        assert taken() == points_of(order)
        assert_clean()

    def test_is_right_after_the_nightly_look_and_the_audit(self, rule):
        rule(("budget", 30))
        orders = [a_buy(5), a_buy(5, "rex@example.com")]
        Order.objects.filter(pk=orders[0].pk).update(status="Cancelled")
        with clock.at(day(5, 7)):
            call_command("loyalty_reconcile", verbosity=0)
            call_command("loyalty_audit", verbosity=0)
        assert ([points_of(order) for order in orders], taken()) == ([0, 10], 10)

    def test_is_not_touched_by_the_preview_of_a_return(self, rule):
        rule(("budget", 100))
        order = a_buy(5)
        facts = gather_orders(order_ids=[order.pk], set_codes=(), at=TODAY)
        line = facts[0].purchase.lines[0]
        back = replace(facts[0], purchase=facts[0].purchase_of(lines=(replace(line, gone=2),)))
        with foreseen() as entries:
            earning.foresee(orders=[back], at=TODAY)
        assert sum(entry.d_pending for entry in entries) == -8
        assert (taken(), points_of(order)) == (20, 20)

    @pytest.mark.parametrize(("others", "comes"), [(0, 8), (4, 2)])
    def test_is_looked_at_where_a_return_would_be_undone(self, rule, others, comes):
        rule(("budget", 30))
        order = a_buy(5)
        send_back(order, 2, on=TODAY)
        if others:
            a_buy(others, "rex@example.com")
        (told,) = returns_of(order=order)
        had = points_of(order), taken()
        (change,) = preview_undone(order=order, quantities=units_back(told=told), at=TODAY).changes
        assert (change.returned, (points_of(order), taken())) == (comes, had)
        undo_return(order=order, kind="shipping", event_id=told.event.pk, staff=a_user("clerk@example.com"), at=TODAY)
        assert points_of(order) == had[0] + comes

    def test_of_earlier_orders_is_kept_where_it_is_taken_out_of_the_rule(self, rule):
        rule(("budget", 30))
        order = a_buy(5)
        rule(at=day(5, 7))
        send_back(order, 2, on=day(5, 8))
        assert taken() == 12

    def test_that_is_less_than_what_is_given_is_refused(self, rule):
        rule(("budget", 30))
        a_buy(5)
        with pytest.raises(BadRule, match="20, which have been given already"):
            rule(("budget", 19), at=day(5, 7))
        assert (RuleBudget.objects.get().most, Rule.objects.get().versions.count()) == (30, 1)
        rule(("budget", 20), at=day(5, 7))
        assert RuleBudget.objects.get().most == 20

    def test_is_given_back_with_a_batch(self, rule):
        rule(("budget", 100))
        order = a_buy(5)
        Award.objects.filter(source_id=order.pk).update(batch="welcome")
        assert len(list(revoke_batch(batch="welcome", actor="system", at=day(5, 8)))) == 1
        assert (taken(), points_of(order)) == (0, 0)
        assert_clean()

    def test_can_never_be_overdrawn_whatever_writes_it(self, rule):
        rule(("budget", 30))
        for wrong in ({"taken": 31}, {"most": 10**13}):
            with pytest.raises(IntegrityError), transaction.atomic():
                RuleBudget.objects.update(**wrong)
        assert taken() == 0

    def test_that_somebody_changed_is_named_by_the_doctor(self, rule):
        rule(("budget", 30))
        a_buy(5)
        RuleBudget.objects.update(taken=25)
        said = [found.text for found in doctor_of_rules(at=TODAY)]
        assert "the budget of tried of “Paw Club” counts 25 points, its orders have 20 points" in said


class TestAMostOfAMember:
    def test_has_room_again_for_later_orders_only(self, rule):
        rule(("cap-per-day", 30))
        user = a_user()
        first, second = (buy(user, (a_product(), pieces), on=TODAY) for pieces in (5, 5))
        set_status(first, "Cancelled")
        look_again(second)
        third = buy(user, (a_product(), 9), on=TODAY)
        assert [points_of(order) for order in (first, second, third)] == [0, 10, 20]
        set_status(first, "Pending")
        assert [points_of(order) for order in (first, second, third)] == [20, 10, 20]
        assert_clean()

    def test_counts_orders_that_are_looked_at_together(self, rule, monkeypatch):
        rule(("cap-per-month", 30))
        monkeypatch.setattr("tests.storefront.sync_orders", lambda **_told: None)
        user = a_user()
        orders = [buy(user, (a_product(), 5), on=day(5, number)) for number in (4, 5, 6)]
        sync_orders(order_ids=[order.pk for order in orders], at=TODAY)
        assert [points_of(order) for order in orders] == [20, 10, 0]
        assert Account.objects.get().pending == 30


class TestAShopWithoutAny:
    def test_asks_nothing_more_for_an_order(self, rule, django_assert_num_queries):
        rule()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("loyalty_oscar.earning.allowances.rooms_of", None)
            patch.setattr("loyalty_oscar.earning.allowances.lock", None)
            order = a_buy(5)
            send_back(order, 1, on=day(5, 7))
        assert points_of(order) == 16
        assert Award.objects.get().counted == {}
