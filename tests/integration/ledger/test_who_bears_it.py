"""Points to take back that are used already: next points make them up, or the shop bears them, on every way back."""

import pytest

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Hold
from loyalty_oscar.program import operations
from loyalty_oscar.program.models import Program

from .books import (
    NOW,
    WHY,
    a_unit,
    an_account,
    assert_clean,
    balance,
    capture,
    claw,
    give,
    hold,
    later,
    restore,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["debt", "clamp"])
def policy(request):
    return request.param


@pytest.fixture
def account(policy):
    """A member's account in a program that asks for such points, or bears them."""
    unit = a_unit()
    Program.objects.update(debt_policy=policy)
    return an_account(unit)


def owed(policy, points):
    """What is to be made up."""
    return points if policy == Program.Debt.DEBT else 0


def spend(account, points, *, slot="basket:1", at=NOW):
    return capture(hold(account, points, slot=slot, at=at), points, at=at)


def gift(account, *, at=NOW, points=50):
    operations.give(member_id=account.member_id, promise=Promise(points=points), key="gift:1", because=WHY, at=at)


def revoke(account, *, at=NOW):
    operations.take_back(member_id=account.member_id, promise=Promise(points=50), key="gift:1", because=WHY, at=at)


class TestWhatIsMissing:
    def test_of_a_source(self, account, policy):
        give(account, 50, source="order:1")
        spend(account, 40)
        posted = claw(account, 50, source="order:1", key="c")
        assert balance(account) == (0, 0, 0, owed(policy, 40))
        assert posted.forgiven == 40 - owed(policy, 40)
        assert_clean()

    def test_of_many_sources(self, account, policy):
        other = an_account(account.unit)
        for one in (account, other):
            give(one, 50, source="order:1")
        spend(account, 40)
        claws = [
            ledger.Claw(account_id=one.pk, points=50, source="order:1", key="c", because=WHY)
            for one in (account, other)
        ]
        posted = ledger.claw_back_together(claws=claws, at=NOW)
        assert balance(account) == (0, 0, 0, owed(policy, 40))
        assert balance(other) == (0, 0, 0, 0)
        assert [posted[one.pk, "c"].forgiven for one in (account, other)] == [40 - owed(policy, 40), 0]
        assert_clean()

    def test_of_a_grant_that_is_reversed(self, account, policy):
        entry = give(account, 50, source="import:1").entry
        spend(account, 50)
        ledger.reverse(entry=entry, key="undo", because=WHY, at=NOW)
        assert balance(account) == (0, 0, 0, owed(policy, 50))
        assert_clean()

    def test_of_a_gift(self, account, policy):
        gift(account)
        spend(account, 50)
        revoke(account)
        assert balance(account) == (0, 0, 0, owed(policy, 50))
        assert_clean()

    def test_of_an_order_that_stands_again(self, account, policy):
        give(account, 100)
        used = hold(account, 100)
        capture(used, 100)
        restore(used, 100, key="r")
        spend(account, 70, slot="basket:2")
        posted = ledger.use_again(hold_id=used.pk, account_id=account.pk, points=100, key="u", because=WHY, at=NOW)
        assert balance(account) == (0, 0, 0, owed(policy, 70))
        assert posted.forgiven == 70 - owed(policy, 70)
        assert_clean()

    def test_says_what_of_it_the_shop_bears_and_what_had_run_out(self, account, policy):
        give(account, 50, source="order:1", until=later(days=1))
        spend(account, 30)
        claw(account, 50, source="order:1", key="c", at=later(days=2))
        said = Entry.objects.get(key="c").because["p"]
        assert said == ({"forgiven": 20} if policy == "debt" else {"forgiven": 50, "borne": 30})


