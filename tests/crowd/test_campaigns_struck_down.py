"""
A worker, and PostgreSQL itself, struck down while campaigns are planned, given and told.

Every gift is given exactly once, every letter leaves at most once, and every contract notice at least once, always as
the same message.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, connections
from django.test import override_settings

from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.planning import find
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.people.models import Birthday
from loyalty_oscar.program.events import Consumer, consumers
from loyalty_oscar.program.models import Delivery
from loyalty_oscar.shop.notices import deliver
from tests import services
from tests.integration.journeys.deeds import a_campaign, a_member, allows, says
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_club, day

from .crowds import broken_after, runs_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not services.started, reason="a server that this run may stop: LOYALTY_TEST_DB=postgres"),
]
MEMBERS = 12
KILLS = runs_of(100)
#: So long a mail server takes after it has a message, so that some of those who wait for its answer die.
ANSWERS_IN = 0.01


class Kept(BaseEmailBackend):
    """A mail server that writes down which messages it took, whatever becomes of who sent them."""

    path = Path()

    def send_messages(self, messages):
        for message in messages:
            with self.path.open("a") as taken:
                taken.write(f"{message.extra_headers['Message-ID']}\n")
            time.sleep(ANSWERS_IN)
        return len(messages)


@pytest.fixture
def taken(tmp_path):
    """The messages that the mail server took, each with how often."""
    Kept.path = tmp_path / "taken"
    Kept.path.touch()
    with override_settings(EMAIL_BACKEND=f"{__name__}.Kept"):
        yield lambda: Counter(Kept.path.read_text().split())


@pytest.fixture
def campaign():
    """A promised gift for birthdays with a letter beside it, for members who all have theirs on one day."""
    unit = a_club()
    unit.program.letter_days = 0
    unit.program.save()
    for number in range(MEMBERS):
        member = allows(a_member(unit, f"m{number}@example.com"))
        Birthday.objects.create(member=member, day=6, month=6, set_at=TODAY)
    return says(a_campaign(unit, "birthday"))


def work(at: datetime) -> None:
    """What the jobs do with campaigns."""
    list(find(at=at))
    list(carry_out(at=at))
    list(deliver(at=at))


def a_worker(at: datetime) -> int:
    """Let a process of its own do the work; returns its number."""
    connections.close_all()
    if pid := os.fork():
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(BaseException):
        work(at)
    os._exit(0)


def struck_down(at: datetime, seconds: float) -> None:
    """Kill a worker after so long."""
    pid = a_worker(at)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def database_struck_down(at: datetime, seconds: float) -> None:
    """Kill PostgreSQL under a worker after so long, and start it again."""
    pid = a_worker(at)
    time.sleep(seconds)
    with services.started[int(connection.settings_dict["PORT"])].away(signal.SIGQUIT):
        os.waitpid(pid, 0)


def how_long(at: datetime) -> float:
    """Return how many seconds the work takes where nobody dies."""
    began = time.monotonic()
    os.waitpid(a_worker(at), 0)
    return time.monotonic() - began


def years():
    """Noon of the birthday in one year after another."""
    return (day(6, 6, year) for year in range(2026, 2926))


def struck(kills, strike, span, at, chance):
    """Strike so often while the work of one day is done, then let it be done; returns the moment at which it is."""
    for number in range(kills):
        strike(at + timedelta(minutes=number), chance.uniform(0, span))
    # A contract notice whose try died is tried again after some minutes, and each time later.
    for hours in range(1, 200, 12):
        work(at + timedelta(hours=hours))
        if not Delivery.objects.filter(is_open=True).exists() and not Occurrence.objects.filter(is_open=True).exists():
            break
    return at


def wrong(campaign, at, taken):
    """Return what is wrong with a day on which somebody was struck down."""
    source, found, told = f"birthday:{at.year}", [], taken()
    rows = Occurrence.objects.filter(campaign=campaign, source=source)
    if [*rows.values_list("state", flat=True)] != ["done"] * MEMBERS:
        found.append("not every gift")
    if Entry.objects.filter(key=f"campaign:{campaign.pk}:{source}").count() != MEMBERS:
        found.append("a gift twice or never")
    mine = {name: times for name, times in told.items() if f"birthday.{at.year}" in name}
    letters = [times for name, times in mine.items() if name.startswith("<campaign.")]
    if any(times > 1 for times in letters):
        found.append("a letter twice")
    if len([name for name in mine if name.startswith("<points-gift.")]) != MEMBERS:
        found.append("a contract notice never, or under another name")
    return found


@pytest.mark.parametrize("strike", [struck_down, database_struck_down], ids=["worker", "database"])
class TestWhoeverIsStruckDown:
    TOGETHER = 4

    def test_leaves_every_gift_once_and_every_letter_at_most_once(self, strike, campaign, taken, tell, monkeypatch):
        # What is committed stays so when the server dies: elsewhere the tests wait for no disk.
        monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=on")
        connections.close_all()
        chance, days, kills = random.Random(14), years(), 0
        span = how_long(next(days))
        while kills < KILLS:
            at = struck(self.TOGETHER, strike, span, next(days), chance)
            kills += self.TOGETHER
            assert wrong(campaign, at, taken) == []
        assert_clean()
        campaign.refresh_from_db()
        assert campaign.given == Occurrence.objects.count()
        lost = Delivery.objects.filter(error="perhaps sent").count()
        tell(f"campaigns, {kills} times {strike.__name__}: each gift once, no letter twice, {lost} perhaps sent")


class TestALetterThatIsTriedAgain:
    def test_would_leave_twice(self, campaign, taken, monkeypatch, tell):
        name = "campaign-mail"
        again = Consumer(topics=("campaign",), deliver=consumers.get(name).deliver, is_repeatable=True)
        monkeypatch.setitem(consumers._things, name, again)
        chance, days = random.Random(14), years()
        span = how_long(next(days))
        rounds = (wrong(campaign, struck(2, struck_down, span, at, chance), taken) for at in days)
        first = broken_after("a letter twice" in found for found in rounds)

        assert first
        tell(f"the twin whose letters are tried again: one twice on day {first}")
