"""Terms of a program, typed on its page."""

from datetime import timedelta

import pytest
from django.urls import reverse

from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.program.models import TermsVersion
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory
from tests.integration.admin.test_program import formset
from tests.integration.admin.test_saved_unchanged import Form
from tests.storefront import TODAY, text_of


@pytest.fixture
def begin(root, unit):
    """Add terms that begin so many days from today, at midnight of the program."""

    def post(days):
        zone, url = unit.program.time_zone, reverse("admin:loyalty_program_program_change", args=[unit.program_id])
        first = local_day(at=TODAY, zone=zone) + timedelta(days=days)
        row = {"version": "1", "language": "en", "text": "Be nice."}
        row |= {"starts_at_0": first.isoformat(), "starts_at_1": "00:00:00"}
        with clock.at(TODAY):
            data = Form(root.get(url).content.decode()).data
            return root.post(url, data | formset("terms", [row]))

    return post


@pytest.mark.parametrize(("days", "refused"), [(-1, True), (0, False), (1, False)])
def test_they_begin_today_or_later_once_somebody_takes_part(begin, unit, days, refused):
    MemberFactory(program=unit.program)
    answer = begin(days)
    assert TermsVersion.objects.exists() != refused
    said = "Members joined without these terms, so they begin today or later."
    assert (answer.status_code == 200 and said in text_of(answer)) == refused


def test_they_may_have_begun_before_the_first_member(begin):
    assert begin(-100).status_code == 302
    assert TermsVersion.objects.exists()
