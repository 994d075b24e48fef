"""An award says what the ledger did for its order; a second look at an order that did not change changes nothing."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from loyalty_oscar.earning.effects import earning
from loyalty_oscar.earning.models import Award, RuleVersion
from loyalty_oscar.earning.operations import save_rule, switch_rule
from loyalty_oscar.earning.rules import earning_rules
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule, LoyaltyError
from loyalty_oscar.kernel.limits import MOST_OF_AN_ORDER
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.models.programs import State
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.sync import LOOK_AGAIN, sync_orders
from tests.integration.tiers.ladders import a_ladder
from tests.orders import imported
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, first_order_bonus, ripen, send_back

pytestmark = pytest.mark.django_db


def look(order, at=TODAY):
    """Have an order looked at, also where nothing about it has changed."""
    OrderSync.objects.filter(order_id=order.pk).update(fingerprint=LOOK_AGAIN)
    sync_orders(order_ids=[order.pk], at=at)


def two_pieces(order, each="50.00"):
    """Staff make two pieces of the one that was ordered."""
    total = f"{float(each) * 2:.2f}"
    order.lines.update(quantity=2, line_price_incl_tax=total, line_price_excl_tax=total)


def award_of(order):
    return Award.objects.get(source_id=order.pk)


@pytest.fixture
def order(unit):
    found = imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))
    look(found)
    return found


class TestASecondLook:
    def test_says_nothing_of_lines_that_came_late_where_none_did(self, order):
        look(order, day(5, 7))
        assert "late" not in award_of(order).because["p"]

    def test_finds_what_a_late_piece_brought_written_down(self, order):
        two_pieces(order)
        for at in (TODAY, day(5, 8)):
            look(order, at)
            award = award_of(order)
            assert (award.points, award.given, Account.objects.get().net) == (100, 100, 100)
            assert award.because["p"]["late"] == [{"points": 50, "base_minor": 5000}]
        assert Entry.objects.count() == 2

    def test_gives_a_bonus_for_the_whole_order_once(self, unit):
        first_order_bonus(unit)
        order = imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))
        look(order)
        two_pieces(order)
        look(order)
        look(order, day(5, 8))
        assert (award_of(order).given, [bonus["p"] for bonus in award_of(order).bonuses]) == (120, [20])

    def test_gives_a_bonus_that_only_the_late_piece_deserves(self, unit):
        params = {"points": 20, "currency": "EUR", "minimum_minor": 8000}
        narrowed = [{"code": "minimum-spend", "params": {"currency": "EUR", "minimum_minor": 8000}}]
        told = {"code": "first", "name": "First", "type": "first-order", "actor": "system", "at": day(1, 1)}
        save_rule(unit=unit, params={"points": params["points"]}, narrowed=narrowed, **told)
        forget_cache()
        order = imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))
        look(order)
        assert (award_of(order).given, award_of(order).bonuses) == (50, [])
        two_pieces(order)
        look(order)
        look(order, day(5, 8))
        assert (award_of(order).given, [bonus["p"] for bonus in award_of(order).bonuses]) == (120, [20])

    def test_counts_what_the_shop_bore_and_gives_none_of_it_back(self, unit):
        Program.objects.update(debt_policy="clamp")
        forget_cache()
        order = arrive(buy(a_user(), (a_product("Ball", "40.00"), 1), on=day(4, 1)), on=day(4, 2))
        ripen(on=day(4, 25))
        account = Account.objects.get()
        gone = {"account_id": account.pk, "points": -30, "key": "manual:most"}
        ledger.adjust(**gone, because=Because("adjusted"), note="test", actor="staff:1", at=day(4, 26))
        send_back(order, 1, on=day(4, 27))
        assert (award_of(order).given, award_of(order).forgiven, Account.objects.get().net) == (0, 30, 0)
        order.shipping_events.filter(event_type__code="returned").delete()
        look(order, day(4, 28))
        assert (award_of(order).given, award_of(order).forgiven, Account.objects.get().net) == (40, 0, 10)


class TestTheFirstOrder:
    def test_is_rewarded_once_however_many_look_like_the_first(self, unit):
        first_order_bonus(unit)
        user = a_user()
        later = imported(user=user, lines=[("10.00", 1)], placed_at=day(5, 2), number="2")
        look(later)
        earlier = imported(user=user, lines=[("10.00", 1)], placed_at=day(5, 1), number="1")
        look(earlier)
        assert [award_of(one).given for one in (later, earlier)] == [30, 10]

    def test_of_one_customer_does_not_stand_for_that_of_another(self, unit):
        first_order_bonus(unit)
        both = [
            imported(user=a_user(f"{name}@example.com"), lines=[("10.00", 1)], placed_at=day(5, 1), number=name)
            for name in ("anna", "boris")
        ]
        sync_orders(order_ids=[one.pk for one in both], at=TODAY)
        assert [award_of(one).given for one in both] == [30, 30]


class TestAProgramThatCountsWithoutTax:
    def test_keeps_doing_so_for_its_orders(self, unit):
        Program.objects.update(earning_base=Program.Base.EXCL)
        forget_cache()
        order = imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))
        order.lines.update(line_price_excl_tax="42.02")
        look(order)
        assert award_of(order).given == 42
        Program.objects.update(earning_base=Program.Base.INCL)
        forget_cache()
        order.lines.update(quantity=2, line_price_incl_tax="100.00", line_price_excl_tax="84.04")
        look(order)
        assert award_of(order).given == 84


@dataclass(frozen=True, kw_only=True)
class ForTheOrder:
    """A rule of the store's own."""

    stage: ClassVar[str] = "bonus"
    points: int

    def wanted(self, *, purchase):
        return True

    def because(self):
        return Because("for-the-order", points=self.points)


