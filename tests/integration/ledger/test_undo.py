"""Taking back what a source brought, giving it back, and reversing a grant."""

import pytest
from django.db import IntegrityError, transaction

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Hold
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.paying import payments

from .books import (
    NOW,
    WHY,
    a_unit,
    an_account,
    assert_clean,
    balance,
    capture,
    claw,
    dump,
    give,
    hold,
    kinds,
    later,
    lots,
)

pytestmark = pytest.mark.django_db


def spend(account, points, *, at=NOW):
    """Use points for good."""
    capture(hold(account, points, at=at), points, at=at)


def bear(account):
    """Have the shop bear what is missing."""
    Program.objects.filter(unit=account.unit).update(debt_policy=Program.Debt.CLAMP)


@pytest.fixture
def paying_for():
    """Somebody is paying for a slot."""
    paid: set[str] = set()
    payments.register("test")(lambda *, slots, at, peek: paid & set(slots))
    yield paid.add
    payments.unregister("test")


def give_back(account, points, *, source, key, at=NOW):
    """Give points back to a source."""
    return ledger.give_back(account_id=account.pk, source=source, points=points, key=key, because=WHY, at=at)


class TestTakingBack:
    def test_takes_what_is_on_the_way_first(self):
        account = an_account()
        give(account, 60, source="order:1", key="order:1:earn")
        give(account, 40, source="order:1", key="order:1:late", ready=None)
        claw(account, 50, source="order:1", key="c")
        assert lots(account) == [("order:1", 50, 0, "open"), ("order:1", 0, 0, "closed")]
        assert balance(account) == (50, 0, 0, 0)
        assert_clean()

    def test_takes_its_own_lots_before_those_that_run_out_sooner(self):
        account = an_account()
        give(account, 50, source="other", until=later(days=2))
        give(account, 50, source="order:1", until=later(days=90))
        claw(account, 60, source="order:1", key="c")
        assert lots(account) == [("other", 40, 0, "open"), ("order:1", 0, 0, "closed")]

    def test_takes_other_lots_in_spending_order_then_open_holds_then_debt(self):
        account = an_account()
        give(account, 10, source="order:1")
        spend(account, 10)
        give(account, 10, source="late", until=later(days=90))
        give(account, 10, source="soon", until=later(days=2))
        held = hold(account, 5)
        claw(account, 4, source="order:1", key="c:1")
        assert [row[:3] for row in lots(account)[1:]] == [("late", 10, 0), ("soon", 1, 5)]
        claw(account, 13, source="order:1", key="c:2")
        assert balance(account) == (0, 0, 3, 0)
        claw(account, 7, source="order:1", key="c:3")
        assert balance(account) == (0, 0, 0, 4)
        held.refresh_from_db()
        assert (held.state, held.slot) == ("released", None)
        assert_clean()

    def test_takes_the_newest_hold_first_and_leaves_the_one_being_paid(self, paying_for):
        paying_for("basket:1")
        account = an_account()
        give(account, 30, source="order:1")
        paying = hold(account, 10, slot="basket:1")
        old = hold(account, 10, slot="basket:2", at=later(minutes=1))
        new = hold(account, 10, slot="basket:3", at=later(minutes=2))
        claw(account, 15, source="order:1", key="c:1", at=later(minutes=3))
        states = [Hold.objects.get(pk=held.pk).state for held in (paying, old, new)]
        assert states == ["open", "open", "released"]
        claw(account, 15, source="order:1", key="c:2", at=later(minutes=3))
        assert balance(account) == (0, 0, 10, 10)
        assert Hold.objects.get(pk=paying.pk).points == 10
        assert_clean()

    def test_never_touches_what_is_on_the_way_from_elsewhere(self):
        account = an_account()
        give(account, 10, source="order:1")
        spend(account, 10)
        give(account, 50, source="order:2", ready=None)
        claw(account, 10, source="order:1", key="c")
        assert balance(account) == (0, 50, 0, 10)

    def test_forgives_what_ran_out_before_it_takes_other_points(self):
        account = an_account()
        give(account, 60, source="order:1", until=later(days=1))
        give(account, 100, source="order:2")
        posted = claw(account, 60, source="order:1", key="c", at=later(days=2))
        assert posted.forgiven == 60
        assert balance(account) == (100, 0, 0, 0)
        assert claw(account, 60, source="order:1", key="c", at=later(days=2)).forgiven == 60
        assert_clean()

    def test_forgives_in_steps_no_more_than_ran_out(self):
        account = an_account()
        give(account, 100, source="order:1", until=later(days=1))
        spend(account, 40)
        forgiven = 0
        for step in range(4):
            at = later(days=2)
            posted = claw(account, 25, source="order:1", key=f"c:{step}", at=at, forgiven_before=forgiven)
            forgiven += posted.forgiven
        assert forgiven == 60
        assert balance(account) == (0, 0, 0, 40)
        assert_clean()

    def test_leaves_the_rest_to_the_shop_where_it_bears_it(self):
        account = an_account()
        bear(account)
        give(account, 60, source="order:1")
        spend(account, 50)
        posted = claw(account, 60, source="order:1", key="c")
        assert posted.forgiven == 50
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()

    def test_comes_once_per_key(self):
        account = an_account()
        give(account, 60, source="order:1")
        claw(account, 20, source="order:1", key="c")
        before = dump()
        assert claw(account, 20, source="order:1", key="c").replayed
        assert dump() == before


