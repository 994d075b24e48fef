"""Points for many members from a file of staff: who, points, reason; shown row by row first, then given at once."""

from __future__ import annotations

import codecs
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.db.models.functions import Lower
from django.utils.translation import pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Batch, Counter, Entry, Kind, Note
from loyalty_oscar.ledger.queries import bulk_given
from loyalty_oscar.program import actors, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program, Unit
from loyalty_oscar.program.queries import expiry_of, one_with
from loyalty_oscar.program.rows import write_rows

from .before import CHUNK
from .posting import accounts_of, take_back
from .sheet import BadFile, Columns, cells, is_formula, name_of

GIFTS = Columns(must=("who", "points", "reason"))
#: So many rows of one file; more are two files.
MOST_ROWS = 2000
MOST_POINTS = 10_000_000
DAY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class GiftRow:
    """A row of the file: `number` as a spreadsheet counts, what stands in it, and by column what is wrong with it."""

    number: int
    who: str
    typed: str
    reason: str
    user_id: Any = None
    called: str = ""
    points: int = 0
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gifts:
    """A file that was looked at; `mark` stands for its contents, `given` is the batch that gave it before."""

    unit: Unit
    mark: str
    rows: tuple[GiftRow, ...]
    given: Batch | None

    @property
    def points(self) -> int:
        """All points in sound rows."""
        return sum(row.points for row in self.rows if not row.faults)

    @property
    def is_sound(self) -> bool:
        """Whether every row can be given."""
        return not any(row.faults for row in self.rows)


def read_gifts(*, content: bytes, unit: Unit, staff: Any) -> Gifts:
    """
    Look at a file row by row and return what it says and what is wrong with it; writes nothing.

    Columns: `who` (e-mail address, user name or public id), `points`, `reason`. Raises `BadFile` where the file cannot
    be read at all.
    """
    # A browser that sends it back has other ends of lines.
    content = b"\n".join(content.removeprefix(codecs.BOM_UTF8).splitlines())
    found = list(cells(content=content, columns=GIFTS))
    if len(found) > MOST_ROWS:
        text = pgettext("loyalty", "there are %(rows)d rows; a file has up to %(most)d")
        raise BadFile([text % {"rows": len(found), "most": MOST_ROWS}])
    people = _People(unit.program, {row["who"] for _number, row in found}, staff)
    mark = name_of(content=content)
    return Gifts(
        unit=unit,
        mark=mark,
        rows=tuple(_row(number, row, people, unit) for number, row in found),
        given=Batch.objects.using(write_db()).filter(unit=unit, mark=mark).first(),
    )


def _row(number: int, row: Mapping[str, str], people: _People, unit: Unit) -> GiftRow:
    faults: dict[str, str] = {}
    for column, cell in row.items():
        # A sign before points is told with what points may be.
        if column != "points" and is_formula(cell):
            faults[column] = pgettext("loyalty", "This is a formula. Write the value itself.")
    user_id, called = None, ""
    if "who" not in faults:
        user_id, called, wrong = people.named(row["who"])
        faults |= {"who": wrong} if wrong else {}
    points = words.parse(unit=unit, text=row["points"]) or 0
    if not 1 <= points <= MOST_POINTS:
        text = pgettext("loyalty", "Write a whole number from 1 to %(most)s.")
        if unit.is_money:
            text = pgettext("loyalty", "Write an amount up to %(most)s.")
        faults["points"] = text % {"most": words.number(unit=unit, points=MOST_POINTS)}
        points = 0
    if not row["reason"]:
        faults.setdefault("reason", pgettext("loyalty", "Say why."))
    elif len(row["reason"]) > 300:
        faults["reason"] = pgettext("loyalty", "Write up to 300 characters.")
    said = {"who": row["who"], "typed": row["points"], "reason": row["reason"]}
    return GiftRow(number=number, user_id=user_id, called=called, points=points, faults=faults, **said)


