"""One member of staff with twenty windows: the limit of the day holds, whoever the points are for."""

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Sum

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.shop.dashboard import goodwill
from loyalty_oscar.testing import a_program

from .crowds import CROWD, Crowd

pytestmark = pytest.mark.django_db(transaction=True)
POINTS = 150


class TestTwentyWindowsOfOneOfStaff:
    @pytest.mark.parametrize("outer", [False, True], ids=["plain", "atomic-requests"])
    def test_give_no_more_than_the_limit_of_the_day(self, outer):
        users = get_user_model().objects
        unit, staff = a_program(), users.create_user("staff", "staff@example.com", "x", is_staff=True)
        people = [users.create_user(f"c{n}", f"c{n}@example.com", "x") for n in range(CROWD)]

        def give(number):
            about = {"points": POINTS, "reason": "Late", "token": uuid.uuid4(), "at": clock.now()}
            goodwill.give(staff=staff, user=people[number], unit=unit, **about)

        with Crowd(outer=outer) as crowd:
            result = crowd.do(give)
        fits = conf.GOODWILL_DAILY_LIMIT // POINTS
        assert result == {"done": fits, "TooMuch": CROWD - fits}
        assert Account.objects.aggregate(points=Sum("available"))["points"] == fits * POINTS
