"""The page of the calendar of campaigns: a month as weeks; on a phone, as a list of the days that say something."""

from __future__ import annotations

from calendar import MONDAY, Calendar
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.kernel.periods import add_months, local_day
from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Program

from .calendar import Speech, speeches
from .forms.calendar import CalendarForm
from .sentences import without_letters


def calendar_of(*, data: Mapping[str, Any], programs: Sequence[Program], at: datetime) -> dict[str, Any]:
    """Return what stands on the page: the form, and the weeks of the month that it asks for where it makes sense."""
    asked = data.get("program", "")
    program = next((one for one in programs if one.code == asked), programs[0])
    today = local_day(at=at, zone=program.time_zone)
    form = CalendarForm(data, programs=programs, program=program, today=today)
    if not form.is_valid():
        return {"form": form}
    month = form.first
    said = speeches(program=program, month=month, at=at)
    around = (add_months(day=month, months=step) for step in (-1, 1))
    before, after = (
        {"query": f"program={program.code}&month={one:%Y-%m}", "name": words.month(one)} if form.has(one) else None
        for one in around
    )
    weeks = Calendar(MONDAY).monthdatescalendar(month.year, month.month)
    return {
        "form": form,
        "month": words.month(month),
        "before": before,
        "after": after,
        "is_empty": not said,
        "weekdays": [words.weekday(day) for day in weeks[0]],
        "weeks": [[_cell(day, month, today, said.get(day, ())) for day in week] for week in weeks],
    }


def _cell(day: date, month: date, today: date, said: Sequence[Speech]) -> dict[str, Any]:
    is_within = day.month == month.month
    return {
        "day": day,
        "name": words.day(day, zone="UTC", weekday=True),
        "is_within": is_within,
        "is_today": day == today and is_within,
        "said": [_told(one) for one in said] if is_within else [],
    }


def _told(speech: Speech) -> dict[str, Any]:
    campaign = speech.campaign
    url = reverse("admin:loyalty_journeys_campaign_change", args=[campaign.pk])
    return {"name": campaign.name, "url": url, "texts": list(in_words(speech=speech)), "is_over": speech.is_over}


def in_words(*, speech: Speech) -> Iterator[str]:
    """Yield to how many a campaign came or is to come, who is left out, and whose letter waits."""
    if speech.members is None:
        yield pgettext("loyalty", "To whom is not counted yet.")
        return
    told = {"count": money.number(speech.members)}
    if speech.is_over:
        yield npgettext("loyalty", "Came to %(count)s member.", "Came to %(count)s members.", speech.members) % told
        return
    yield npgettext("loyalty", "For %(count)s member.", "For %(count)s members.", speech.members) % told
    if speech.without:
        yield without_letters(campaign=speech.campaign, number=speech.without)
    if speech.close:
        text = npgettext(
            "loyalty",
            "%(count)s letter waits for the pause after another one.",
            "%(count)s letters wait for the pause after another one.",
            speech.close,
        )
        yield text % {"count": money.number(speech.close)}
