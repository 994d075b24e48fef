"""Points on baskets at the same instant: nothing is used twice, nothing comes off an order for free."""

import random
import time
from collections import Counter
from itertools import count

import pytest
from django.db import OperationalError, transaction
from oscar.apps.payment.exceptions import UnableToTakePayment
from oscar.core.loading import get_model

from loyalty_oscar.kernel.errors import KeyMismatch, NotAllowed, NotEnoughPoints
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import desk as ledger_desk
from loyalty_oscar.redemption.models import Redemption
from tests.integration.ledger.books import TABLES, assert_clean, balance, give
from tests.points import reload

from .crowds import CROWD, MANY, Crowd, bare_copies, broken_after, runs_of
from .test_everything import a_few, anything, pass_on
from .using import (
    a_member,
    a_shop,
    baskets_of,
    lets_uses_be_repeated,
    many_baskets_of,
    place,
    placed,
    takes_what_is_there,
    undercharged,
    use,
    used,
    without_lock,
)

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
Order = get_model("order", "Order")
RUNS = runs_of(50)


def story(name, total):
    """The figures of some runs, in a line."""
    return f"{name}: " + ", ".join(f"{what} {count}" for what, count in sorted(total.items()))


def rush(shop, *, runs, size, ready, wanted, outer=False, search_path=""):
    """Let all baskets of a member ask for points at once; yields what came of it and the member."""
    with Crowd(size=size, outer=outer, search_path=search_path) as crowd:
        for run in range(runs):
            member = a_member(shop, ready, name=f"boris{run}")
            baskets = many_baskets_of(member, shop, size)
            yield crowd.do(lambda number, m=member, all_=baskets: use(shop, m, all_[number], wanted)), member


class TestTwentyBasketsThatWantTheWholeBalance:
    @BOTH
    def test_have_exactly_one_winner_every_time(self, outer, tell):
        total = Counter()
        for result, member in rush(a_shop(), runs=RUNS, size=CROWD, ready=100, wanted=100, outer=outer):
            assert result == {"done": 1, "Refused": CROWD - 1}
            assert balance(member.account) == (0, 0, 100, 0)
            total += result
        assert_clean()
        tell(story(f"T1 at the shop's desk, {RUNS} runs of {CROWD}{', in a transaction' * outer}", total))

    def test_would_all_get_it_without_lock_and_constraints(self, tell, monkeypatch):
        shop = a_shop()
        without_lock(monkeypatch)
        with bare_copies(*TABLES, Redemption) as search_path:
            runs = rush(shop, runs=MANY, size=CROWD, ready=100, wanted=100, search_path=search_path)
            first = broken_after(result["done"] > 1 for result, _member in runs)
        assert first
        tell(f"its broken twin: overdrawn in run {first}")


class TestTwoBasketsThatWantFiveHundredOfSevenHundred:
    @BOTH
    def test_have_exactly_one_winner_every_time_up_to_the_order(self, outer, tell):
        shop, winners = a_shop(), Counter()
        for result, member in rush(shop, runs=RUNS, size=2, ready=700, wanted=500, outer=outer):
            winners[result["done"]] += 1
            assert result == {"done": 1, "Refused": 1}
            for basket in member.baskets:
                placed(member, basket)
            assert used(member.account) == 500
            assert balance(member.account)[0] == 200
        assert sorted(order.total_incl_tax for order in Order.objects.all()) == [45] * RUNS + [50] * RUNS
        assert undercharged() == 0
        assert_clean()
        tell(f"500 of 700 points in two baskets{', in a transaction' * outer}: one winner in {winners[1]} of {RUNS}")

    def test_would_both_have_won_if_points_were_only_looked_at(self, tell, monkeypatch):
        shop = a_shop()
        without_lock(monkeypatch)
        with bare_copies(*TABLES, Redemption) as search_path:
            runs = rush(shop, runs=MANY, size=2, ready=700, wanted=500, search_path=search_path)
            first = broken_after(result["done"] == 2 for result, _member in runs)
        assert first
        tell(f"its broken twin, without lock and constraints: two winners in run {first}")


