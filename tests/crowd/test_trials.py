"""Several of staff have a program tried at once, or one clicks twice: a trial is there, and nobody sees an error."""

from datetime import timedelta

import pytest
from django.db import transaction

from loyalty_oscar.insights.models import Trial
from loyalty_oscar.program.models import Program
from loyalty_oscar.shop.insights import trials
from tests.storefront import TODAY, a_club

from .crowds import MANY, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 6


def ask(program):
    """What each click does."""
    return lambda number: trials.ask(program=program, months=3, actor=f"staff:{number}", at=TODAY)


def ask_unlocked(*, program, months, actor, at):
    """A trial as one writes it at first: the one before is deleted, and another saved."""
    told = {"since": at - timedelta(days=30 * months), "until": at, "share": 70, "asked_by": actor, "asked_at": at}
    with transaction.atomic():
        Trial.objects.filter(program=program).delete()
        Trial.objects.create(program=program, **told)


class TestATrialThatSeveralAskForAtOnce:
    @pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
    def test_is_there_once_and_nobody_sees_an_error(self, outer, tell):
        a_club()
        program, runs = Program.objects.get(), runs_of(50)
        with Crowd(size=SIZE, outer=outer) as crowd:
            found = sum((crowd.do(ask(program)) for _run in range(runs)), start=crowd.do(lambda number: None))
        assert found == {"done": (runs + 1) * SIZE}
        assert Trial.objects.get().finished_at == TODAY
        tell(f"a trial asked for by {SIZE} at once, {runs} runs: no error, one trial")

    def test_would_be_an_error_to_some_without_the_lock(self, monkeypatch, tell):
        monkeypatch.setattr(trials, "ask", ask_unlocked)
        a_club()
        program = Program.objects.get()
        with Crowd(size=SIZE) as crowd:
            broken = broken_after(set(crowd.do(ask(program))) != {"done"} for _run in range(MANY))
        assert broken
        tell(f"the same without the lock: an error in round {broken}")
