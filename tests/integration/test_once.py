"""A shop that was told before: the same rows, the same result, and the function itself where it could matter."""

import pytest
from django.db import connection, transaction
from django.db.models import Max
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.earning.models import RuleVersion
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.operations import change_state
from tests.everything import ours
from tests.storefront import a_club, a_user, day
from tests.storefront import boris as a_member_with_a_past

pytestmark = pytest.mark.django_db


def everything():
    """Every row of every table of ours."""
    return {model._meta.label: list(model._base_manager.order_by("pk").values()) for model in ours()}


def taken_back(tell):
    """What a function returns, the rows that it writes and the queries it asks; afterwards nothing of it is there."""
    with transaction.atomic():
        with CaptureQueriesContext(connection) as asked:
            result = tell()
        found = result, everything(), len(asked)
        transaction.set_rollback(True)
    return found


class TestAShopThatIsToldAgain:
    @pytest.mark.parametrize("tell", [a_club, a_member_with_a_past])
    def test_has_the_rows_of_the_first_time(self, tell):
        first, rows, _asked = taken_back(tell)
        again, the_same, asked = taken_back(tell)
        assert again == first
        assert again is not first
        assert rows == the_same
        assert asked < 20

    def test_is_asked_for_by_its_arguments(self):
        assert taken_back(a_club)[0].program.hold_days == 14
        assert taken_back(lambda: a_club(hold_days=3))[0].program.hold_days == 3
        assert taken_back(a_club)[0].program.hold_days == 14

    def test_stands_among_any_addresses(self, settings):
        settings.ROOT_URLCONF = "tests.functional.headless_urls"
        taken_back(a_club)
        assert taken_back(a_club)[2] < 20

    def test_can_be_worked_with(self):
        taken_back(a_club)
        unit = a_club()
        change_state(program=unit.program, to="paused", actor="system", at=day(5, 1))
        assert Program.objects.get().state == "paused"
        assert Program.objects.create(code="other").pk > unit.program.pk
        assert RuleVersion.objects.aggregate(Max("pk"))["pk__max"] >= 1
        assert taken_back(lambda: Unit.objects.get().program.state)[0] == "paused"

    def test_is_another_object_each_time(self):
        taken_back(a_club)
        taken_back(a_club)[0].program.hold_days = 99
        assert a_club().program.hold_days == 14


class TestAShopIsMadeByItsFunction:
    @pytest.fixture(autouse=True)
    def told(self, db):
        taken_back(a_club)
        assert not self.made()

    def made(self):
        """Whether it is made anew, though it was told before."""
        return taken_back(a_club)[2] > 20

    def test_where_the_code_is_patched(self, monkeypatch):
        monkeypatch.setattr("tests.once.READS", ())
        assert self.made()

    def test_where_a_setting_is_another(self, settings):
        settings.LOYALTY_DAYTIME = (9, 20)
        assert self.made()

    def test_where_something_stands_in_its_tables(self):
        Program.objects.create(code="another")
        assert self.made()

    @pytest.mark.django_db(transaction=True)
    def test_where_it_is_committed(self):
        a_user()
        with CaptureQueriesContext(connection) as asked:
            a_club()
        assert len(asked) > 20
