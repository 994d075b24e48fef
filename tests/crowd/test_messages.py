"""Several workers announce and deliver at the same time: each message leaves once."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connections
from oscar.core.loading import get_model

from loyalty_oscar.program import clock, delivery
from loyalty_oscar.program.models import Delivery, Event, Notice
from loyalty_oscar.shop.notices import announce_expiry, deliver
from loyalty_oscar.testing import a_program
from loyalty_oscar.testing.factories import MemberFactory

MEMBERS, WORKERS = 60, 4


@pytest.fixture
def at(transactional_db):
    """A shop in which every member has points that run out in four weeks."""
    now = clock.now()
    unit = a_program(live_from=now - timedelta(days=1))
    for number in range(MEMBERS):
        expiry = {"points__expires_at": now + timedelta(days=28)}
        MemberFactory(program=unit.program, joined_at=now, points=10 + number, points__at=now, **expiry)
    return now


def all_at_once(work):
    """Let all workers do the same work at the same time; a worker's fault is the test's."""
    faults, start = [], threading.Barrier(WORKERS)

    def worker():
        try:
            start.wait()
            list(work())
        except Exception as fault:  # noqa: BLE001 - shown below
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _worker in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


class TestManyWorkers:
    def test_announce_and_send_each_message_once(self, at):
        all_at_once(lambda: announce_expiry(at=at))
        assert Notice.objects.count() == Event.objects.count() == MEMBERS
        all_at_once(lambda: deliver(at=at))
        assert len({letter.message()["Message-ID"] for letter in mail.outbox}) == len(mail.outbox) == MEMBERS
        assert Delivery.objects.filter(done_at=at, attempts=1).count() == 2 * MEMBERS, "a mail and a row in the inbox"
        assert get_model("communication", "Notification").objects.count() == MEMBERS
        assert not Delivery.objects.filter(is_open=True).exists()

    def test_would_send_some_twice_without_the_lock(self, at, monkeypatch):
        list(announce_expiry(at=at))
        monkeypatch.setattr(delivery, "_locked", Unlocked)
        all_at_once(lambda: deliver(at=at))
        assert len(mail.outbox) > MEMBERS


class Unlocked:
    """Rows that are read without a lock; all workers have read before the first goes on, as long as all come."""

    met = threading.Barrier(WORKERS)

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, part):
        found = list(self.rows[part])
        with suppress(threading.BrokenBarrierError):
            self.met.wait(2)
        return found
