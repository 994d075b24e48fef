"""
A worker, and PostgreSQL itself, struck down while campaigns are planned, given and told.

Every gift is given exactly once and every letter leaves at most once. Every contract notice leaves at least once, and
once only where the mail server answered: blows fall in the middle of a send, too, between the message and its answer.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.core.mail import DNS_NAME
from django.db import connection, connections
from django.test import override_settings

from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.planning import find
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.people.models import Birthday
from loyalty_oscar.program.events import consumers
from loyalty_oscar.program.models import Delivery
from loyalty_oscar.shop.notices import deliver
from tests import services
from tests.integration.journeys.deeds import a_campaign, a_member, allows, says
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_club, day

from .crowds import FULL, broken_after
from .mailbox import ALL, Mailbox, mailbox

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not services.started, reason="a server that this run may stop: LOYALTY_TEST_DB=postgres"),
]
MEMBERS = 12
#: How often whom; a handful where nobody asks for more.
KILLS = 100 if FULL else 8


@pytest.fixture
def box(tmp_path):
    """A mail server: what it took, and how long it lets senders wait."""
    DNS_NAME.get_fqdn()  # Asked once, and not by each worker.
    with mailbox(tmp_path / "taken") as (box, port):
        smtp = "django.core.mail.backends.smtp.EmailBackend"
        with override_settings(EMAIL_BACKEND=smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=port):
            yield box


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


def plan_and_give(at: datetime) -> None:
    """The first part of what the jobs do with campaigns."""
    list(find(at=at))
    list(carry_out(at=at))


def work(at: datetime) -> None:
    """What the jobs do with campaigns."""
    plan_and_give(at)
    list(deliver(at=at))


def a_worker(at: datetime, what=work) -> int:
    """Let a process of its own do the work; returns its number."""
    connections.close_all()
    if pid := os.fork():
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with suppress(BaseException):
        what(at)
    os._exit(0)


def worker_dies(pid: int, box: Mailbox) -> None:
    """Kill a worker."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def database_dies(pid: int, box: Mailbox) -> None:
    """Kill PostgreSQL under a worker, and start it again; a mail server that is asked meanwhile hangs up."""
    with services.started[int(connection.settings_dict["PORT"])].away(signal.SIGQUIT):
        box.hangs_up.set()
        os.waitpid(pid, 0)


def while_planning_or_giving(at: datetime, box: Mailbox, strike, span: float, chance: random.Random) -> bool:
    """Strike at any moment before the first message is answered."""
    box.answer(0)
    pid = a_worker(at)
    time.sleep(chance.uniform(0, span))
    strike(pid, box)
    return True


def while_sending(at: datetime, box: Mailbox, strike, span: float, chance: random.Random) -> bool:
    """Strike while the mail server has some message and has not answered; returns False where none was sent."""
    box.answer(chance.randrange(2 * MEMBERS))
    pid = a_worker(at)
    while not box.holds.wait(0.01):
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            return False
    strike(pid, box)
    return True


def how_long(at: datetime) -> float:
    """Return how many seconds planning and giving take where nobody dies."""
    began = time.monotonic()
    os.waitpid(a_worker(at, plan_and_give), 0)
    return time.monotonic() - began


def years():
    """Noon of the birthday in one year after another."""
    return (day(6, 6, year) for year in range(2026, 2926))


def struck(kills, strike, span, at, chance, box):
    """Strike up to so often while the work of one day is done, then let it be done; returns how often, by place."""
    done = Counter()
    for number in range(kills):
        place = (while_planning_or_giving, while_sending)[number % 2]
        # What a dead worker was about to send waits longer each time.
        done[place.__name__] += place(at + timedelta(minutes=20 * number), box, strike, span, chance)
        box.hangs_up.set()
    box.answer(ALL)
    for hours in range(2, 200, 12):
        work(at + timedelta(hours=hours))
        if not Delivery.objects.filter(is_open=True).exists() and not Occurrence.objects.filter(is_open=True).exists():
            break
    return done


def wrong(campaign, at, box):
    """Return what is wrong with a day on which somebody was struck down."""
    source, found = f"birthday:{at.year}", []
    rows = Occurrence.objects.filter(campaign=campaign, source=source)
    if [*rows.values_list("state", flat=True)] != ["done"] * MEMBERS:
        found.append("not every gift")
    if Entry.objects.filter(key=f"campaign:{campaign.pk}:{source}").count() != MEMBERS:
        found.append("a gift twice or never")
    taken, answered = (
        {name: times for name, times in told.items() if f"birthday.{at.year}" in name}
        for told in (box.taken(), box.answered())
    )
    if any(times > 1 for name, times in taken.items() if name.startswith("<campaign.")):
        found.append("a letter twice")
    notices = [times for name, times in answered.items() if name.startswith("<points-gift.")]
    if len(notices) != MEMBERS:
        found.append("a contract notice never, or under another name")
    if any(times > 1 for times in notices):
        found.append("a contract notice twice though the mail server answered")
    return found


@pytest.mark.parametrize("strike", [worker_dies, database_dies], ids=["worker", "database"])
class TestWhoeverIsStruckDown:
    TOGETHER = 4

    def test_leaves_every_gift_once_every_letter_at_most_once_and_every_notice(
        self, strike, campaign, box, tell, monkeypatch
    ):
        # What is committed stays so when the server dies: elsewhere the tests wait for no disk.
        monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=on")
        connections.close_all()
        chance, days, kills = random.Random(14), years(), Counter()
        span = how_long(next(days))
        while kills.total() < KILLS:
            at = next(days)
            kills += struck(self.TOGETHER, strike, span, at, chance, box)
            assert wrong(campaign, at, box) == []
        assert_clean()
        campaign.refresh_from_db()
        assert campaign.given == Occurrence.objects.count()
        # In the middle of a send, as often as it is said: no letter and no notice came to an end that nobody knows.
        assert kills["while_sending"] >= KILLS // 4
        lost = Delivery.objects.filter(error="perhaps sent").count()
        told = ", ".join(f"{times} {place.replace('_', ' ')}" for place, times in kills.items())
        tell(f"campaigns, {strike.__name__.replace('_', ' ')}, {told}: each gift once, {lost} letters perhaps sent")


class TestAWorkerWhoseMessagesAreTriedOtherwise:
    """The twins: letters that are tried again, and contract notices that are not."""

    @pytest.mark.parametrize(
        ("name", "is_repeatable", "fault"),
        [("campaign-mail", True, "a letter twice"), ("mail", False, "a contract notice never, or under another name")],
    )
    def test_would_fail(self, name, is_repeatable, fault, campaign, box, monkeypatch, tell):
        usual = consumers.get(name)
        monkeypatch.setitem(consumers._things, name, replace(usual, is_repeatable=is_repeatable))
        chance, days = random.Random(14), years()
        span = how_long(next(days))

        def is_broken(at):
            struck(2, worker_dies, span, at, chance, box)
            return fault in wrong(campaign, at, box)

        first = broken_after(is_broken(at) for at in days)
        assert first
        tell(f"the twin whose {name} is {'' if is_repeatable else 'not '}tried again: {fault} on day {first}")
