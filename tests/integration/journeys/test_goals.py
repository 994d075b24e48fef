"""Goals that orders reach: stamp cards, thresholds, challenges, and what a return takes back."""

from datetime import timedelta

import pytest
from oscar.core.loading import get_model

from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import GoalStanding, GoalStep, Occurrence
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.givers import givers
from loyalty_oscar.ledger.models import Account, Entry, Lot
from loyalty_oscar.program.hooks import data_exports
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.segments import set_members
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import ask
from loyalty_oscar.shop.orders.returns import preview, preview_cancelled, preview_undone
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import (
    CampaignFactory,
    GoalFactory,
    MemberFactory,
    ProductSetFactory,
    RewardFactory,
    RuleFactory,
    SegmentFactory,
)
from tests.integration.ledger.books import assert_clean
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_club, a_club_without_rules, a_product, a_user, arrive, buy, day, send_back

pytestmark = pytest.mark.django_db
Order = get_model("order", "Order")


@pytest.fixture
def unit():
    return a_club_without_rules()


@pytest.fixture
def boris(unit):
    user = a_user()
    MemberFactory(program=unit.program, user=user, joined_at=day(1, 1))
    return user


@pytest.fixture
def bites(unit):
    return a_product()


def a_goal(unit, **fields):
    goal = GoalFactory(program=unit.program, **fields)
    forget_cache()
    return goal


def counted(goal):
    """What stands on a card: how often it was reached, and what each order counts."""
    standing = GoalStanding.objects.filter(goal=goal).first()
    values = GoalStep.objects.filter(goal=goal).order_by("order_id").values_list("value", flat=True)
    return (standing.reached if standing else 0, list(values))


def ready(user):
    account = Account.objects.filter(member__user=user).first()
    return account.available if account else 0


def states():
    return list(Claim.objects.order_by("pk").values_list("key", "state"))


class TestAStampCard:
    def test_gives_with_its_last_stamp_and_begins_anew(self, unit, boris, bites):
        goal = a_goal(unit)

        buy(boris, (bites, 9), on=day(3, 1))
        assert (counted(goal), ready(boris)) == ((0, [9]), 0)
        buy(boris, (bites, 3), on=day(3, 2))
        assert (counted(goal), ready(boris)) == ((1, [9, 3]), 100)
        buy(boris, (bites, 18), on=day(3, 3))
        assert (counted(goal), ready(boris)) == ((3, [9, 3, 18]), 300)
        keys = Entry.objects.order_by("pk").values_list("key", flat=True)
        assert list(keys) == [f"goal:{goal.pk}:{number}" for number in (1, 2, 3)]

    def test_counts_only_its_own_goods(self, unit, boris, bites):
        toy = a_product("Rope toy", "6.50")
        ProductSetFactory(code="bites", products=[bites])
        goal = a_goal(unit, sets=["bites"])

        buy(boris, (bites, 4), (toy, 20), on=day(3, 1))

        assert counted(goal) == (0, [4])

    def test_counts_nothing_that_cost_nothing(self, unit, boris, bites):
        goal = a_goal(unit)

        buy(boris, (bites, 4), (a_product("A present", "0.00"), 20), on=day(3, 1))

        assert counted(goal) == (0, [4])

    def test_is_looked_at_again_and_again_without_a_change(self, unit, boris, bites):
        goal = a_goal(unit)
        order = buy(boris, (bites, 10), on=day(3, 1))
        for _again in range(3):
            sync_orders(order_ids=[order.pk], at=day(3, 2))

        assert (counted(goal), ready(boris), Entry.objects.count()) == ((1, [10]), 100, 1)

    def test_is_of_no_guest(self, unit, bites):
        goal = a_goal(unit)

        buy(None, (bites, 10), on=day(3, 1))

        assert (counted(goal), Entry.objects.count()) == ((0, []), 0)