class _People:
    """Who is meant by what stands in a file of somebody of staff; a few queries for all of it."""

    def __init__(self, program: Program, names: set[str], staff: Any) -> None:
        self.program, self._own = program, one_with(user_id=staff.pk, program_ids=[program.pk])[program.pk]
        self._ids: dict[str, list[tuple[Any, str]]] = {}
        wanted = sorted(filter(None, names))
        for start in range(0, len(wanted), CHUNK):
            self._find(wanted[start : start + CHUNK])
        users = [pk for found in self._ids.values() for pk, _name in found]
        members = Member.objects.using(write_db()).filter(program=program, user_id__in=users)
        self._members = set(members.values_list("user_id", flat=True))

    def _find(self, names: list[str]) -> None:
        User = get_user_model()
        users, lower = User._default_manager.using(write_db()), [name.lower() for name in names]
        for user in users.filter(**{f"{User.USERNAME_FIELD}__in": names}):
            self._add(user.get_username(), user)
        email = User.get_email_field_name()
        try:
            User._meta.get_field(email)
        except FieldDoesNotExist:
            email = ""
        if email:
            for user in users.annotate(loyalty_lower=Lower(email)).filter(loyalty_lower__in=lower):
                self._add(user.loyalty_lower, user)
        ids = [name for name in names if _is_public_id(name)]
        members = Member.objects.using(write_db()).filter(program=self.program, public_id__in=ids, user__isnull=False)
        for member in members.select_related("user") if ids else ():
            self._add(str(member.public_id), member.user)

    def _add(self, name: str, user: Any) -> None:
        found = self._ids.setdefault(name.lower(), [])
        if user.pk not in {pk for pk, _called in found}:
            found.append((user.pk, user.get_username()))

    def named(self, name: str) -> tuple[Any, str, str]:
        """Return whose name this is, how they sign in, and what is wrong with it."""
        if not name:
            return None, "", pgettext("loyalty", "Say who it is.")
        key = str(uuid.UUID(name)) if _is_public_id(name) else name.lower()
        found = self._ids.get(key, [])
        if not found:
            return None, "", pgettext("loyalty", "Nobody here is called that.")
        if len(found) > 1:
            return None, "", pgettext("loyalty", "Several people are called that. Write the public id.")
        [(user_id, called)] = found
        if user_id not in self._members and self.program.enrolment == Program.Enrolment.OPT_IN:
            return None, called, pgettext("loyalty", "Has not joined the program.")
        return user_id, called, pgettext("loyalty", "Nobody gives to themselves.") if user_id in self._own else ""


def _is_public_id(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


def left_today(*, staff: Any, at: datetime) -> int:
    """Return how many points somebody may still give from files, of the limit for the 24 hours up to now."""
    return max(0, conf.BULK_DAILY_LIMIT - bulk_given(actor=actors.staff(staff), since=at - DAY))


def give_all(*, gifts: Gifts, name: str, staff: Any, at: datetime) -> Batch:
    """
    Give what a sound file says, in one transaction, each row with an entry and a reason of its own.

    The same file again gives nothing: its batch is returned. Raises `NotAllowed` where a row is not sound, and above
    the limit of the day; nothing is given then.
    """
    if not gifts.is_sound:
        raise NotAllowed("a row of the file is not sound")
    unit, actor = gifts.unit, actors.staff(staff)
    with transaction.atomic(using=write_db()):
        # One desk at a time for each member of staff, so that two windows don't share a limit.
        get_user_model()._default_manager.using(write_db()).select_for_update().get(pk=staff.pk)
        told = {"name": name, "rows": len(gifts.rows), "points": gifts.points, "actor": actor, "at": at}
        batches = Batch.objects.using(write_db())
        if known := batches.filter(unit=unit, mark=gifts.mark).first():
            return known
        if gifts.points > left_today(staff=staff, at=at):
            raise NotAllowed("more points than are left for today")
        batch = batches.create(unit=unit, mark=gifts.mark, **told)
        accounts = accounts_of(unit, [row.user_id for row in gifts.rows], at)
        grants = [_grant(batch, row, accounts[row.user_id], at) for row in gifts.rows]
        ledger.post_many(grants=grants, at=at, actor=actor)
        _note(batch, gifts.rows)
    return batch


def _grant(batch: Batch, row: GiftRow, account_id: int, at: datetime) -> ledger.LotGrant:
    key = f"{batch.prefix}{row.number}"
    return ledger.LotGrant(
        account_id=account_id,
        points=row.points,
        key=key,
        source=key,
        because=Because("given_in_bulk"),
        kind=Kind.ADJUST,
        counter=Counter.ADJUSTMENT,
        available_at=at,
        expires_at=expiry_of(program=batch.unit.program, available_at=at),
    )


def _note(batch: Batch, rows: Iterable[GiftRow]) -> None:
    """Keep the reasons beside the entries, where they can be erased."""
    texts = {f"{batch.prefix}{row.number}": row.reason for row in rows}
    write_rows(rows=(Note(entry=entry, text=texts[entry.key]) for entry in entries_of(batch=batch)))


def entries_of(*, batch: Batch) -> list[Entry]:
    """Return the entries that a batch wrote: an index of what staff wrote finds them."""
    rows = Entry.objects.using(write_db()).filter(actor=batch.actor, created_at=batch.at, kind=Kind.ADJUST)
    rows = rows.exclude(actor="system").filter(key__startswith=batch.prefix)
    return list(rows.select_related("account").order_by("account_id", "pk"))


def undo_all(*, batch: Batch, staff: Any, at: datetime) -> int:
    """
    Take back everything that a batch gave, as one act; returns how many rows. What was undone row by row stays so.

    What is used already becomes points to make up, or the shop bears it, as the program says. Raises `NotAllowed` where
    it was undone before.
    """
    with transaction.atomic(using=write_db()):
        row = Batch.objects.using(write_db()).select_for_update().get(pk=batch.pk)
        if row.undone_at is not None:
            raise NotAllowed("this was undone before")
        taken = take_back(entries_of(batch=row), at=at, actor=actors.staff(staff))
        row.undone_at, row.undone_by = at, actors.staff(staff)
        row.save(using=write_db(), update_fields=["undone_at", "undone_by"])
    batch.undone_at, batch.undone_by = row.undone_at, row.undone_by
    return taken
