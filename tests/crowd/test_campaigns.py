"""A bonus claimed by twenty windows at once, and a code word with points for ten that fifty people type (A4)."""

from collections import Counter

import pytest
from django.db.models import F

from loyalty_oscar.journeys import operations
from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.journeys.operations import act, use_word
from loyalty_oscar.ledger.models import Account, Entry
from tests.integration.journeys.deeds import a_campaign, a_member
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_club

from .crowds import CROWD, MANY, Crowd, bare_copies, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
RUNS, WORDS = runs_of(50), runs_of(20)
PEOPLE = 50


def claim(unit, member):
    """What each window does: claim the points for registering."""
    return lambda number: act(program=unit.program, user_id=member.user_id, occasion="sign-up", at=TODAY)


def no_lock(*, account_id):
    """An account that anybody may change at any time."""
    return Account.objects.get(pk=account_id)


def look_then_take(*, campaigns, points=None):
    """A budget as one writes it at first: look whether there is enough, then take."""
    campaign = Campaign.objects.get(pk=campaigns[0].pk)
    if campaign.budget - campaign.spent < campaign.points:
        raise operations.NothingLeft
    Campaign.objects.filter(pk=campaign.pk).update(given=F("given") + 1, spent=F("spent") + campaign.points)
    return campaign


class TestASignUpBonusClaimedTwentyTimesAtOnce:
    def run(self, unit, crowd, run):
        """One run; returns how many awards, points in the account, and points counted there were."""
        Campaign.objects.update(given=0, spent=0)
        member = a_member(unit, f"new{run}@example.com")
        crowd.do(claim(unit, member))
        awards = Occurrence.objects.filter(member_id=member.pk).count()
        return awards, Account.objects.get(member_id=member.pk).available, Campaign.objects.get().spent

    @BOTH
    def test_is_given_once_every_time(self, outer, tell):
        unit = a_club()
        a_campaign(unit, "sign-up")
        with Crowd(outer=outer) as crowd:
            found = Counter(self.run(unit, crowd, run) for run in range(RUNS))

        assert found == {(1, 50, 50): RUNS}
        assert Entry.objects.count() == RUNS
        assert_clean()
        tell(f"A4, {RUNS} runs of {CROWD} {'in' if outer else 'without'} an outer transaction: one bonus each")

    def test_is_given_once_of_two_campaigns(self, tell):
        unit = a_club()
        a_campaign(unit, "sign-up"), a_campaign(unit, "sign-up", points=20)
        members = [a_member(unit, f"new{run}@example.com") for run in range(10)]
        with Crowd() as crowd:
            for member in members:
                crowd.do(claim(unit, member))

        assert [*Occurrence.objects.values_list("points", flat=True)] == [50] * 10
        assert [*Account.objects.values_list("available", flat=True)] == [50] * 10
        assert_clean()
        tell("A4 with two campaigns of one occasion, 10 runs: the one that gives most, once, by the lock")

    def test_is_given_once_by_the_constraint_alone(self, monkeypatch, tell):
        monkeypatch.setattr(operations, "lock", no_lock)
        unit = a_club()
        a_campaign(unit, "sign-up")
        with Crowd() as crowd:
            found = Counter(self.run(unit, crowd, run) for run in range(10))

        assert found == {(1, 50, 50): 10}
        assert_clean()
        tell("A4 without the lock, 10 runs: one bonus each, by UNIQUE (campaign, member, source)")

    def test_would_be_given_several_times_without_lock_and_constraint(self, monkeypatch, tell):
        monkeypatch.setattr(operations, "lock", no_lock)
        unit = a_club()
        a_campaign(unit, "sign-up")
        with bare_copies(Occurrence) as search_path, Crowd(search_path=search_path) as crowd:
            runs = (self.run(unit, crowd, run) for run in range(MANY))
            first = broken_after(awards > 1 and given > 50 for awards, _points, given in runs)

        assert first
        tell(f"A4's broken twin: more than one award in run {first}")


class TestACodeWordForTenThatFiftyPeopleType:
    def run(self, unit, crowd, members, run):
        """One run with a word of its own; returns how many people got its points, and what was counted."""
        campaign = a_campaign(unit, "word", code=f"word-{run}", word=f"word{run}", budget=500)
        told = {"program": unit.program, "word": campaign.word, "at": TODAY}
        crowd.do(lambda number: use_word(user_id=members[number].user_id, **told))
        return Occurrence.objects.filter(campaign_id=campaign.pk).count(), Campaign.objects.get(pk=campaign.pk).spent

    def people(self, unit):
        return [a_member(unit, f"m{number}@example.com") for number in range(PEOPLE)]

    @BOTH
    def test_is_given_to_exactly_ten(self, outer, tell):
        unit = a_club()
        members = self.people(unit)
        with Crowd(outer=outer, size=PEOPLE) as crowd:
            found = Counter(self.run(unit, crowd, members, run) for run in range(WORDS))

        assert found == {(10, 500): WORDS}
        assert sum(Account.objects.values_list("available", flat=True)) == WORDS * 500
        assert_clean()
        tell(f"a code word with 10 gifts, {PEOPLE} at once, {'in' if outer else 'no'} outer: 10 in {WORDS} runs")

    def test_is_never_overdrawn_by_the_constraint_alone(self, monkeypatch, tell):
        monkeypatch.setattr(operations, "take_from_budget", look_then_take)
        unit = a_club()
        members = self.people(unit)
        with Crowd(size=PEOPLE) as crowd:
            found = [self.run(unit, crowd, members, run) for run in range(10)]

        assert found == [(10, 500)] * 10
        assert_clean()
        tell("the code word, budget looked at before it is taken, 10 runs: 10 gifts by the CHECK alone")

    def test_would_be_overdrawn_without_both(self, monkeypatch, tell):
        monkeypatch.setattr(operations, "take_from_budget", look_then_take)
        unit = a_club()
        members = self.people(unit)
        with bare_copies(Campaign, Occurrence) as search_path, Crowd(search_path=search_path, size=PEOPLE) as crowd:
            runs = (self.run(unit, crowd, members, run) for run in range(MANY))
            first = broken_after(given > 500 for _awards, given in runs)

        assert first
        tell(f"the code word's broken twin: more than the budget in run {first}")
