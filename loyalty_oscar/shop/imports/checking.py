"""Rows against the shop: who is it, how many points, until when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.periods import start_of_day
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Member, Program, State
from loyalty_oscar.program.queries import expiry_of

from .before import CHUNK, Before, ImportRow
from .sheet import BadFile, cells, is_formula, name_of

MOST = 1_000_000_000
WHOLE, SIGNED = re.compile("[0-9]{1,19}"), re.compile("[-+][0-9]+([.,][0-9]+)?")
Numbered = tuple[int, dict[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Balances:
    """
    A file that was checked: `rows` bring something, `known` were brought along before and add nothing.

    `name` stands in the key of a row without a reference, so that the same file counts once. `warnings` are for people
    to judge, row by row.
    """

    name: str
    program: Program
    rows: tuple[ImportRow, ...]
    known: tuple[ImportRow, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """All points in the file."""
        return sum(row.points for row in self.rows)


def read(*, content: bytes, program: Program, at: datetime) -> Balances:
    """
    Check a file row by row and return what it says; writes nothing.

    Columns: `email` or `user` (its id), `points`, and if wanted `expires` (the last day, 2027-12-31; empty: the
    program's terms) and `reference`. A person and a reference count once, over all files. Raises `BadFile` with every
    mistake, by row and column.
    """
    if program.state in (State.CLOSING, State.CLOSED):
        raise NotAllowed(f"“{program.name}” is {program.state}; nothing is brought into it any more")
    name, check, found = _checked(content, program, at, _members(program))
    if check.errors:
        raise BadFile(check.errors)
    new = tuple(row for row in found if not check.before.knows(row))
    known = tuple(row for row in found if check.before.knows(row))
    warnings = [text for row in found if (text := check.before.warning(row))]
    return Balances(name=name, program=program, rows=new, known=known, warnings=tuple(warnings))


def read_known(*, content: bytes, program: Program, at: datetime) -> Balances:
    """
    Return what of a file was brought along before, for who takes it back; writes nothing.

    Rows that cannot be read now (somebody has left since) are passed over, each with a warning.
    """
    name, check, found = _checked(content, program, at, None)
    known = tuple(row for row in found if check.before.knows(row))
    return Balances(name=name, program=program, rows=(), known=known, warnings=tuple(check.errors))


def _checked(
    content: bytes, program: Program, at: datetime, members: set[Any] | None
) -> tuple[str, _Check, list[ImportRow]]:
    """Return the name of a file, its check with every mistake, and its sound rows."""
    rows = list(cells(content=content))
    people, name = _people(rows), name_of(content=content)
    ids = {pk for found in people.values() for pk in found}
    check = _Check(program=program, at=at, people=people, members=members, before=Before(program, ids, name))
    return name, check, [row for row in (check.row(number, cells) for number, cells in rows) if row]


def _people(rows: list[Numbered]) -> dict[str, list[Any]]:
    """Return the users of a file by what its cells call them (a few queries for all)."""
    cells = [row for _number, row in rows]
    by_id = bool(cells) and "user" in cells[0]
    return _by_id({row["user"] for row in cells}) if by_id else _by_email({row["email"].lower() for row in cells})


def _by_id(names: set[str]) -> dict[str, list[Any]]:
    wanted = sorted(filter(None, map(_plain_id, names)))
    users, found = get_user_model()._default_manager, {}
    for start in range(0, len(wanted), CHUNK):
        for pk in users.filter(pk__in=wanted[start : start + CHUNK]).values_list("pk", flat=True):
            found[str(pk)] = [pk]
    return found


def _by_email(wanted: set[str]) -> dict[str, list[Any]]:
    User, found = get_user_model(), {}
    field = User.get_email_field_name()
    try:
        User._meta.get_field(field)
    except FieldDoesNotExist:
        raise NotAllowed("this shop's users have no e-mail address; name the column user, with their ids") from None
    everybody = User._default_manager.exclude(**{field: ""}).values_list("pk", field)
    for pk, email in everybody.iterator(chunk_size=CHUNK):
        if email and email.lower() in wanted:
            found.setdefault(email.lower(), []).append(pk)
    return found


def _members(program: Program) -> set[Any] | None:
    """Return who may receive points where people must have joined by themselves; None where everybody may."""
    if program.enrolment == Program.Enrolment.AUTOMATIC:
        return None
    return set(Member.objects.filter(program=program).values_list("user_id", flat=True))


class _Check:
    """Checks rows one by one and keeps every mistake."""

    def __init__(
        self,
        *,
        program: Program,
        at: datetime,
        people: dict[str, list[Any]],
        members: set[Any] | None,
        before: Before,
    ) -> None:
        self.program, self.at, self.people, self.members, self.before = program, at, people, members, before
        self.default = expiry_of(program=program, available_at=at)
        self.errors: list[str] = []
        self._seen: dict[tuple[Any, str], int] = {}

    def row(self, number: int, cells: dict[str, str]) -> ImportRow | None:
        """Return a sound row, or None after noting what is wrong with it."""
        before = len(self.errors)
        for column, cell in cells.items():
            if is_formula(cell) and not (column == "points" and SIGNED.fullmatch(cell)):
                self.wrong(number, column, f"{cell!r} is a formula; write the value itself")
        if len(self.errors) > before:
            return None
        user_id = self.person(number, cells)
        points = self.points(number, cells["points"])
        reference = self.reference(number, cells.get("reference", ""))
        is_known = self.before.has(user_id=user_id, reference=reference, number=number)
        expires_at = None if is_known else self.expiry(number, cells.get("expires", ""))
        if user_id is not None:
            # What a reference names comes once to who was merged and to the one who stays: to the same account.
            person = self.before.stays(user_id) if reference and not is_known else user_id
            first = self._seen.setdefault((person, reference), number)
            if first != number:
                self.wrong(number, "reference", f"the same person and reference as in row {first}")
        if len(self.errors) > before:
            return None
        return ImportRow(number=number, user_id=user_id, points=points, expires_at=expires_at, reference=reference)

    def wrong(self, number: int, column: str, text: str) -> None:
        """Note a mistake."""
        self.errors.append(f"row {number}, {column}: {text}")

    def person(self, number: int, cells: dict[str, str]) -> Any:
        """Return the user of a row."""
        column = "email" if "email" in cells else "user"
        name = cells[column]
        found = self.people.get(name.lower() if column == "email" else _plain_id(name), [])
        if not found:
            self.wrong(number, column, f"nobody here is {name!r}" if name else "is empty")
        elif len(found) > 1:
            self.wrong(number, column, f"{len(found)} people have the address {name!r}; name the column user, with ids")
        elif self.members is not None and found[0] not in self.members:
            self.wrong(number, column, f"{name!r} has not joined the program")
        else:
            return found[0]
        return None

    def points(self, number: int, cell: str) -> int:
        """Return the points of a row."""
        unit = self.program.unit
        if unit.is_money:
            points, wanted = (
                words.parse(unit=unit, text=cell) or 0,
                f"amount up to {words.typed(unit=unit, points=MOST)}",
            )
        else:
            points, wanted = int(cell) if WHOLE.fullmatch(cell) else 0, f"whole number from 1 to {MOST}"
        if 1 <= points <= MOST:
            return points
        self.wrong(number, "points", f"{cell!r} is no {wanted}")
        return 0

    def expiry(self, number: int, cell: str) -> datetime | None:
        """Return when the points of a row run out."""
        if not cell:
            return self.default
        try:
            day = date.fromisoformat(cell)
            expires_at = start_of_day(day=day + timedelta(days=1), zone=self.program.time_zone)
        except (ValueError, OverflowError):
            self.wrong(number, "expires", f"{cell!r} is no day; write it like 2027-12-31")
            return None
        if expires_at <= self.at:
            self.wrong(number, "expires", f"{cell} is over")
        return expires_at

    def reference(self, number: int, cell: str) -> str:
        """Return the reference of a row."""
        if len(cell) > 100:
            self.wrong(number, "reference", "is longer than 100 characters")
        return cell


def _plain_id(text: str) -> str:
    """Return an id as it is written here; nothing for what can be none."""
    if text.isdigit() and len(text) > 18:
        return ""
    try:
        return str(get_user_model()._meta.pk.to_python(text))
    except ValidationError:
        return ""
