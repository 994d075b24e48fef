"""
Imports that cross: two files in opposite order, and a file beside the jobs that walk through all accounts. Each locks
in one order, whatever the order of its rows, so that none waits for another in a circle and nobody's file is lost.
"""

import time
from collections import Counter
from datetime import timedelta
from itertools import count
from threading import Event

import pytest
from django.contrib.auth import get_user_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.program.operations import join_many
from loyalty_oscar.shop.imports import post, posting, read

from .crowds import MANY, PATIENCE, Crowd, broken_after, runs_of

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE, PORTION = 240, 20
HOUR = timedelta(hours=1)
#: After a second of waiting PostgreSQL looks for a circle, once; who closes it later is the one that dies.
NOT_ASKED_AGAIN = 1.5
User = get_user_model()
numbers = count(1)


@pytest.fixture(autouse=True)
def small_portions(monkeypatch):
    """Many portions, so that what one has locked matters for the next."""
    monkeypatch.setattr(posting, "CHUNK", PORTION)


def people():
    """Fresh accounts of the shop, who have not joined yet."""
    made = [User(username=f"u{next(numbers)}") for _ in range(PEOPLE)]
    return User.objects.bulk_create(made)


def join(unit, users):
    join_many(program=unit.program, joined_at=dict.fromkeys([user.pk for user in users], clock.now()))


def a_file(users, program, *, name):
    """A file that gives each of them 10 points, with a reference of its own."""
    rows = [f"{user.pk},10,{name}-{user.pk}" for user in users]
    return read(content="\n".join(["user,points,reference", *rows]).encode(), program=program, at=clock.now())


def balances():
    return Counter(Account.objects.values_list("available", flat=True))


def as_they_stand(monkeypatch):
    """The twin: portions as the rows stand in the file, and who joins as they come."""
    monkeypatch.setattr(posting, "sorted", lambda items, key=None: list(items), raising=False)


def crossing(unit, *, runs, joins):
    """Import two files about the same people at once, from above and from below; yields what came of each run."""
    known = [] if joins else people()
    join(unit, known)
    with Crowd(size=2) as crowd:
        for run in range(runs):
            users = known or people()
            down = a_file(users, unit.program, name=f"down-{run}")
            both = down, a_file(users[::-1], unit.program, name=f"up-{run}")
            yield crowd.do(lambda number, both=both: list(post(balances=both[number], at=clock.now())))


@pytest.mark.parametrize("joins", [True, False], ids=["who-join", "members"])
class TestTwoFilesInOppositeOrder:
    def test_are_both_brought_along(self, unit, joins, tell):
        runs = runs_of(20)
        total = sum(crossing(unit, runs=runs, joins=joins), Counter())
        assert total == {"done": 2 * runs}
        assert balances() == ({20: PEOPLE * runs} if joins else {20 * runs: PEOPLE})
        *_, last = audit()
        assert last.wrong == []
        tell(f"imports that cross, {'joining' if joins else 'members'}: 0 of {2 * runs} died")

    def test_would_lose_one_of_them_as_their_rows_stand(self, unit, joins, monkeypatch, tell):
        as_they_stand(monkeypatch)
        rounds = (result["OperationalError"] > 0 for result in crossing(unit, runs=MANY, joins=joins))
        first = broken_after(rounds)
        assert first
        tell(f"imports that cross, the broken twin: one died in round {first}")


def beside_jobs(unit, *, runs):
    """Import a file from below while one job makes ready what these people wait for, and one lets points run out."""
    users = people()
    join(unit, users)
    list(post(balances=a_file(users, unit.program, name="first"), at=clock.now()))
    accounts = list(Account.objects.values_list("pk", flat=True))
    with Crowd(size=3) as crowd:
        for run in range(runs):
            now = clock.now()
            told = {"points": 1, "because": Because("opening_balance")}
            for what, days in (("waits", {"available_at": now + HOUR}), ("ends", {"expires_at": now + HOUR})):
                days = {"available_at": now, **days}
                grants = [
                    ledger.LotGrant(account_id=pk, key=f"{what}:{run}", source=f"{what}:{run}", **told, **days)
                    for pk in accounts
                ]
                ledger.post_many(grants=grants, at=now)
            file = a_file(users[::-1], unit.program, name=f"up-{run}")

            begun = Event()

            def act(number, file=file, begun=begun, later=now + 2 * HOUR):
                if number == 0:
                    for portion, _new in enumerate(post(balances=file, at=later)):
                        begun.set()
                        time.sleep(NOT_ASKED_AGAIN if portion == 0 else 0)
                else:
                    assert begun.wait(PATIENCE)
                    list((ledger.mature_due, ledger.expire_due)[number - 1](at=later))

            yield crowd.do(act)


class TestAFileBesideTheJobs:
    def test_is_brought_along(self, unit, tell):
        runs = runs_of(20)
        total = sum(beside_jobs(unit, runs=runs), Counter())
        assert total == {"done": 3 * runs}
        assert balances() == {10 + 11 * runs: PEOPLE}
        *_, last = audit()
        assert last.wrong == []
        tell(f"imports beside mature and expire: 0 of {runs} died")

    def test_would_die_of_them_as_its_rows_stand(self, unit, monkeypatch, tell):
        as_they_stand(monkeypatch)
        first = broken_after(result["OperationalError"] > 0 for result in beside_jobs(unit, runs=MANY))
        assert first
        tell(f"imports beside mature and expire, the broken twin: one died in round {first}")