class TestAReturn:
    def test_takes_the_stamp_and_an_unused_gift(self, unit, boris, bites):
        goal = a_goal(unit, reward=RewardFactory(program=unit.program))
        order = buy(boris, (bites, 10), on=day(3, 1))
        key = f"goal:{goal.pk}:1"
        assert states() == [(key, "open")]

        send_back(order, 1, on=day(3, 2))
        assert (counted(goal), states()) == ((0, [9]), [(key, "back")])
        buy(boris, (bites, 1), on=day(3, 3))
        assert (counted(goal), states()) == ((1, [9, 1]), [(key, "open")])

    def test_leaves_a_used_gift_and_does_not_give_it_again(self, unit, boris, bites):
        goal = a_goal(unit, reward=RewardFactory(program=unit.program))
        order = buy(boris, (bites, 10), on=day(3, 1))
        ask(claim=Claim.objects.get(), at=day(3, 1))

        send_back(order, 1, on=day(3, 2))
        assert (counted(goal), [state for _key, state in states()]) == ((0, [9]), ["asked"])
        buy(boris, (bites, 1), on=day(3, 3))
        assert (counted(goal), [state for _key, state in states()]) == ((1, [9, 1]), ["asked"])
        buy(boris, (bites, 10), on=day(3, 4))
        assert (counted(goal)[0], [state for _key, state in states()]) == (2, ["asked", "open"])

    def test_takes_the_last_of_several(self, unit, boris, bites):
        goal = a_goal(unit, reward=RewardFactory(program=unit.program))
        buy(boris, (bites, 10), on=day(3, 1))
        second = buy(boris, (bites, 10), on=day(3, 2))

        send_back(second, 2, on=day(3, 3))

        assert states() == [(f"goal:{goal.pk}:1", "open"), (f"goal:{goal.pk}:2", "back")]

    def test_takes_points_back(self, unit, boris, bites):
        a_goal(unit)
        order = buy(boris, (bites, 10), on=day(3, 1))

        send_back(order, 1, on=day(3, 2))

        assert ready(boris) == 0

    @pytest.mark.parametrize(("is_another", "has"), [(True, (100, (6, 30))), (False, (0, (4, 30)))])
    def test_lets_points_run_out_by_the_order_that_reaches_it(self, unit, boris, bites, is_another, has):
        a_goal(unit)
        Program.objects.update(expiry="months", expiry_months=1)
        forget_cache()
        order = buy(boris, (bites, 10), on=day(3, 1))
        with clock.at(day(3, 2)):
            order.set_status("Cancelled")
        sync_orders(order_ids=[order.pk], at=day(3, 2))
        assert ready(boris) == 0

        if is_another:
            buy(boris, (bites, 10), on=day(5, 20))
        else:  # It is as if it had not been cancelled: they have run out.
            Order.objects.update(status="Pending")
            sync_orders(order_ids=[order.pk], at=day(5, 20))

        until = Lot.objects.latest("pk").expires_at - timedelta(hours=3)
        assert (ready(boris), (until.month, until.day)) == has
        assert_clean()

    @pytest.mark.parametrize(("is_another", "has"), [(True, (30, (5, 27), (6, 30))), (False, (0, (5, 20), (4, 30)))])
    def test_lets_what_a_campaign_brings_for_it_come_and_run_out_by_that_order_too(
        self, unit, boris, bites, is_another, has
    ):
        a_goal(unit, points=0, reward=RewardFactory(program=unit.program))
        CampaignFactory(program=unit.program, occasion="goal", code="bones", points=30, delay_days=7)
        Program.objects.update(expiry="months", expiry_months=1)
        forget_cache()
        order = buy(boris, (bites, 10), on=day(3, 1))
        assert list(carry_out(at=day(3, 8))) == [1]
        with clock.at(day(3, 9)):
            order.set_status("Cancelled")
        sync_orders(order_ids=[order.pk], at=day(3, 9))
        assert ready(boris) == 0

        if is_another:
            buy(boris, (bites, 10), on=day(5, 20))
        else:  # It is as if it had not been cancelled: it comes at once, and has run out.
            Order.objects.update(status="Pending")
            sync_orders(order_ids=[order.pk], at=day(5, 20))

        due = Occurrence.objects.get().due_at
        assert list(carry_out(at=due)) == [1]
        until = Lot.objects.latest("pk").expires_at - timedelta(hours=3)
        assert (ready(boris), (due.month, due.day), (until.month, until.day)) == has
        assert_clean()

    def test_of_all_takes_all_as_cancelling_and_deleting_do(self, unit, boris, bites):
        goal = a_goal(unit)
        first, second, third = (buy(boris, (bites, 10), on=day(3, number)) for number in (1, 2, 3))
        assert ready(boris) == 300

        send_back(first, 10, on=day(3, 4))
        with clock.at(day(3, 4)):
            second.set_status("Cancelled")
        sync_orders(order_ids=[second.pk], at=day(3, 4))
        ids = third.pk
        with clock.at(day(3, 5)):
            Order.objects.get(pk=ids).delete()
        sync_orders(order_ids=[ids], at=day(3, 5))

        assert (counted(goal), ready(boris)) == ((0, [0, 0, 0]), 0)


