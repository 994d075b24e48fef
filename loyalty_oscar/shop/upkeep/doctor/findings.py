"""Findings, and the round of all checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Protocol

from django.db import connections, transaction

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import REPORT, Failed, Hook
from loyalty_oscar.program.models import Program


class Level(StrEnum):
    """How bad it is: an `ERROR` breaks pages or loses points, a `WARNING` costs somebody something."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing found: `about` names the subject in a word or two, `hint` says what to do."""

    level: Level
    about: str
    text: str
    hint: str = ""


class DoctorCheck(Protocol):
    """Looks at one thing, each in a savepoint of its own."""

    def __call__(self, *, at: datetime) -> Iterable[Finding]:
        """Return what was found: what is the matter, and what to do; also that all is well."""
        ...


def _savepoint() -> transaction.Atomic:
    return transaction.atomic(using=write_db())


doctor_checks: Hook[DoctorCheck] = Hook("doctor_checks", DoctorCheck, on_error=REPORT, within=_savepoint)


def _asked(check: DoctorCheck, *, at: datetime) -> list[Finding]:
    """Return what a check found; it may return nothing. Raises `TypeError` for what is no finding."""
    found = list(check(at=at) or ())
    for wrong in (one for one in found if not isinstance(one, Finding)):
        raise TypeError(f"no Finding: {wrong!r}")
    return found


def examine(*, at: datetime) -> Iterator[Finding]:
    """Make every check in order; one that fails is a finding too, and keeps no other from its work."""
    if Program._meta.db_table not in connections[write_db()].introspection.table_names():
        yield Finding(level=Level.ERROR, about="tables", text="ours are not there yet", hint="Run `manage.py migrate`.")
        return
    for name, found in doctor_checks.handle(partial(_asked, at=at)):
        if isinstance(found, Failed):
            text = f"could not be looked at: {type(found.error).__name__}: {found.error}"
            yield Finding(level=Level.ERROR, about=name, text=text)
        else:
            yield from found
