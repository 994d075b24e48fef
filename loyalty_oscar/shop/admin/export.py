"""The list of members as a CSV file, as it is narrowed and searched."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.text import capfirst
from django.utils.translation import pgettext

from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.program import words
from loyalty_oscar.program.csv_files import as_csv
from loyalty_oscar.program.naming import NAMES
from loyalty_oscar.program.worth import worth

from ..dashboard.members import member_columns

AT_ONCE = 500


def members_as_csv(*, members: Any) -> StreamingHttpResponse:
    """Return these members (as the list annotates them) as a file that spreadsheets open, a few hundred at a time."""
    return as_csv(rows=_rows(members), name="members")


def _rows(members: Any) -> Iterator[list[Any]]:
    columns = [(name, member_columns.get(name)) for name in member_columns]
    yield [
        pgettext("loyalty", "Public id"),
        pgettext("loyalty", "Program"),
        pgettext("loyalty", "First name"),
        pgettext("loyalty", "Last name"),
        pgettext("loyalty", "E-mail"),
        *(capfirst(column.label) for _name, column in columns),
        pgettext("loyalty", "Ready"),
        pgettext("loyalty", "Worth"),
        pgettext("loyalty", "On the way"),
        pgettext("loyalty", "To make up"),
        pgettext("loyalty", "Last order"),
        pgettext("loyalty", "Joined"),
    ]
    left = members.iterator(chunk_size=AT_ONCE)
    while some := list(islice(left, AT_ONCE)):
        told = _told(some)
        for member in some:
            yield _row(member, [told.get(name, {}).get(member.pk, "") for name, _column in columns])


def _told(members: list[Any]) -> dict[str, Any]:
    return dict(member_columns.handle(lambda column: column.texts(members=members)))


def _row(member: Any, added: list[str]) -> list[Any]:
    user, zone, unit = member.user, member.program.time_zone, member.program.unit_or_none
    email = getattr(user, type(user).get_email_field_name(), "") if user else ""
    return [
        member.public_id,
        member.program,
        *(getattr(user, name, "") for name in NAMES),
        email,
        *added,
        _points(unit, member.available),
        worth(unit=unit, points=member.available or 0) if unit else "",
        _points(unit, member.pending),
        _points(unit, member.debt),
        local_day(at=member.ordered_at, zone=zone) if member.ordered_at else "",
        local_day(at=member.joined_at, zone=zone),
    ]


def _points(unit: Any, points: int | None) -> Any:
    """Return points as a spreadsheet counts them; of a unit that is money, the amount."""
    return words.points(unit=unit, points=points or 0) if unit and unit.is_money else points or 0
