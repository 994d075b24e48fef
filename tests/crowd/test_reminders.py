"""Twenty runners of the job at once: a member is told once that a sale is open, in every run."""

from datetime import timedelta
from itertools import count

import pytest
from django.db.models import QuerySet

from loyalty_oscar.exclusives import reminders
from loyalty_oscar.exclusives.models import Reminder
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Event
from tests.integration.exclusives.sales import a_member_of, a_sale
from tests.storefront import a_club, a_product

from .crowds import MANY, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
MEMBERS = 5
numbers = count(1)


def rush(runs):
    """Let all do the job at once, so many times; yields how many messages each member got."""
    unit, now = a_club(), clock.now()
    sale = a_sale(unit, a_product("Explorer carrier", "57.90"), doors=((0, now - timedelta(days=1)),), ends_at=None)
    users = [a_member_of(unit, 0, name=f"member{number}") for number in range(MEMBERS)]
    with Crowd() as crowd:
        for _ in range(runs):
            Event.objects.all().delete()
            Reminder.objects.all().delete()
            for user in users:
                member = unit.program.members.get(user=user)
                reminders.ask(sale=sale, member=member, words="One message.", at=now)
            done = crowd.do(lambda number: list(reminders.tell(at=clock.now())))
            told = Event.objects.filter(topic=reminders.TOPIC)
            yield done, told.count()


def without_lock(monkeypatch):
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **kwargs: self)


def without_key(monkeypatch):
    """A key that differs from runner to runner, as if the message had none."""
    monkeypatch.setattr(reminders, "key_of", lambda **about: f"{next(numbers)}")


class TestTwentyRunnersOfTheJob:
    def test_tell_each_member_once(self, tell):
        runs = runs_of(20)
        for done, messages in rush(runs):
            assert set(done) == {"done"}
            assert messages == MEMBERS
        tell(f"reminders of a sale: {MEMBERS} members told once, in {runs} runs of 20 runners")

    @pytest.mark.parametrize("broken", [without_lock, without_key])
    def test_tell_each_once_with_one_guard_alone(self, monkeypatch, broken):
        broken(monkeypatch)
        assert [messages for _done, messages in rush(3)] == [MEMBERS] * 3

    def test_would_tell_some_twice_without_both(self, monkeypatch):
        without_lock(monkeypatch)
        without_key(monkeypatch)
        assert broken_after(messages > MEMBERS for _done, messages in rush(MANY))
