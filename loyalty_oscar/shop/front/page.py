"""What stands on the front page: each program in numbers and dates, what waits, the jobs, and where everything is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import npgettext, pgettext_lazy

from loyalty_oscar.ledger.flows import Flow
from loyalty_oscar.ledger.queries import moved_since, owed
from loyalty_oscar.program import contributions, words
from loyalty_oscar.program.events import consumers
from loyalty_oscar.program.models import Delivery, JobRun, Program, Unit
from loyalty_oscar.program.queries import count_members
from loyalty_oscar.program.worth import worth

from ..dashboard.links import admin_url
from ..dashboard.permissions import may_look
from ..models import OrderSync
from ..upkeep.jobs import titles
from ..upkeep.setup_page import may_set_up
from .checklist import checklist_of
from .links import list_url, row_url, tasks_of
from .planned import Planned, calendar_of

#: What counts as given on one line; the page of figures tells them apart.
GIVEN = (Flow.GIVEN, Flow.IMPORTED, Flow.BY_HAND)
#: The parts of the calendar, with their headings.
SPANS = {
    "now": pgettext_lazy("loyalty", "Now"),
    "next": pgettext_lazy("loyalty", "Next"),
    "over": pgettext_lazy("loyalty", "Over"),
}


def front_of(*, request: Any, at: datetime) -> dict[str, Any]:
    """
    Return what one person of staff sees on the front page.

    Who may not look at points sees where everything is, and no more.
    """
    user, looks = request.user, may_look(request.user)
    units = Unit.objects.select_related("program").order_by("program__name") if looks else ()
    programs = [_program(request, unit, at) for unit in units]
    return {
        "programs": programs,
        "is_open": not programs or any(row["open"] for row in programs),
        "is_empty": not Program.objects.exists(),
        "looks": looks,
        "waiting": list(_waiting(user)) if looks else [],
        "jobs": _jobs() if looks else [],
        "tasks": tasks_of(user=user),
        "setup_url": admin_url("loyalty_program_program_set_up") if may_set_up(user) else "",
        "choose_url": admin_url("loyalty_program_program_choose") if may_set_up(user) else "",
    }


def _program(request: Any, unit: Unit, at: datetime) -> dict[str, Any]:
    program, user = unit.program, request.user
    local = at.astimezone(ZoneInfo(program.time_zone))
    month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    moved, sums = moved_since(unit_id=unit.pk, since=month), owed(unit_id=unit.pk)
    calendar, checklist = calendar_of(program=program, at=at), checklist_of(program=program, at=at)

    return {
        "program": program,
        "unit": unit,
        "url": row_url(user, program),
        "members": count_members(program=program),
        "given": words.points(unit=unit, points=sum(moved[flow] for flow in GIVEN)),
        "back": words.points(unit=unit, points=-moved[Flow.BACK]),
        "used": words.points(unit=unit, points=-moved[Flow.USED]),
        "out": words.points(unit=unit, points=-moved[Flow.OUT]),
        "owed": words.points(unit=unit, points=sums.points),
        "owed_value": sums.points,
        "worth": worth(unit=unit, points=sums.points),
        "pieces": contributions.render("front:program", subject=unit, request=request),
        "calendar": [(title, [_told(user, one, program) for one in calendar[span]]) for span, title in SPANS.items()],
        "is_planned": any(calendar.values()),
        "checklist": checklist,
        "open": sum(not one.done for one in checklist),
    }


def _told(user: Any, one: Planned, program: Program) -> dict[str, Any]:
    dates = one.dates(zone=program.time_zone)
    return {"kind": one.kind, "name": str(one.row), "url": row_url(user, one.row), "dates": dates}


def _waiting(user: Any) -> Any:
    """Yield what could not be done, as a sentence and the list that names it."""
    orders = OrderSync.objects.filter(failures__gt=0).count()
    if orders:
        text = npgettext(
            "loyalty", "%(count)d order could not be counted.", "%(count)d orders could not be counted.", orders
        )
        yield text % {"count": orders}, list_url(user, OrderSync)
    # What a consumer that has left was to be told waits for nobody.
    messages = Delivery.objects.filter(consumer__in=list(consumers), is_open=True, attempts__gt=0).count()
    if messages:
        text = npgettext(
            "loyalty", "%(count)d message could not be sent yet.", "%(count)d messages could not be sent yet.", messages
        )
        yield text % {"count": messages}, list_url(user, Delivery)


def _jobs() -> list[dict[str, Any]]:
    """Return the jobs that ever ran, in the order in which they are done, each with what it does for the shop."""
    told = titles()
    order = {name: number for number, name in enumerate(told)}
    runs = sorted(JobRun.objects.all(), key=lambda run: (order.get(run.name, len(order)), run.name))
    return [{"title": told.get(run.name) or run.name, "run": run} for run in runs]
