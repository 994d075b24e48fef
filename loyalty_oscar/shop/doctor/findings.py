"""Findings, and the round of all checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import connections, transaction

from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.registries import checks


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


def examine(*, at: datetime) -> Iterator[Finding]:
    """Make every check in order of its name; one that fails is a finding too, and keeps no other from its work."""
    if Program._meta.db_table not in connections[write_db()].introspection.table_names():
        yield Finding(level=Level.ERROR, about="tables", text="ours are not there yet", hint="Run `manage.py migrate`.")
        return
    for name, check in checks.items():
        if name.startswith("doctor:"):
            try:
                with transaction.atomic(using=write_db()):
                    found = list(check(at=at))
            except Exception as error:  # noqa: BLE001 - a store's own code may run here
                text = f"could not be looked at: {type(error).__name__}: {error}"
                found = [Finding(level=Level.ERROR, about=name.partition(":")[2].lstrip("0123456789-"), text=text)]
            yield from found
