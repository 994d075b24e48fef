"""Days as short as the room under a chart, and above a column of a calendar."""

from datetime import date

import pytest
from django.utils import translation

from loyalty_oscar.program import words


@pytest.mark.parametrize(
    ("language", "day", "weekday"),
    [("en", "6 Sep", "Sun"), ("de", "6. Sept.", "So."), ("pl", "6 wrz", "niedz."), ("ru", "6 сент.", "вс")],
)
def test_short_days_are_as_people_write_them(language, day, weekday):
    with translation.override(language):
        assert (words.short_day(date(2026, 9, 6)), words.weekday(date(2026, 9, 6))) == (day, weekday)