def lower_while_placing(shop, *, runs):
    """A page shows 500 points off; in another tab they become 100 while it is sent; yields what came of each."""
    with Crowd(size=2) as crowd:
        for run in range(runs):
            member = a_member(shop, 700, name=f"boris{run}")
            (basket,) = baskets_of(member, shop, 1)
            use(shop, member, basket, 500)
            previewed = reload(member.user, basket)

            def one(number, m=member, b=previewed):
                time.sleep(random.uniform(0, 0.02))
                if number:
                    place(m, b)
                else:
                    use(shop, m, b, 100)

            yield crowd.do(one), member


class TestPointsThatAreLoweredInAnotherTab:
    def test_leave_no_order_undercharged_every_time(self, tell):
        total = Counter()
        for result, member in lower_while_placing(a_shop(), runs=RUNS):
            assert set(result) <= {"done", "PointsUnavailable", "Refused"}
            assert used(member.account) in (0, 500)
            total += result
        assert total["PointsUnavailable"] + Order.objects.count() == RUNS
        assert undercharged() == 0
        assert_clean()
        tell(story(f"lowered in another tab, 0 of {Order.objects.count()} orders undercharged in {RUNS} runs", total))

    def test_would_undercharge_if_the_order_took_what_is_there(self, tell, monkeypatch):
        takes_what_is_there(monkeypatch)
        first = broken_after(undercharged() > 0 for _result in lower_while_placing(a_shop(), runs=MANY))
        assert first
        tell(f"its broken twin: undercharged in run {first}")


class TestAnOrderThatIsSentManyTimes:
    @pytest.mark.parametrize("numbered", ["one number", "numbers of their own"])
    def test_takes_its_points_once(self, numbered, tell):
        shop, total = a_shop(), Counter()
        with Crowd(size=4) as crowd:
            for run in range(8):
                member = a_member(shop, 700, name=f"boris{run}")
                (basket,) = baskets_of(member, shop, 1)
                use(shop, member, basket, 500)
                pages = [reload(member.user, basket) for _ in range(crowd.size)]
                numbers = [f"{run}-{n if numbered != 'one number' else 0}" for n in range(crowd.size)]
                result = crowd.do(lambda n, m=member, p=pages, i=numbers: place(m, p[n], number=i[n]))
                assert result["done"] == 1
                assert set(result) <= {"done", "PointsUnavailable", "IntegrityError", "ValueError"}
                assert used(member.account) == 500
                total += result
        assert Order.objects.count() == 8
        assert undercharged() == 0
        assert_clean()
        tell(story(f"one basket sent 4 times at once with {numbered}, 8 runs", total))

    def test_would_take_off_more_than_there_is_if_a_use_could_be_repeated(self, tell, monkeypatch):
        lets_uses_be_repeated(monkeypatch)
        shop = a_shop()
        with Crowd(size=4) as crowd:
            member = a_member(shop, 700)
            (basket,) = baskets_of(member, shop, 1)
            use(shop, member, basket, 500)
            pages = [reload(member.user, basket) for _ in range(crowd.size)]
            result = crowd.do(lambda n: place(member, pages[n], number=f"{n}"))
        assert result["done"] > 1
        assert undercharged() >= 1000
        tell(f"its broken twin: {result['done']} of 4 orders went through, {undercharged()} cents for nothing")


