"""A case that twenty of staff decide at once, and opens again: one gift, by whichever guard is left."""

from collections import Counter

import pytest
from django.db.models import Sum

from loyalty_oscar.journeys import cases
from loyalty_oscar.journeys.answers import save_answer
from loyalty_oscar.journeys.models import Answer, Case
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Event
from loyalty_oscar.program.operations import give
from loyalty_oscar.shop.journeys.case_desk import settle
from tests.integration.journeys.deeds import a_member
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_club, a_user

from .crowds import CROWD, MANY, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
RUNS = runs_of(50)


def a_case(member, number):
    about = {"kind": "problem", "source": f"answer:{number}", "order_id": None, "at": TODAY}
    return cases.open_case(member=member, **about)[0]


def decide(case):
    """What each window does: decide a case as it saw it open."""
    told = {"promise": Promise(points=50), "reason": "Torn bag", "at": TODAY}
    return lambda number: cases.decide(case=Case.objects.get(pk=case.pk), actor=f"staff:{number}", **told)


def look_then_decide(*, case, promise, reason, actor, at):
    """A decision as one writes it at first: look whether it is open, give under a key of its own, then say so."""
    if Case.objects.get(pk=case.pk).state == "open":
        about = {"member_id": case.member_id, "promise": promise, "because": cases.Because("apology"), "at": at}
        give(**about, key=f"case:{case.pk}:{actor[6:]}")
        Case.objects.filter(pk=case.pk).update(state="given", decided_by=actor, reason=reason, decided_at=at)


class TestACaseThatTwentyDecideAtOnce:
    def run(self, member, crowd, run):
        """One run; returns how many entries, points and letters there were for it."""
        before = Account.objects.aggregate(points=Sum("available", default=0))["points"]
        case = a_case(member, run)
        crowd.do(decide(case))
        points = Account.objects.get().available - before
        entries = Entry.objects.filter(key__startswith=f"case:{case.pk}").count()
        return entries, points, Event.objects.filter(key=f"case:{case.pk}").count()

    @BOTH
    def test_gives_once_every_time(self, outer, tell):
        member = a_member(a_club())
        with Crowd(outer=outer) as crowd:
            found = Counter(self.run(member, crowd, run) for run in range(RUNS))

        assert found == {(1, 50, 1): RUNS}
        assert not Case.objects.exclude(state="given").exists()
        assert_clean()
        tell(f"a case, {RUNS} runs of {CROWD} {'in' if outer else 'without'} an outer transaction: one gift each")

    def test_gives_once_without_the_lock(self, monkeypatch, tell):
        monkeypatch.setattr(cases, "lock", lambda *, account_id: None)
        member = a_member(a_club())
        with Crowd() as crowd:
            found = Counter(self.run(member, crowd, run) for run in range(10))

        assert found == {(1, 50, 1): 10}
        assert_clean()
        tell("a case without the lock, 10 runs: one gift each, by the update of an open one and the key")

    def test_would_give_several_times_without_all_of_that(self, monkeypatch, tell):
        monkeypatch.setattr(cases, "decide", look_then_decide)
        member = a_member(a_club())
        with Crowd() as crowd:
            runs = (self.run(member, crowd, run) for run in range(MANY))
            first = broken_after(points > 50 for _entries, points, _letters in runs)

        assert first
        tell(f"the broken twin of a case: more than one gift in run {first}")

    def test_is_opened_again_once_and_takes_back_once(self):
        member = a_member(a_club())
        with Crowd() as crowd:
            for run in range(5):
                case = a_case(member, run)
                decide(case)(0)
                crowd.do(lambda number, pk=case.pk: cases.open_again(case=Case.objects.get(pk=pk), at=TODAY))
                case.refresh_from_db()
                assert (case.state, case.number, Account.objects.get().available) == ("open", 1, 0)
        assert_clean()


class TestOneOfStaffWithTwentyWindows:
    @BOTH
    def test_gives_no_more_than_the_limit_of_the_day(self, outer):
        member, staff = a_member(a_club()), a_user("staff@example.com")
        found = [a_case(member, number).pk for number in range(CROWD)]

        def one(number):
            told = {"promise": Promise(points=150), "reason": "Torn bag", "at": TODAY}
            settle(staff=staff, case=Case.objects.select_related("member").get(pk=found[number]), **told)

        with Crowd(outer=outer) as crowd:
            result = crowd.do(one)
        fits = conf.GOODWILL_DAILY_LIMIT // 150
        assert result == {"done": fits, "TooMuch": CROWD - fits}
        assert Account.objects.get().available == fits * 150


class TestAnAnswerThatIsSentTwentyTimesAtOnce:
    @BOTH
    def test_is_kept_once_and_opens_one_case(self, outer):
        member = a_member(a_club())
        told = {"member": member, "question": "problem", "choice": "wrong", "order_id": 7, "at": TODAY}
        with Crowd(outer=outer) as crowd:
            for run in range(5):
                about = {**told, "source": f"order:{run}:final"}
                result = crowd.do(lambda number, about=about: save_answer(**about, text="Torn"))
                assert result == {"done": CROWD}
        assert (Answer.objects.count(), Case.objects.count()) == (5, 5)
