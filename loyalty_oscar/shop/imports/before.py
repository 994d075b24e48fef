"""What other files brought along before: a person and a reference count once, whatever the file is called."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty_oscar.ledger.models import Entry, Kind
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program

CHUNK = 1000
REFERENCE = "import:ref:"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRow:
    """A row that is sound. `number` is its line in the file as a spreadsheet counts, `expires_at` exclusive."""

    number: int
    user_id: Any
    points: int
    expires_at: datetime | None
    reference: str

    def key(self, *, file: str) -> str:
        """Return the key of its entry: the reference makes it once for all, else the file and the line."""
        return key_of(reference=self.reference, file=file, number=self.number)


def key_of(*, reference: str, file: str, number: int) -> str:
    """Return the key of a row. A reference is foreign text, so a sum of it stands there."""
    if not reference:
        return f"import:{file}:{number}"
    return REFERENCE + hashlib.blake2b(reference.encode(), digest_size=16).hexdigest()


def merged(*, program: Program) -> dict[Any, Any]:
    """Return who was merged into another member, with that one, on whose account what comes since then lies."""
    gone = Member.objects.using(write_db()).filter(program=program, user__isnull=False, merged_into__isnull=False)
    return dict(gone.values_list("user_id", "merged_into__user_id"))


class Before:
    """What these people got by imports into a program before. One query for a thousand of them."""

    def __init__(self, program: Program, user_ids: Collection[Any], file: str) -> None:
        self.file = file
        #: (person, key) and (person, reference) -> points. Older imports keep a reference beside the entry alone.
        self._keys: dict[tuple[Any, str], int] = {}
        self._references: dict[tuple[Any, str], int] = {}
        #: Person -> points that came by other files in rows with, and in rows without a reference.
        self._named: dict[Any, int] = {}
        self._nameless: dict[Any, int] = {}
        self._into = merged(program=program)
        ids = sorted({*user_ids, *(self._into[user_id] for user_id in user_ids if user_id in self._into)}, key=str)
        entries = Entry.objects.using(write_db()).filter(kind=Kind.IMPORT, account__unit__program=program)
        columns = ("account__member__user_id", "key", "note__text", "d_available", "d_debt")
        for start in range(0, len(ids), CHUNK):
            rows = entries.filter(account__member__user_id__in=ids[start : start + CHUNK])
            for user_id, key, reference, ready, owed in rows.values_list(*columns):
                self._note(user_id, key, reference or "", ready - owed)

    def _note(self, user_id: Any, key: str, reference: str, points: int) -> None:
        self._keys[user_id, key] = points
        if reference:
            self._references[user_id, reference] = points
        if not key.startswith(f"import:{self.file}:"):
            told = self._named if reference or key.startswith(REFERENCE) else self._nameless
            told[user_id] = told.get(user_id, 0) + points

    def stays(self, user_id: Any) -> Any:
        """Return on whose account lies what comes to somebody now."""
        return self._into.get(user_id, user_id)

    def points(self, *, user_id: Any, reference: str, number: int) -> int | None:
        """Return how many points this very row brought before; None where it is new."""
        key = key_of(reference=reference, file=self.file, number=number)
        for owner in (user_id, self.stays(user_id)):
            had = self._keys.get((owner, key), self._references.get((owner, reference)) if reference else None)
            if had is not None:
                return had
        return None

    def has(self, *, user_id: Any, reference: str, number: int) -> bool:
        """Return whether this very row was brought along before."""
        return self.points(user_id=user_id, reference=reference, number=number) is not None

    def knows(self, row: ImportRow) -> bool:
        """Return whether a row was brought along before."""
        return self.has(user_id=row.user_id, reference=row.reference, number=row.number)

    def warning(self, row: ImportRow) -> str:
        """Return what somebody should look at before this row is brought along, or nothing."""
        had = self.points(user_id=row.user_id, reference=row.reference, number=row.number)
        if had is not None:
            text = f"row {row.number}: {row.reference!r} brought {had:,} points before; the {row.points:,} add nothing"
            return text if had != row.points else ""
        other = self._nameless.get(row.user_id, 0) + (0 if row.reference else self._named.get(row.user_id, 0))
        if not other:
            return ""
        text = f"row {row.number}: this person got {other:,} points by another import"
        return f"{text}, and without references nobody can tell whether these {row.points:,} are the same"