class TestWhatTheShopBore:
    @pytest.fixture
    def policy(self):
        return Program.Debt.CLAMP

    def test_is_not_given_back_when_a_gift_is_given_again(self, account):
        gift(account)
        spend(account, 40)
        revoke(account)
        assert balance(account) == (0, 0, 0, 0)
        gift(account, at=later(minutes=1))
        assert balance(account) == (10, 0, 0, 0)
        for _ in range(3):
            revoke(account, at=later(minutes=2))
            gift(account, at=later(minutes=3))
        assert balance(account) == (10, 0, 0, 0)
        assert_clean()

    def test_leaves_a_gift_standing_though_nothing_moved(self, account):
        gift(account)
        spend(account, 50)
        revoke(account)
        gift(account, at=later(minutes=1))
        assert balance(account) == (0, 0, 0, 0)
        give(account, 80, at=later(minutes=2))
        revoke(account, at=later(minutes=3))
        assert balance(account) == (30, 0, 0, 0)
        assert_clean()

    def test_is_not_given_back_when_an_order_is_cancelled_once_more(self, account):
        give(account, 100)
        used = hold(account, 100)
        capture(used, 100)
        for turn in range(3):
            restore(used, 100, key=f"r:{turn}")
            if ready := balance(account)[0]:
                spend(account, ready, slot=f"basket:{turn + 2}")
            again = {"hold_id": used.pk, "account_id": account.pk, "points": 100, "because": WHY, "at": NOW}
            ledger.use_again(key=f"u:{turn}", **again)
        assert balance(account) == (0, 0, 0, 0)
        assert sum(held.captured for held in Hold.objects.exclude(pk=used.pk)) == 100
        assert_clean()

    def test_comes_last_when_a_part_of_it_comes_back(self, account):
        give(account, 100)
        used = hold(account, 100)
        capture(used, 100)
        restore(used, 100, key="r")
        spend(account, 70, slot="basket:2")
        ledger.use_again(hold_id=used.pk, account_id=account.pk, points=100, key="u", because=WHY, at=NOW)
        restore(used, 20, key="r:2")
        assert balance(account) == (20, 0, 0, 0)
        restore(used, 80, key="r:3")
        assert balance(account) == (30, 0, 0, 0)
        used.refresh_from_db()
        assert (used.returned, used.forgiven) == (100, 0)
        assert_clean()


class TestAGift:
    """Which ran out before it was taken back."""

    @pytest.fixture
    def policy(self):
        return Program.Debt.DEBT

    def test_makes_no_debt_however_often_it_falls_and_rises(self, account):
        gift(account, points=20)
        account.lots.update(expires_at=later(days=1))
        for day in range(2, 8, 2):
            revoke(account, at=later(days=day))
            gift(account, at=later(days=day + 1))
        revoke(account, at=later(days=9))
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()

    def test_makes_as_much_debt_as_was_used_however_often_it_falls_and_rises(self, account):
        gift(account, points=20)
        spend(account, 5)
        account.lots.update(expires_at=later(days=1))
        for day in range(2, 8, 2):
            revoke(account, at=later(days=day))
            assert balance(account) == (0, 0, 0, 5)
            gift(account, at=later(days=day + 1))
            assert balance(account) == (0, 0, 0, 0)
        assert_clean()


class TestManyClaws:
    """Of sources of which earlier claws forgave a part."""

    @pytest.fixture
    def policy(self):
        return Program.Debt.DEBT

    def test_forgive_no_more_than_ran_out(self, account):
        give(account, 100, source="order:1", until=later(days=1))
        spend(account, 40)
        at = later(days=2)
        first = claw(account, 60, source="order:1", key="order:1:sync:1", at=at)
        assert first.forgiven == 60
        left = ledger.Claw(
            account_id=account.pk, points=40, source="order:1", key="order:1:sync:2",
            because=Because("batch_undone", batch="w"), forgiven_before=first.forgiven,
        )  # fmt: skip
        posted = ledger.claw_back_together(claws=[left], at=at)
        assert posted[account.pk, left.key].forgiven == 0
        assert balance(account) == (0, 0, 0, 40)
        assert_clean()

    def test_make_ready_two_lots_of_an_account_that_owes_in_one_portion(self, account):
        give(account, 50, source="order:1")
        spend(account, 50)
        claw(account, 50, source="order:1", key="c")
        for points, days in ((30, 3), (35, 4)):
            give(account, points, ready=later(days=days), until=later(days=100 + days))
        assert dict(ledger.mature_due(at=later(days=5))) == {account.pk: 65}
        assert balance(account) == (15, 0, 0, 0)
        made_up = [e.because["p"].get("made_up") for e in Entry.objects.filter(kind="mature").order_by("seq")]
        assert made_up == [30, 20]
        assert_clean()
