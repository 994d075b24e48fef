"""Giving people what a checked file says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Counter, Entry, Kind, Note
from loyalty_oscar.ledger.operations.desk import lock_many
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.operations import join_many
from loyalty_oscar.program.rows import write_rows

from .before import CHUNK, ImportRow, merged
from .checking import Balances


def is_there(*, program: Program, name: str) -> bool:
    """Return whether the file of this name (`name_of`) was imported into the program already."""
    accounts = Account.objects.using(write_db()).filter(unit__program=program)
    return (
        Entry.objects.using(write_db())
        .filter(account__in=accounts, kind=Kind.IMPORT, key__startswith=f"import:{name}:")
        .exists()
    )


def post(*, balances: Balances, at: datetime, actor: str = "system") -> Iterator[int]:
    """
    Give everybody their points, in one transaction; yields after each portion how many rows were new.

    People without a membership join now. The same file again posts nothing. Two files at once lock in one order,
    whatever the order of their rows: first who joins by user, then the accounts by primary key, over all portions.
    """
    program, rows = balances.program, balances.rows
    with transaction.atomic(using=write_db()):
        accounts: dict[Any, int] = {}
        for user_ids in _portions(sorted(dict.fromkeys(row.user_id for row in rows), key=str)):
            accounts |= accounts_of(program.unit, user_ids, at)
        for some in _portions(sorted(rows, key=lambda row: (accounts[row.user_id], row.number))):
            grants = {row.number: _grant(balances, row, accounts[row.user_id], at) for row in some}
            new = ledger.post_many(grants=list(grants.values()), at=at, actor=actor)
            _note(some, grants)
            yield new


def _portions(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def accounts_of(unit: Unit, user_ids: Iterable[Any], at: datetime) -> dict[Any, int]:
    """Return the account of each of these people, made in one order where there is none; who is no member yet joins."""
    members = join_many(program=unit.program, joined_at=dict.fromkeys(user_ids, at))
    rows = [Account(member=members[user_id], unit=unit) for user_id in sorted(members, key=str)]
    write_rows(rows=rows, skip=True)
    accounts = Account.objects.using(write_db()).filter(unit=unit, member__in=members.values())
    return dict(accounts.values_list("member__user_id", "pk"))


def _grant(balances: Balances, row: ImportRow, account_id: int, at: datetime) -> ledger.LotGrant:
    key = row.key(file=balances.name)
    return ledger.LotGrant(
        account_id=account_id,
        points=row.points,
        key=key,
        source=key,
        because=Because("opening_balance"),
        kind=Kind.IMPORT,
        counter=Counter.ADJUSTMENT,
        available_at=at,
        expires_at=row.expires_at,
    )


def _note(rows: Iterable[ImportRow], grants: dict[int, ledger.LotGrant]) -> None:
    """Keep the references beside the entries, where they can be erased."""
    texts = {grants[row.number].key: row.reference for row in rows if row.reference}
    entries = Entry.objects.using(write_db()).filter(
        account_id__in={grant.account_id for grant in grants.values()}, key__in=list(texts), note__isnull=True
    )
    write_rows(rows=(Note(entry=entry, text=texts[entry.key]) for entry in entries))


def undo(*, balances: Balances, at: datetime, actor: str = "system") -> int:
    """
    Take back what a file brought along, in one transaction; returns how many rows. What was taken back before stays so.

    `balances` is the file as `read_known` reads it now. What is used already becomes points to make up, or the shop
    bears it, as the program says. The file stays known: what it says is not brought along again.
    """
    into = merged(program=balances.program)
    owners = ((owner, row) for row in balances.known for owner in {row.user_id, into.get(row.user_id, row.user_id)})
    keys = {(owner, row.key(file=balances.name)) for owner, row in owners}
    with transaction.atomic(using=write_db()):
        return take_back(list(_brought(balances.program, keys)), at=at, actor=actor)


def take_back(entries: Sequence[Entry], *, at: datetime, actor: str) -> int:
    """Reverse what a file brought, within the caller's transaction; returns how many entries were not reversed yet."""
    lock_many(account_ids=[entry.account_id for entry in entries])
    gone = Entry.objects.using(write_db()).filter(reverses__in=entries)
    undone = set(gone.values_list("reverses_id", flat=True))
    left = [entry for entry in entries if entry.pk not in undone]
    for entry in left:
        key = f"{entry.key}:undo"
        ledger.reverse(entry=entry, key=key, because=Because("undone_by_hand"), at=at, actor=actor)
    return len(left)


def _brought(program: Program, keys: set[tuple[Any, str]]) -> Iterator[Entry]:
    """Yield the entries of rows, each (user, key), account by account."""
    users = sorted({user_id for user_id, _key in keys}, key=str)
    for some in _portions(users):
        rows = Entry.objects.using(write_db()).filter(kind=Kind.IMPORT, account__unit__program=program)
        rows = rows.filter(account__member__user_id__in=some).select_related("account__member")
        for entry in rows.order_by("account_id", "pk"):
            if (entry.account.member.user_id, entry.key) in keys:
                yield entry
