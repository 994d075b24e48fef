"""A member with an account, short ways to move points, and ways to look at everything at once."""

from datetime import UTC, datetime, timedelta
from itertools import count

from django.db import connections
from django.forms.models import model_to_dict

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Hold, HoldLot, Lot, LotMove, Note
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.testing.factories import ProgramFactory
from tests.once import once

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
WHY = Because("adjusted")
TABLES = (Account, Entry, Note, Lot, LotMove, Hold, HoldLot)
_numbers = count(1)


def later(**units) -> datetime:
    """NOW, so much later."""
    return NOW + timedelta(**units)


@once
def a_unit(*, code: str = "club") -> Unit:
    """The spendable unit of a program that is live since an hour before NOW."""
    bare = {"is_default": False, "rule": None, "worth": None, "unit__names": {}}
    return ProgramFactory(code=code, live__at=later(hours=-1), **bare).unit


def an_account(unit: Unit | None = None) -> Account:
    """A new member's empty account."""
    unit = unit or a_unit()
    member = Member.objects.create(program=unit.program, joined_at=NOW)
    return ledger.open_account(member=member, unit=unit)


def give(account: Account, points: int, *, at: datetime = NOW, ready=NOW, until=None, source=None, **fields):
    """Give points under a key of their own; `ready` is when they can be used, `until` when they run out."""
    source = source or f"gift:{next(_numbers)}"
    fields.setdefault("key", f"{source}:earn")
    grant = ledger.LotGrant(
        account_id=account.pk,
        points=points,
        source=source,
        because=WHY,
        available_at=ready,
        expires_at=until,
        **fields,
    )
    return ledger.post(grant=grant, at=at)


def hold(account: Account, points: int, *, slot: str = "basket:1", at: datetime = NOW, until=None, asked=None) -> Hold:
    """Set points aside for half an hour."""
    until = until or at + timedelta(minutes=30)
    fields = {"slot": slot, "points": points, "asked": asked, "expires_at": until, "because": WHY, "at": at}
    return ledger.place_hold(account_id=account.pk, **fields)


def capture(held: Hold, points: int, *, at: datetime = NOW):
    """Use points of a hold."""
    return ledger.capture(hold_id=held.pk, account_id=held.account_id, points=points, because=WHY, at=at)


def restore(held: Hold, points: int, *, key: str, goods_returned: bool = False, at: datetime = NOW):
    """Give used points of a hold back."""
    return ledger.restore(
        hold_id=held.pk,
        account_id=held.account_id,
        points=points,
        key=key,
        goods_returned=goods_returned,
        because=WHY,
        at=at,
    )


def claw(account: Account, points: int, *, source: str, key: str, at: datetime = NOW, **fields):
    """Take points back from a source."""
    return ledger.claw_back(account_id=account.pk, source=source, points=points, key=key, because=WHY, at=at, **fields)


def balance(account: Account) -> tuple[int, int, int, int]:
    """What an account has: (ready, on the way, set aside, to make up)."""
    now = Account.objects.get(pk=account.pk)
    return now.available, now.pending, now.reserved, now.debt


def lots(account: Account) -> list[tuple[str, int, int, str]]:
    """The lots of an account, oldest first: (source, remaining, reserved, state)."""
    rows = Lot.objects.filter(account=account).order_by("pk")
    return [(lot.source, lot.remaining, lot.reserved, str(lot.state)) for lot in rows]


def kinds(account: Account) -> list[str]:
    """What happened to an account, oldest first."""
    return list(Entry.objects.filter(account=account).order_by("seq").values_list("kind", flat=True))


def dump(using: str = "default") -> dict[str, list]:
    """Every row of the ledger's tables, to compare before and after."""
    with connections[using].cursor() as cursor:
        rows = {}
        for model in TABLES:
            cursor.execute(f"SELECT * FROM {model._meta.db_table} ORDER BY id")
            rows[model.__name__] = [tuple(map(str, row)) for row in cursor.fetchall()]
    return rows


def fields_of(row) -> dict:
    """A row's fields by name."""
    return model_to_dict(row)


def wrong() -> list[tuple[int, str]]:
    """What the audit finds: (account, what is wrong)."""
    found: list[tuple[int, str]] = []
    for progress in audit():
        found = progress.wrong
    return found


def assert_clean() -> None:
    """The audit finds nothing, and all members and their counters sum to zero."""
    assert wrong() == []
    by_account = sum(account.net for account in Account.objects.all())
    assert by_account == sum(entry.net for entry in Entry.objects.all())
