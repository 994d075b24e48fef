"""The first standing of a member, made by an order, by staff and by the night at once: one, and no error."""

from collections import Counter

import pytest

from loyalty_oscar.program.operations import join
from loyalty_oscar.tiers import operations
from loyalty_oscar.tiers.models import Score, Standing
from loyalty_oscar.tiers.operations import give_tier, settle
from tests.integration.tiers.ladders import a_ladder, known
from tests.storefront import a_user, day

from .crowds import MANY, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
RUNS, SIZE = runs_of(50), 4


class TestTheFirstStanding:
    def race(self, crowd, ladder, number):
        """One run: staff give a level while the others settle the same new member; returns what came of it."""
        member = join(program=ladder.program, user_id=a_user(f"new{number}@example.com").pk, at=day(1, 2))
        Score.objects.create(member=member, order_id=10_000 + number, placed_at=day(3, 1), value=50_000)
        told = {"ladder": ladder, "at": day(3, 2)}

        def do(one):
            if one:
                settle(member_ids=[member.pk], **told)
            else:
                gold = ladder.known_tiers[2]
                give_tier(member_id=member.pk, tier=gold, until=None, reason="x", actor="staff:1", **told)

        return crowd.do(do)

    @BOTH
    def test_is_made_once_and_nobody_gets_an_error(self, outer, tell):
        ladder = known(a_ladder())
        with Crowd(size=SIZE, outer=outer) as crowd:
            found = sum((self.race(crowd, ladder, number) for number in range(RUNS)), Counter())

        assert found == {"done": RUNS * SIZE}
        assert Standing.objects.count() == RUNS
        tell(f"the first standing made by {SIZE} at once, {RUNS} runs {'in' if outer else 'without'} an outer one: ok")

    def test_would_fail_for_some_without_the_lock_on_the_member(self, monkeypatch, tell):
        monkeypatch.setattr(operations, "lock_members", lambda *, member_ids: None)
        ladder = known(a_ladder())
        with Crowd(size=SIZE) as crowd:
            first = broken_after(self.race(crowd, ladder, number)["IntegrityError"] > 0 for number in range(MANY))

        assert first
        tell(f"its broken twin, without the lock on the member: an error in run {first}")