def own_rule(unit, code, points=5):
    told = {"code": code, "name": code, "type": code, "params": {"points": points}, "actor": "system"}
    with_code(code)
    rule = save_rule(unit=unit, at=day(1, 1), **told)
    forget_cache()
    return rule


def with_code(code):
    earning_rules.register(code)(ForTheOrder)


@pytest.fixture
def codes():
    yield
    for code in ("own-a", "own-b"):
        if code in earning_rules:
            earning_rules.unregister(code)


def left(*codes):
    """The app with these rules has left."""
    for code in codes:
        earning_rules.unregister(code)
    forget_cache()


class TestAnOrderThatMissedRules:
    @pytest.fixture
    def order(self, unit, codes):
        self.rules = [own_rule(unit, "own-a"), own_rule(unit, "own-b")]
        left("own-a", "own-b")
        found = imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))
        look(found)
        assert (award_of(found).given, award_of(found).missed) == (50, ["own-a", "own-b"])
        return found

    def test_is_looked_at_again_as_soon_as_one_of_them_is_back(self, order):
        assert [*earning.asks_again()] == []
        with_code("own-b")
        forget_cache()
        assert [*earning.asks_again()] == [order.pk]
        look(order)
        assert (award_of(order).given, award_of(order).missed) == (55, ["own-a"])
        assert [*earning.asks_again()] == []

    def test_or_is_over(self, order):
        switch_rule(rule=self.rules[0], is_on=False, actor="system", at=TODAY)
        forget_cache()
        assert [*earning.asks_again()] == [order.pk]

    def test_waits_while_its_program_is_not_there_to_be_asked(self, order):
        Program.objects.update(state=State.DRAFT)
        forget_cache()
        with_code("own-b")
        assert [*earning.asks_again()] == []

    def test_cannot_have_a_rule_switched_on_that_nobody_can_count(self, order):
        switch_rule(rule=self.rules[0], is_on=False, actor="system", at=day(5, 2))
        with pytest.raises(LoyaltyError, match="own-a"):
            switch_rule(rule=self.rules[0], is_on=True, actor="system", at=TODAY)


class TestABonus:
    def test_may_bring_an_order_to_the_very_most(self, unit, codes):
        own_rule(unit, "own-a", points=MOST_OF_AN_ORDER - 50)
        order = imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))
        look(order)
        assert (award_of(order).given, award_of(order).missed) == (MOST_OF_AN_ORDER, [])

    def test_of_one_point_more_is_left_out(self, unit, codes):
        own_rule(unit, "own-a", points=MOST_OF_AN_ORDER - 49)
        order = imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))
        look(order)
        assert (award_of(order).given, award_of(order).missed) == (50, ["own-a"])


class TestARuleForALevel:
    def save(self, unit, rank, at):
        told = {"code": "gold", "name": "Gold", "type": "multiplier", "params": {"percent": 200}, "actor": "system"}
        return save_rule(unit=unit, narrowed=[{"code": "tier", "params": {"rank": rank}}], at=at, **told)

    def test_is_numbered_from_one(self, unit):
        a_ladder(unit=unit)
        self.save(unit, 2, day(1, 1))
        rule = self.save(unit, 3, day(2, 1))
        assert [*RuleVersion.objects.filter(rule=rule).order_by("number").values_list("number", flat=True)] == [1, 2]

    def test_may_keep_a_level_that_went_and_takes_no_other_that_is_not_there(self, unit):
        ladder = a_ladder(unit=unit)
        self.save(unit, 3, day(1, 1))
        ladder.tiers.filter(rank=3).delete()
        forget_cache()
        kept = self.save(unit, 3, day(2, 1))
        assert kept.versions.count() == 1
        with pytest.raises(BadRule, match="there is no level 4"):
            self.save(unit, 4, day(3, 1))


class TestAnOrderThatWasCancelledBeforeAnybodyLooked:
    @pytest.mark.parametrize(("before", "bonus"), [(None, 20), (day(4, 1), 0), (day(5, 2), 20)], ids=str)
    def test_is_the_first_or_not_as_if_it_had_stood(self, unit, before, bonus):
        first_order_bonus(unit)
        user = a_user()
        if before is not None:
            look(send_back_whole(imported(user=user, lines=[("10.00", 1)], placed_at=before, number="other")))
        order = imported(user=user, lines=[("50.00", 1)], placed_at=day(5, 1), status="Cancelled")
        look(order)
        type(order).objects.filter(pk=order.pk).update(status="Delivered")
        look(order)
        assert sum(bonus["p"] for bonus in award_of(order).bonuses) == bonus


def send_back_whole(order):
    look(order)
    order.lines.update(status="Cancelled")
    return order
