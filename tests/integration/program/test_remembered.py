"""What a process remembers is remembered for a version: a change elsewhere is seen, by who writes at once."""

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from oscar.test.factories import UserFactory

from loyalty_oscar.program import clock, queries
from loyalty_oscar.program.models import PointWorth, ProductSet, Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import (
    begun_units,
    read_versions,
    remembered,
    shown_unit,
    unit_for_site,
    versions,
    worth_of,
)
from loyalty_oscar.shop.storefront.visit import Visit
from tests.points import points_club

pytestmark = pytest.mark.django_db


@pytest.fixture
def slow_machines_count_as_others_do():
    """Here the second itself is looked at."""


@pytest.fixture
def program():
    return points_club().program


@pytest.fixture
def later(monkeypatch):
    """Move the clock by which this process knows how old something is."""
    passed = [0.0]
    before = queries.time.monotonic
    monkeypatch.setattr(queries.time, "monotonic", lambda: before() + passed[0])
    return lambda seconds: passed.__setitem__(0, passed[0] + seconds)


def changed_elsewhere(program, *, minor):
    """What points are worth changes in another process, of which this one hears nothing."""
    PointWorth.objects.filter(program=program).update(minor=minor)
    Program.objects.filter(pk=program.pk).update(version=F("version") + 1)


def worth(program):
    return worth_of(program_id=program.pk)["EUR"].minor


class TestWhatIsRemembered:
    def test_is_asked_once_for_a_version(self):
        asked = []
        for version in (1, 1, 2):
            remembered(key="x", version=version, load=lambda: asked.append(1))
        assert len(asked) == 2

    def test_is_asked_each_time_where_there_is_no_version(self):
        asked = []
        for _time in range(2):
            remembered(key="x", version=None, load=lambda: asked.append(1))
        assert len(asked) == 2

    def test_is_a_minute_old_at_most_where_the_version_says_nothing(self, later):
        assert remembered(key="x", version=1, load=lambda: "old") == "old"
        later(59)
        assert remembered(key="x", version=1, load=lambda: "new") == "old"
        later(2)
        assert remembered(key="x", version=1, load=lambda: "new") == "new"


class TestAChangeInAnotherProcess:
    def test_is_seen_by_who_writes_a_second_later(self, program, later):
        before = worth(program)
        changed_elsewhere(program, minor=before + 1)
        later(1.5)
        read_versions()
        assert worth(program) == before + 1

    def test_is_shown_a_minute_later(self, program, later):
        before = worth(program)
        changed_elsewhere(program, minor=before + 1)
        later(58)
        assert worth(program) == before
        later(3)
        assert worth(program) == before + 1

    def test_is_shown_to_members_at_once(self, program, later):
        before, user = worth(program), UserFactory()
        join(program=program, user_id=user.pk, at=clock.now())
        visit = Visit(None, user)
        assert visit.once(key="worth", load=lambda: worth(visit.unit.program)) == before
        changed_elsewhere(program, minor=before + 1)
        later(1.5)
        assert worth(program) == before
        assert visit.member is not None
        assert visit.once(key="worth", load=lambda: worth(visit.unit.program)) == before + 1

    def test_that_closes_it_leaves_nobody_a_membership(self, program, later):
        user = UserFactory()
        join(program=program, user_id=user.pk, at=clock.now())
        visit = Visit(None, user)
        assert visit.unit is not None
        Program.objects.filter(pk=program.pk).update(state="closed", version=F("version") + 1)
        later(1.5)
        assert (visit.member, visit.unit) == (None, None)

    def test_of_its_state_is_seen_too(self, program, later):
        assert [unit.program.state for unit in begun_units()] == ["live"]
        assert shown_unit(site_id=1) is not None
        Program.objects.filter(pk=program.pk).update(state="closed")
        later(1.5)
        assert [unit.program.state for unit in begun_units()] == ["closed"]
        assert unit_for_site(site_id=1) is None
        assert shown_unit(site_id=1) is None


class TestAChangeHere:
    @pytest.mark.django_db(transaction=True)
    def test_forgets_what_another_thread_kept_before_it_was_committed(self, program):
        with transaction.atomic():
            PointWorth.objects.get(program=program).delete()
            assert remembered(key="kept", version=1, load=lambda: "old") == "old"
        assert remembered(key="kept", version=1, load=lambda: "new") == "new"


class TestTheVersions:
    def test_cost_one_query_a_second_and_none_in_between(self, program, later):
        begun_units()
        for seconds, queries_asked in ((0, 0), (1.5, 1), (0, 0)):
            later(seconds)
            with CaptureQueriesContext(connection) as found:
                begun_units()
            assert len(found) == queries_asked

    def test_count_up_for_all_programs_where_something_belongs_to_none(self, program):
        before = versions()
        ProductSet.objects.create(code="toys", name="Toys")
        assert [version for _pk, version, _state in versions()] == [version + 1 for _pk, version, _state in before]

    def test_never_count_down(self, program):
        stale = Program.objects.get(pk=program.pk)
        changed_elsewhere(program, minor=7)
        counted = Program.objects.get(pk=program.pk).version
        stale.name = "Purse"
        stale.save()
        found = Program.objects.get(pk=program.pk)
        assert (found.name, found.version) == ("Purse", counted + 1)