class TestDebt:
    def owing(self):
        """An account with 50 points to make up."""
        account = an_account()
        give(account, 50, source="order:1")
        spend(account, 50)
        claw(account, 50, source="order:1", key="c")
        return account

    def test_is_paid_by_the_next_points_that_are_ready(self):
        account = self.owing()
        give(account, 20)
        assert balance(account) == (0, 0, 0, 30)
        give(account, 40, until=later(days=3))
        assert balance(account) == (10, 0, 0, 0)
        assert Entry.objects.order_by("seq").last().because["p"]["made_up"] == 30
        assert_clean()

    def test_is_not_paid_by_points_on_the_way(self):
        account = self.owing()
        give(account, 100, ready=None)
        assert balance(account) == (0, 100, 0, 50)

    def test_is_paid_by_a_goodwill_too(self):
        account = self.owing()
        ledger.adjust(account_id=account.pk, points=60, key="m:1", because=WHY, actor="staff:1", note="x", at=NOW)
        assert balance(account) == (10, 0, 0, 0)
        assert_clean()


class TestGivingBack:
    def test_goes_to_the_same_lot_with_the_same_dates(self):
        account = an_account()
        give(account, 100, source="order:1", until=later(days=90))
        claw(account, 100, source="order:1", key="c")
        give_back(account, 70, source="order:1", key="g")
        assert lots(account) == [("order:1", 70, 0, "open")]
        assert balance(account) == (70, 0, 0, 0)
        assert give_back(account, 70, source="order:1", key="g").replayed
        assert_clean()

    @pytest.mark.parametrize("ready", [None, later(days=9)])
    def test_waits_again_where_it_waited(self, ready):
        account = an_account()
        give(account, 100, source="order:1", ready=ready)
        claw(account, 100, source="order:1", key="c")
        give_back(account, 100, source="order:1", key="g")
        assert lots(account) == [("order:1", 100, 0, "pending")]
        assert balance(account) == (0, 100, 0, 0)
        assert_clean()

    def test_of_what_ran_out_meanwhile_runs_out_again(self):
        account = an_account()
        give(account, 100, source="order:1", until=later(days=1))
        claw(account, 60, source="order:1", key="c")
        ledger.expire(account_id=account.pk, at=later(days=1))
        give_back(account, 60, source="order:1", key="g", at=later(days=2))
        assert balance(account) == (0, 0, 0, 0)
        assert kinds(account) == ["earn", "claw", "expire", "restore", "expire"]
        assert_clean()

    def test_of_a_lot_that_ran_out_whole_runs_out_whole_again(self):
        account = an_account()
        give(account, 100, source="order:1", until=later(days=1))
        ledger.expire(account_id=account.pk, at=later(days=1))
        give_back(account, 100, source="order:1", key="g", at=later(days=2))
        assert kinds(account) == ["earn", "expire", "restore", "expire"]
        assert_clean()

    def test_pays_first_what_is_to_be_made_up(self):
        account = an_account()
        give(account, 100, source="order:1")
        spend(account, 100)
        claw(account, 100, source="order:1", key="c")
        give_back(account, 100, source="order:1", key="g")
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()


class TestReversing:
    @pytest.mark.parametrize("ready", [NOW, None])
    def test_takes_a_grant_back_as_a_whole_and_says_which(self, ready):
        account = an_account()
        grant = give(account, 100, source="import:1", kind="import", ready=ready).entry
        posted = ledger.reverse(entry=grant, key="import:1:undo", because=WHY, at=NOW)
        assert balance(account) == (0, 0, 0, 0)
        assert posted.entry.reverses == grant
        assert posted.entry.counter == grant.counter
        assert_clean()

    def test_becomes_debt_where_the_points_are_gone(self):
        account = an_account()
        grant = give(account, 100, source="import:1").entry
        spend(account, 70)
        ledger.reverse(entry=grant, key="undo", because=WHY, at=NOW)
        assert balance(account) == (0, 0, 0, 70)
        assert_clean()

    def test_comes_once_even_under_another_key(self):
        account = an_account(a_unit())
        grant = give(account, 100, source="import:1").entry
        ledger.reverse(entry=grant, key="undo", because=WHY, at=NOW)
        before = dump()
        assert ledger.reverse(entry=grant, key="undo", because=WHY, at=NOW).replayed
        with pytest.raises(NotAllowed, match="taken back before"):
            ledger.reverse(entry=grant, key="undo:again", because=WHY, at=NOW)
        assert dump() == before

    def test_comes_once_though_nobody_looks(self):
        account = an_account()
        grant = give(account, 100, source="import:1").entry
        undone = ledger.reverse(entry=grant, key="undo", because=WHY, at=NOW).entry
        before = dump()
        undone.pk, undone.seq, undone.key = None, undone.seq + 1, "undo:again"
        with pytest.raises(IntegrityError), transaction.atomic():
            undone.save(force_insert=True)
        assert dump() == before