class TestAPreviewOfAReturn:
    def test_says_which_reward_goes_and_changes_nothing(self, unit, boris, bites):
        goal = a_goal(unit, name="Bites card", reward=RewardFactory(program=unit.program, name="A toy"))
        order = buy(boris, (bites, 10), on=day(3, 1))
        line = order.lines.get().pk

        seen = preview(order=order, quantities={line: 1}, at=day(3, 2))

        assert seen.beside == ("The reward “A toy” goes back: No longer reached: Bites card.",)
        assert (counted(goal), states()[0][1]) == ((1, [10]), "open")
        assert preview_cancelled(order=order, at=day(3, 2)).beside == seen.beside

    def test_says_that_a_used_one_stays(self, unit, boris, bites):
        a_goal(unit, name="Bites card", reward=RewardFactory(program=unit.program, name="A toy"))
        order = buy(boris, (bites, 10), on=day(3, 1))
        ask(claim=Claim.objects.get(), at=day(3, 1))

        seen = preview(order=order, at=day(3, 2))

        assert seen.beside == ("“Bites card” is no longer reached, but “A toy” is used already and stays.",)

    def test_counts_points_among_those_that_go_and_come_back(self, unit, boris, bites):
        a_goal(unit)
        order = buy(boris, (bites, 10), on=day(3, 1))
        line = order.lines.get().pk

        seen = preview(order=order, quantities={line: 1}, at=day(3, 2))
        send_back(order, 1, on=day(3, 2))

        assert (seen.taken, preview_undone(order=order, quantities={line: 1}, at=day(3, 3)).returned) == (100, 100)
        assert (ready(boris), Entry.objects.count()) == (0, 2)


class TestAChallenge:
    def test_counts_orders_within_its_days(self, unit, boris, bites):
        goal = a_goal(unit, metric="orders", target=3, window_days=60, repeats=False)

        for month, number in ((3, 1), (4, 1), (5, 1)):
            buy(boris, (bites, 1), on=day(month, number))
        assert counted(goal)[0] == 0
        buy(boris, (bites, 1), on=day(5, 2))
        assert (counted(goal)[0], ready(boris)) == (1, 100)

    def test_counts_product_sets_once_each(self, unit, boris, bites):
        toy, bed = a_product("Rope toy", "6.50"), a_product("Bed", "80.00")
        sets = {code: ProductSetFactory(code=code, products=[product]) for code, product in
                (("food", bites), ("toys", toy), ("beds", bed))}  # fmt: skip
        goal = a_goal(unit, metric="sets", sets=list(sets), target=3, repeats=False)

        buy(boris, (bites, 1), (toy, 1), on=day(3, 1))
        buy(boris, (toy, 5), on=day(3, 2))
        assert counted(goal) == (0, [0b011, 0b010])
        order = buy(boris, (bed, 1), on=day(3, 3))
        assert (counted(goal)[0], ready(boris)) == (1, 100)
        send_back(order, 1, on=day(3, 4))
        assert (counted(goal)[0], ready(boris)) == (0, 0)

    def test_counts_what_is_spent(self, unit, boris, bites):
        goal = a_goal(unit, metric="spend", target=10_000, repeats=False)

        buy(boris, (bites, 4), on=day(3, 1))
        assert counted(goal) == (0, [9960])
        buy(boris, (a_product("Bone", "0.40"), 1), on=day(3, 2))
        assert counted(goal)[0] == 1


