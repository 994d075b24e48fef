"""Everything at once: points passed in all directions, and every operation on few accounts. Nothing is lost."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction

from loyalty_oscar.kernel.errors import KeyMismatch, NotAllowed, NotEnoughPoints
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Hold
from loyalty_oscar.ledger.operations import desk
from tests.integration.ledger.books import (
    NOW,
    WHY,
    a_unit,
    an_account,
    assert_clean,
    capture,
    claw,
    give,
    hold,
    later,
    restore,
)

from .crowds import CROWD, MANY, Crowd, broken_after

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = 15
HOUR = timedelta(hours=1)


def a_few(number, points=0):
    """So many accounts of one program, each with some points."""
    unit = a_unit()
    accounts = [an_account(unit) for _ in range(number)]
    for account in accounts:
        if points:
            give(account, points)
    return accounts


def pairs(number):
    """Whom a person passes points to, fifteen times: the odd ones go round the other way."""
    way = range(STEPS) if number % 2 else range(STEPS, 0, -1)
    return [(step % 4, (step + 1) % 4)[:: 1 if number % 2 else -1] for step in way]


@desk.outermost_retried
def pass_on(*, giver, taker, key):
    """Take three points from one account and give them to another, in one transaction that locks both first."""
    with transaction.atomic():
        desk.lock_many(account_ids=(giver.pk, taker.pk))
        for account, points in ((giver, -3), (taker, 3)):
            where = {"account_id": account.pk, "key": key, "because": WHY, "at": NOW}
            ledger.adjust(points=points, actor="staff:1", note="x", **where)


class TestPointsThatArePassedInAllDirections:
    def test_are_conserved_and_meet_no_deadlock(self, tell):
        accounts = a_few(4, points=1000)

        def one(number):
            for step, (giver, taker) in enumerate(pairs(number)):
                pass_on(giver=accounts[giver], taker=accounts[taker], key=f"t:{number}:{step}")

        with Crowd(outer=False) as crowd:
            result = crowd.do(one)
        assert result == {"done": CROWD}
        assert sum(Account.objects.values_list("available", flat=True)) == 4000
        assert Entry.objects.filter(kind="adjust").count() == 2 * CROWD * STEPS
        assert_clean()
        tell(f"T4, {CROWD * STEPS} times between 4 accounts: 0 deadlocks, 4000 of 4000 points")

    def test_would_deadlock_if_accounts_were_locked_as_they_are_named(self, tell):
        accounts = a_few(4)

        def one(number):
            for giver, taker in pairs(number):
                with transaction.atomic():
                    desk.lock(account_id=accounts[giver].pk)
                    desk.lock(account_id=accounts[taker].pk)

        with Crowd() as crowd:
            first = broken_after(crowd.do(one)["OperationalError"] > 0 for _round in range(MANY))
        assert first
        tell(f"T4's broken twin: a deadlock in round {first}")


EVERYTHING = (
    *("give", "give", "hold", "hold", "use", "use", "release", "restore", "restore", "again", "settle"),
    *("claw", "back", "expire", "night", "adjust"),
)


def some_are_gone(chance, at):
    """What a shop says of its baskets: some are gone, others live on."""

    def fates(holds):
        return {held.slot: ledger.HoldOutcome(is_gone=chance.random() < 0.3, until=at + HOUR) for held in holds}

    return fates


def anything(chance, accounts, number, step):
    """One operation that chance chooses, on an account that chance chooses."""
    account, key, at = chance.choice(accounts), f"{number}:{step}", later(hours=step)
    held = Hold.objects.filter(account=account).order_by("?").first()
    points = chance.randint(1, 40)
    match chance.choice(EVERYTHING):
        case "give":
            ready = chance.choice([at, later(hours=step + 3), None])
            give(account, points, source=f"order:{key}", at=at, ready=ready, until=later(hours=step + 5))
        case "hold":
            hold(account, points, slot=f"basket:{number}:{account.pk}", at=at)
        case "use" if held:
            capture(held, min(points, held.points), at=at)
        case "release" if held:
            ledger.release(hold_id=held.pk, account_id=account.pk, because=WHY, at=at)
        case "restore" if held:
            restore(held, points, key=f"r:{key}", goods_returned=chance.random() < 0.5, at=at)
        case "again" if held:
            fields = {"hold_id": held.pk, "account_id": account.pk, "key": f"u:{key}", "because": WHY, "at": at}
            ledger.use_again(points=min(points, held.returned or points), **fields)
        case "settle":
            ledger.settle_holds(
                account_id=account.pk, fates=some_are_gone(chance, at), at=at, keep=f"basket:{number}:1"
            )
        case "back":
            fields = {"account_id": account.pk, "source": f"order:{number}:{step - 1}", "key": f"b:{key}"}
            ledger.give_back(points=points, because=WHY, at=at, **fields)
        case "claw":
            claw(account, points, source=f"order:{number}:{step - 1}", key=f"c:{key}", at=at)
        case "expire":
            ledger.mature(account_id=account.pk, at=at)
            ledger.expire(account_id=account.pk, at=at)
        case "night":
            assert all(found >= 0 for _account, found in (*ledger.mature_due(at=at), *ledger.expire_due(at=at)))
        case "adjust":
            fields = {"key": f"m:{key}", "because": WHY, "actor": "staff:1", "note": "x", "at": at}
            ledger.adjust(account_id=account.pk, points=points - 20 or 1, **fields)


class TestEveryOperationOnFewAccounts:
    def test_leaves_the_books_in_order(self, tell):
        accounts, seed = a_few(3, points=200), random.randrange(10**6)
        outcomes = Counter()

        def one(number):
            chance = random.Random(seed + number)
            for step in range(STEPS):
                try:
                    anything(chance, accounts, number, step)
                    outcomes["done"] += 1
                except (NotEnoughPoints, NotAllowed, KeyMismatch) as refusal:
                    outcomes[type(refusal).__name__] += 1

        with Crowd() as crowd:
            result = crowd.do(one)
        assert result == {"done": CROWD}, f"seed {seed}: {result}"
        assert outcomes["done"] > CROWD * STEPS / 3
        assert_clean()
        tell(f"T5 in small, seed {seed}: {dict(outcomes)}, {Entry.objects.count()} entries, audit clean")