class TestAnOrderThatWasDeclined:
    def test_is_placed_once_with_its_points_when_it_is_tried_again_many_times(self, tell):
        shop, total = a_shop(), Counter()

        def decline_then_try(number, member, basket, run):
            if number == 0:
                with pytest.raises(UnableToTakePayment), transaction.atomic():
                    placed(member, basket, number=f"{run}-declined")
                    raise UnableToTakePayment
            placed(member, basket, number=f"{run}")

        with Crowd(size=4) as crowd:
            for run in range(8):
                member = a_member(shop, 700, name=f"boris{run}")
                (basket,) = baskets_of(member, shop, 1)
                use(shop, member, basket, 500)
                result = crowd.do(lambda n, m=member, b=basket, r=run: decline_then_try(n, m, b, r))
                assert (result["done"], used(member.account)) == (1, 500)
                assert balance(member.account)[0] == 200
                total += result
        assert Order.objects.filter(total_incl_tax=45).count() == Order.objects.count() == 8
        assert undercharged() == 0
        assert_clean()
        tell(story("declined and tried again from 4 tabs, 8 runs", total))


def insist(do):
    """Do something again after a conflict of transactions that its own tries did not settle; five times at most."""
    for left in reversed(range(5)):
        try:
            return do()
        except OperationalError as error:
            if error.__cause__.sqlstate not in ledger_desk.RETRIABLE or not left:
                raise
    return None


class TestEveryIsolationLevel:
    """T15: what is true under READ COMMITTED is true above it, where a person tries again up to five times."""

    LEVELS = pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])

    @LEVELS
    def test_has_one_winner_of_a_whole_balance(self, isolation, tell):
        shop, total = a_shop(), Counter()
        with Crowd(isolation=isolation) as crowd:
            for run in range(5):
                member = a_member(shop, 100, name=f"boris{run}")
                baskets = many_baskets_of(member, shop, CROWD)
                result = crowd.do(lambda n, m=member, all_=baskets: use(shop, m, all_[n], 100))
                assert result == {"done": 1, "Refused": CROWD - 1}
                assert balance(member.account) == (0, 0, 100, 0)
                total += result
        assert_clean()
        tell(story(f"T15, T1 under {isolation}, 5 runs", total))

    @LEVELS
    def test_conserves_points_that_are_passed_on(self, isolation, tell):
        accounts = a_few(4, points=1000)

        def one(number):
            for step in range(20):
                giver, taker = (number + step) % 4, (number + step + 1 + step % 3) % 4
                who = {"giver": accounts[giver], "taker": accounts[taker], "key": f"t:{number}:{step}"}
                insist(lambda who=who: pass_on(**who))

        with Crowd(size=4, isolation=isolation) as crowd:
            assert crowd.do(one) == {"done": 4}
        assert sum(Account.objects.values_list("available", flat=True)) == 4000
        assert_clean()
        tell(f"T15, T4 under {isolation}: passed on 80 times, 4000 of 4000 points")

    @LEVELS
    def test_leaves_the_books_in_order(self, isolation, tell):
        accounts, outcomes = a_few(3, points=200), Counter()

        def one(number):
            chance = random.Random(number)
            for step in range(25):
                try:
                    state = chance.getstate()
                    insist(lambda s=step, was=state: (chance.setstate(was), anything(chance, accounts, number, s)))
                    outcomes["done"] += 1
                except (NotEnoughPoints, NotAllowed, KeyMismatch) as refusal:
                    outcomes[type(refusal).__name__] += 1

        with Crowd(size=4, isolation=isolation) as crowd:
            assert crowd.do(one) == {"done": 4}
        assert_clean()
        tell(story(f"T15, T5 in small under {isolation}", outcomes))

    def test_would_fail_above_read_committed_if_nothing_was_tried_again(self, tell, monkeypatch):
        monkeypatch.setattr(ledger_desk, "RETRIES", 1)
        accounts = a_few(1, points=1000)

        def one(number):
            for step in range(20):
                give(accounts[0], 1, source=f"g:{number}:{step}:{next(rounds)}")

        rounds = count()
        with Crowd(size=4, isolation="repeatable read") as crowd:
            first = broken_after(crowd.do(one)["OperationalError"] > 0 for _round in range(MANY))
        assert first
        tell(f"T15's broken twin: an error in round {first}")