class TestAThreshold:
    def test_counts_the_points_that_orders_brought(self):
        unit, boris = a_club(), a_user()
        MemberFactory(program=unit.program, user=boris)
        goal = a_goal(unit, metric="points", target=50, repeats=True, reward=RewardFactory(program=unit.program))

        order = buy(boris, (a_product("Bed", "120.00"), 1), on=day(3, 1))

        assert counted(goal) == (2, [120])
        seen = preview(order=order, at=day(3, 2))
        assert [text.partition(":")[0] for text in seen.beside] == [f"The reward “{goal.reward.name}” goes back"] * 2
        send_back(order, 1, on=day(3, 2))
        assert (counted(goal), [state for _key, state in states()]) == ((0, [0]), ["back", "back"])


class TestWhatCounts:
    @pytest.mark.parametrize(("seconds", "counts"), [(-1, False), (0, True)])
    def test_is_placed_from_the_start_on(self, unit, boris, bites, seconds, counts):
        goal = a_goal(unit, starts_at=day(3, 1))

        buy(boris, (bites, 1), on=day(3, 1) + timedelta(seconds=seconds))

        assert bool(counted(goal)[1]) is counts

    @pytest.mark.parametrize(("seconds", "counts"), [(-1, True), (0, False)])
    def test_is_placed_before_the_end(self, unit, boris, bites, seconds, counts):
        goal = a_goal(unit, ends_at=day(3, 1))

        buy(boris, (bites, 1), on=day(3, 1) + timedelta(seconds=seconds))

        assert bool(counted(goal)[1]) is counts

    def test_still_follows_its_order_after_the_end_and_switched_off(self, unit, boris, bites):
        goal = a_goal(unit, ends_at=day(3, 2))
        order = buy(boris, (bites, 10), on=day(3, 1))
        goal.is_on = False
        goal.save()

        send_back(order, 1, on=day(3, 9))

        assert (counted(goal), ready(boris)) == ((0, [9]), 0)

    def test_is_no_order_from_before_the_goal_was_there(self, unit, boris, bites):
        order = buy(boris, (bites, 10), on=day(3, 1))
        goal = a_goal(unit)

        send_back(order, 1, on=day(3, 2))

        assert counted(goal) == (0, [])

    def test_is_no_order_that_was_placed_while_it_was_off(self, unit, boris, bites):
        goal = a_goal(unit, is_on=False)
        order = buy(boris, (bites, 10), on=day(3, 1))
        goal.is_on = True
        goal.save()

        send_back(order, 1, on=day(3, 2))

        assert counted(goal) == (0, [])

    def test_is_no_order_of_a_pause(self, unit, boris, bites):
        goal = a_goal(unit)
        change_state(program=unit.program, to="paused", actor="system", at=day(3, 1))

        buy(boris, (bites, 10), on=day(3, 2))

        assert counted(goal) == (0, [])


class TestForWhom:
    def test_asks_for_the_level_as_the_order_is_placed(self, unit, boris, bites):
        a_ladder(unit=unit, bronze=5_000)
        goal = a_goal(unit, rank=1)

        buy(boris, (bites, 3), on=day(3, 1))
        assert counted(goal) == (0, [])
        buy(boris, (bites, 1), on=day(3, 2))
        assert counted(goal) == (0, [1])

    def test_asks_for_the_list_as_the_order_is_placed_and_not_later(self, unit, boris, bites):
        segment = SegmentFactory(program=unit.program)
        goal = a_goal(unit, segment=segment)
        member = Member.objects.get(user=boris)

        before = buy(boris, (bites, 1), on=day(3, 1))
        set_members(segment=segment, member_ids=[member.pk], at=day(3, 2))
        within = buy(boris, (bites, 2), on=day(3, 3))
        set_members(segment=segment, member_ids=[], at=day(3, 4))
        buy(boris, (bites, 4), on=day(3, 5))
        for order in (before, within):
            send_back(order, 1, on=day(3, 6))

        assert counted(goal) == (0, [1])


