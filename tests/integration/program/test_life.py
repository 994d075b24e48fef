"""The life of a program: dated steps, and what each lets happen."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import global_settings
from django.contrib.sites.models import Site
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from oscar.test.factories import UserFactory

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program import clock
from loyalty_oscar.program.languages import languages
from loyalty_oscar.program.models import Member, Phase, Program, ProgramSite, Unit
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import earns_at, expiry_of, unit_for_site
from tests.once import a_program

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


def after(**kwargs):
    return NOON + timedelta(**kwargs)


class TestAProgram:
    def test_earns_from_the_moment_it_first_went_live(self):
        program = a_program(live_from=NOON).program
        change_state(program=program, to="paused", actor="staff:1", at=after(days=1))
        change_state(program=program, to="live", actor="staff:1", at=after(days=3))
        program.refresh_from_db()
        assert program.earns_from == NOON
        phases = program.phases.all()
        moments = [after(minutes=-1), NOON, after(days=2), after(days=3)]
        assert [earns_at(phases=phases, at=at) for at in moments] == [False, True, False, True]

    def test_that_closes_earns_until_its_date_and_is_not_closed_before_members_could_use_their_points(self):
        program = a_program(live_from=NOON).program
        change_state(program=program, to="closing", actor="staff:1", at=after(days=1), earning_ends_at=after(days=10))
        phases = program.phases.all()
        assert [earns_at(phases=phases, at=after(days=day)) for day in (9, 10)] == [True, False]
        with pytest.raises(NotAllowed, match="until 2026-08-14"):
            change_state(program=program, to="closed", actor="staff:1", at=after(days=99))
        change_state(program=program, to="closed", actor="staff:1", at=after(days=100))
        assert [phase.state for phase in Phase.objects.all()] == ["live", "closing", "closed"]

    @pytest.mark.parametrize("to", ["draft", "closed", "live"])
    def test_takes_no_step_that_is_not_open(self, to):
        program = a_program(live_from=NOON).program
        with pytest.raises(NotAllowed):
            change_state(program=program, to=to, actor="staff:1", at=after(days=1))
        assert program.phases.count() == 1

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"time_zone": "Mars/Olympus"}, "time_zone"),
            ({"currency": "euro"}, "currency"),
            ({"code": "Paw Club"}, "code"),
            ({"hold_days": 400}, "hold_days"),
            ({"rounding": "block", "rounding_stage": "line"}, "rounding_stage"),
            ({"expiry": "fixed", "expiry_month": 2, "expiry_day": 31}, "expiry_day"),
            ({"expiry_months": 0}, "expiry_months"),
        ],
    )
    def test_refuses_nonsense_when_it_is_saved_in_a_form(self, fields, wrong):
        program = Program(**{"code": "club", "name": "Club", **fields})
        with pytest.raises(ValidationError) as refused:
            program.full_clean()
        assert set(refused.value.message_dict) == {wrong}

    def test_is_the_default_alone(self):
        a_program()
        with pytest.raises(ValidationError, match="default program already"):
            Program(code="other", name="Other", is_default=True).full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            Program.objects.create(code="other", name="Other", is_default=True)


class TestASite:
    def test_has_its_own_program_before_the_default(self):
        default = a_program()
        own = a_program(code="own", is_default=False)
        ProgramSite.objects.create(program=own.program, site_id=1)
        assert unit_for_site(site_id=1) == own
        assert unit_for_site(site_id=2) == default

    def test_has_its_own_program_also_where_the_default_names_other_sites(self):
        default, own = a_program(), a_program(code="own", is_default=False)
        ProgramSite.objects.create(program=own.program, site_id=1)
        other = Site.objects.create(domain="other.example", name="Other")
        ProgramSite.objects.create(program=default.program, site=other)
        assert unit_for_site(site_id=1) == own
        assert unit_for_site(site_id=other.pk) == default

    def test_of_a_draft_is_served_by_nobody(self):
        Unit.objects.create(program=Program.objects.create(code="draft", name="Draft", is_default=True))
        assert unit_for_site(site_id=1) is None


class TestAMember:
    def test_joins_once_and_keeps_the_day(self):
        program, user = a_program().program, UserFactory()
        first = join(program=program, user_id=user.pk, at=NOON)
        again = join(program=program, user_id=user.pk, at=after(days=3), terms_version=2)
        assert (again.pk, again.joined_at, again.terms_version) == (first.pk, NOON, 2)
        assert Member.objects.count() == 1


class TestExpiry:
    @pytest.mark.parametrize(
        ("fields", "at", "expected"),
        [
            ({}, "2026-05-05T10:00Z", "2027-05-31T22:00Z"),
            ({"expiry_months": 1}, "2026-01-31T10:00Z", "2026-02-28T23:00Z"),
            ({"expiry_months": 1}, "2028-01-31T10:00Z", "2028-02-29T23:00Z"),
            ({"expiry": "fixed"}, "2026-05-05T10:00Z", "2026-12-31T23:00Z"),
            ({"expiry": "fixed"}, "2026-12-31T10:00Z", "2027-12-31T23:00Z"),
            ({"expiry": "never"}, "2026-05-05T10:00Z", None),
            ({}, "2026-03-31T22:30Z", "2027-04-30T22:00Z"),
        ],
    )
    def test_is_the_end_of_a_month_or_a_day_in_the_zone_of_the_program(self, fields, at, expected):
        program = Program(time_zone="Europe/Berlin", **fields)
        found = expiry_of(program=program, available_at=datetime.fromisoformat(at))
        assert found == (datetime.fromisoformat(expected) if expected else None)


class TestTheClock:
    def test_stands_where_it_was_put_and_goes_on_afterwards(self):
        with clock.at(NOON):
            assert clock.now() == NOON
        assert clock.now() > NOON

    def test_takes_no_moment_without_a_zone(self):
        with pytest.raises(ValueError, match="aware"), clock.at(datetime(2026, 5, 6)):  # noqa: DTZ001
            clock.now()


class TestTheWordsOfPoints:
    def test_are_asked_for_in_a_hundred_languages_by_nobody(self, settings):
        settings.LANGUAGES = global_settings.LANGUAGES
        settings.LANGUAGE_CODE = "en-us"
        assert languages() == ["en", "de", "pl", "ru"]