class TestTwoMembersWhoBecomeOne:
    @pytest.fixture
    def ada(self, unit):
        user = a_user("ada@example.com")
        MemberFactory(program=unit.program, user=user, joined_at=day(1, 1))
        return user

    def merge(self, gone, into):
        who = (Member.objects.get(user=user) for user in (gone, into))
        return ledger.merge(**dict(zip(("member", "into"), who, strict=True)), actor="staff:1", at=day(3, 5))

    def test_reach_together_what_neither_had(self, unit, boris, ada, bites):
        goal = a_goal(unit)
        buy(boris, (bites, 4), on=day(3, 1))
        order = buy(ada, (bites, 6), on=day(3, 2))

        row = self.merge(ada, boris)
        assert (counted(goal), ready(boris)) == ((1, [4, 6]), 100)
        buy(ada, (bites, 5), on=day(3, 6))
        send_back(order, 6, on=day(3, 7))
        assert (counted(goal), ready(boris)) == ((0, [4, 0, 5]), 0)
        assert set(row.moved["parts"]["goals"]) == {"steps", "gone", "kept"}

    @pytest.mark.parametrize("is_reward", [True, False])
    def test_have_what_both_reached_and_no_more(self, unit, boris, ada, bites, is_reward):
        goal = a_goal(unit, reward=RewardFactory(program=unit.program) if is_reward else None)
        for user in (boris, ada):
            buy(user, (bites, 12), on=day(3, 1))

        self.merge(ada, boris)

        assert counted(goal) == (2, [12, 12])
        gifts = Claim.objects.filter(member__user=boris).count() if is_reward else ready(boris) / 100
        assert gifts == 2

    def test_are_two_again_once_it_is_undone(self, unit, boris, ada, bites):
        a_goal(unit)
        buy(boris, (bites, 10), on=day(3, 1))
        buy(ada, (bites, 7), on=day(3, 2))
        row = self.merge(ada, boris)

        ledger.unmerge(merge=row, actor="staff:1", at=day(3, 6))

        stood = GoalStep.objects.order_by("order_id").values_list("member__user__email", "value")
        assert list(stood) == [("boris@example.com", 10), ("ada@example.com", 7)]
        buy(ada, (bites, 3), on=day(3, 7))
        assert (ready(boris), ready(ada)) == (100, 100)

    @pytest.mark.parametrize(("metric", "target"), [("pieces", 10), ("points", 200)])
    def test_leave_what_the_old_login_ordered_meanwhile_to_whom_it_counted_for(
        self, unit, boris, ada, bites, metric, target
    ):
        RuleFactory(program=unit.program, at=day(1, 1))
        a_goal(unit, metric=metric, target=target)
        row = self.merge(ada, boris)
        order = buy(ada, (bites, 10), on=day(3, 6))
        assert ready(boris) == 100
        ledger.unmerge(merge=row, actor="staff:1", at=day(3, 7))
        arrive(order, on=day(3, 8))
        assert (ready(boris), ready(ada)) == (100, 0)
        send_back(order, 10, on=day(3, 10))
        assert (ready(boris), ready(ada)) == (0, 0)

    @pytest.mark.parametrize("is_reward", [True, False])
    @pytest.mark.parametrize("first", ["ada", "third"])
    def test_leave_what_a_third_one_brought_along(self, unit, boris, ada, bites, first, is_reward):
        a_goal(unit, points=0 if is_reward else 100, reward=RewardFactory(program=unit.program) if is_reward else None)
        third = a_user("third@example.com")
        MemberFactory(program=unit.program, user=third, joined_at=day(1, 1))
        for user in (boris, ada, third):
            buy(user, (bites, 10), on=day(3, 1))
        rows = {"ada": self.merge(ada, boris), "third": self.merge(third, boris)}

        def gifts(*users):
            given = Claim.objects.exclude(state="back")
            return [given.filter(member__user=one).count() if is_reward else ready(one) // 100 for one in users]

        assert gifts(boris, ada, third) == ([3, 1, 1] if is_reward else [3, 0, 0])
        ledger.unmerge(merge=rows.pop(first), actor="staff:1", at=day(3, 6))
        assert gifts(boris)[0] == 2
        ledger.unmerge(merge=rows.popitem()[1], actor="staff:1", at=day(3, 7))
        assert gifts(boris, ada, third) == [1, 1, 1]

    @pytest.mark.parametrize("is_given", [True, False])
    def test_lose_what_a_campaign_brings_for_what_only_both_reached(self, unit, boris, ada, bites, is_given):
        a_goal(unit)
        CampaignFactory(program=unit.program, occasion="goal", code="bones", points=30)
        for user in (boris, ada):
            buy(user, (bites, 6), on=day(3, 1))
        row = self.merge(ada, boris)
        if is_given:
            list(carry_out(at=day(3, 6)))
            assert ready(boris) == 130
        ledger.unmerge(merge=row, actor="staff:1", at=day(3, 7))
        list(carry_out(at=day(3, 8)))
        assert (ready(boris), ready(ada)) == (0, 0)

    @pytest.mark.parametrize("is_given_meanwhile", [True, False])
    def test_leave_what_a_campaign_brings_to_whose_goal_it_is(self, unit, boris, ada, bites, is_given_meanwhile):
        a_goal(unit)
        CampaignFactory(program=unit.program, occasion="goal", code="bones", points=30)
        buy(ada, (bites, 10), on=day(3, 1))
        row = self.merge(ada, boris)
        if is_given_meanwhile:
            list(carry_out(at=day(3, 6)))
            assert ready(boris) == 130
        ledger.unmerge(merge=row, actor="staff:1", at=day(3, 7))
        list(carry_out(at=day(3, 8)))
        assert (ready(boris), ready(ada)) == (0, 130)

    @pytest.mark.parametrize("repeats", [True, False])
    def test_have_what_each_had_reached_alone(self, unit, boris, ada, bites, repeats):
        a_goal(unit, repeats=repeats)
        for user in (boris, ada):
            buy(user, (bites, 10), on=day(3, 1))
        row = self.merge(ada, boris)
        assert ready(boris) == 200
        ledger.unmerge(merge=row, actor="staff:1", at=day(3, 6))
        assert (ready(boris), ready(ada)) == (100, 100)

    @pytest.mark.parametrize("alone", [(10, 4, 6), (4, 6, 10)], ids=["reached before", "reached by neither"])
    def test_lose_what_only_both_together_reached(self, unit, boris, ada, bites, alone):
        goal = a_goal(unit)
        mine, theirs, later = alone
        buy(boris, (bites, mine), on=day(3, 1))
        buy(ada, (bites, theirs), on=day(3, 2))
        row = self.merge(ada, boris)
        buy(boris, (bites, later), on=day(3, 4))
        assert ready(boris) == 100 * ((mine + theirs + later) // 10)

        ledger.unmerge(merge=row, actor="staff:1", at=day(3, 6))

        assert (ready(boris), ready(ada)) == (100 * ((mine + later) // 10), 0)
        assert GoalStanding.objects.get(goal=goal, member__user=boris).reached == (mine + later) // 10


class TestAMembersData:
    def test_tells_what_each_order_counts(self, unit, boris, bites):
        a_goal(unit, name="Bites card")
        order = buy(boris, (bites, 12), on=day(3, 1))

        told = data_exports.get("goals")(member=Member.objects.get(user=boris))

        counts = {"order": order.pk, "placed_at": "2026-03-01T12:00:00+00:00", "counts": 12}
        assert told == [{"goal": "Bites card", "reached": 1, "orders": [counts]}]


class TestWhoGave:
    def test_is_the_goal(self, unit, boris, bites):
        goal = a_goal(unit, name="Bites card")
        buy(boris, (bites, 10), on=day(3, 1))

        shares = givers.get("goals").shares(unit=unit, entries=list(Entry.objects.all()))

        assert [(share.item, share.points) for found in shares.values() for share in found] == [(str(goal.pk), 100)]
        assert givers.get("goals").names(unit=unit, items=[str(goal.pk)]) == {str(goal.pk): "Bites card"}
