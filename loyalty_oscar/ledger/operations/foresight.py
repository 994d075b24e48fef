"""
What would be posted, and nothing is: the same operations on desks that read without a lock and write to memory alone.

Each account has one desk for the whole look ahead, so that a later operation sees what an earlier one did.
"""

from __future__ import annotations

import copy
import operator
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Unit

from ..models import Account, Entry, Hold, HoldLot, Kind, Lot
from .desk import AccountWriter, accounts_of, age, rows_of
from .recording import forget_since, looking_ahead, marks, note_down, only_here

Row = TypeVar("Row", bound=Model)


@contextmanager
def foreseen() -> Iterator[list[Entry]]:
    """
    Foresee what operations inside would post; yields the list of their entries, which are never saved.

    `post`, `post_many`, `schedule`, `mature`, `expire`, `extend`, `adjust`, `claw_back`, `claw_back_together`,
    `give_back`, `restore`, `use_again`, `reverse` and gifts work in it; what sets points aside, uses or releases them
    raises `LoyaltyError`. Nothing is locked and nothing is written. One inside another is like a savepoint: where it
    fails, what was foreseen in it is forgotten.
    """
    outer = looking_ahead.get()
    ahead = outer or Foresight()
    # The desks know the look ahead that they belong to: that one is not copied along.
    before = copy.deepcopy(vars(ahead), {id(ahead): ahead}) if outer else None
    token, told = looking_ahead.set(ahead), marks()
    try:
        with only_here(inside=outer is not None) as entries:
            yield entries
    except BaseException:
        if before is not None:
            vars(ahead).update(before)
            forget_since(told)
        raise
    finally:
        looking_ahead.reset(token)


def beside() -> list[str]:
    """Return in words what the look ahead would change beside points so far; nothing outside of one."""
    ahead = looking_ahead.get()
    return list(ahead.beside) if ahead else []


#: An account with at most so many rows of a kind is read once in a look ahead; a larger one is asked each time.
ORDINARY = 500


class Known:
    """Rows as they are, which no look ahead changes: whoever asks gets copies."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type, int], list[Any] | None] = {}
        self._accounts: dict[int, Account] = {}
        self._members: dict[int, list[int]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Known:
        return self

    def rows(self, model: type[Row], *, account_id: int, meets: Callable[[Row], bool]) -> list[Row] | None:
        """Return the rows of an account that meet something, oldest first; None where it has too many to know them."""
        if (model, account_id) not in self._rows:
            found = model._default_manager.using(write_db()).filter(account_id=account_id).order_by("pk")
            rows = list(found[: ORDINARY + 1])
            self._rows[model, account_id] = rows if len(rows) <= ORDINARY else None
        known = self._rows[model, account_id]
        return None if known is None else [copy.copy(row) for row in known if meets(row)]

    def account(self, account_id: int) -> Account:
        """Return an account, with its member and unit."""
        if account_id not in self._accounts:
            self._accounts[account_id] = _accounts().get(pk=account_id)
        return copy.copy(self._accounts[account_id])

    def of_member(self, member_id: int) -> list[int]:
        """Return the accounts of a member, and of those who were merged into the member."""
        if member_id not in self._members:
            keys = accounts_of(member_id=member_id).values("pk")
            found = {account.pk: account for account in _accounts().filter(pk__in=keys).order_by("pk")}
            self._members[member_id] = list(found)
            self._accounts |= {pk: account for pk, account in found.items() if pk not in self._accounts}
        return self._members[member_id]


class Foresight:
    """
    All that was foreseen so far: a desk for each account, what would be new, and in words what goes `beside` points.
    """

    def __init__(self) -> None:
        self.known = Known()
        self.desks: dict[int, ForeseeingDesk] = {}
        self.opened: dict[tuple[int, int], Account] = {}
        self.entries: list[Entry] = []
        self.beside: list[str] = []
        self.numbers = 0

    def number(self) -> int:
        """Return the number of a row that is never saved."""
        self.numbers -= 1
        return self.numbers

    def open_account(self, member: Member, unit: Unit) -> Account:
        """Return a member's account, or the one that would be opened."""
        key = (member.pk, unit.pk)
        if key not in self.opened:
            there = _accounts().filter(member=member, unit=unit).first()
            self.opened[key] = there or Account(pk=self.number(), member=member, unit=unit)
        return self.opened[key]

    def desk_of(self, account_id: int, *, at: datetime, actor: str) -> ForeseeingDesk:
        """Return the one desk of an account."""
        account = self.account(account_id)
        account_id = account.pk
        if account_id not in self.desks:
            self.desks[account_id] = ForeseeingDesk(ahead=self, account=account, at=at, actor=actor)
        found = self.desks[account_id]
        found.at, found.actor = at, actor
        return found

    def account(self, account_id: int) -> Account:
        """Return an account as it would be by now."""
        if account_id in self.desks:
            return self.desks[account_id].account
        opened = next((one for one in self.opened.values() if one.pk == account_id), None)
        found = opened or self.known.account(account_id)
        return found if found.passed_to_id is None else self.account(found.passed_to_id)

    def entries_of(
        self, *, key: str = "", start: str = "", account_id: int | None = None, member_id: int | None = None
    ) -> list[Entry]:
        """Return the entries of an account or a member by key, or by its start: those there, then those foreseen."""

        def meets(entry: Entry) -> bool:
            return entry.key == key if key else entry.key.startswith(start)

        of_member = [] if member_id is None else self.known.of_member(member_id)
        found: list[Entry] = []
        for pk in of_member if account_id is None else [account_id]:
            rows = self.known.rows(Entry, account_id=pk, meets=meets)
            found += rows_of(key=key, start=start, account_id=pk) if rows is None else rows
        mine = (
            one
            for one in self.entries
            if account_id in (None, one.account_id) and member_id in (None, one.account.member_id)
        )
        return found + [one for one in mine if meets(one)]

    def lots_of(self, *, account_id: int, source: str) -> list[Lot]:
        """Return the lots that a source brought an account, as they would be by now."""
        if account_id in self.desks:
            return self.desks[account_id].lots(source=source)
        rows = self.known.rows(Lot, account_id=account_id, meets=lambda lot: lot.source == source)
        return (
            list(Lot.objects.using(write_db()).filter(account_id=account_id, source=source)) if rows is None else rows
        )

    def given_by(self, entry: Entry) -> int:
        """Return how many points an entry gave, or one that was foreseen would give."""
        if entry.pk is None:
            made = self.desks[entry.account_id]._made
            return sum(lot.granted for lot in made if lot.entry.key == entry.key)
        lots = self.known.rows(Lot, account_id=entry.account_id, meets=lambda lot: lot.entry_id == entry.pk)
        return sum(lot.granted for lot in (entry.lots.using(write_db()) if lots is None else lots))

    @contextmanager
    def desk(self, *, account_id: int, at: datetime, actor: str) -> Iterator[ForeseeingDesk]:
        """Open the desk of an account for one operation; where that fails nothing has happened."""
        working = self.desk_of(account_id, at=at, actor=actor)
        before, told = copy.deepcopy(vars(working), {id(self): self}), len(self.entries)
        try:
            yield working
            working.close()
        except BaseException:
            vars(working).update(before)
            del self.entries[told:]
            raise


def _accounts() -> QuerySet[Account]:
    # Whoever foresees tells it to people, with names and units.
    return Account.objects.using(write_db()).select_related("member", "unit__program")


class ForeseeingDesk(AccountWriter):
    """A desk that keeps to itself what it would write, and reads on top of the rows what it kept before."""

    def __init__(self, *, ahead: Foresight, account: Account, at: datetime, actor: str) -> None:
        super().__init__(account=account, at=at, actor=actor)
        self.ahead = ahead
        self._kept: dict[int, Lot] = {}
        self._made: list[Lot] = []
        self._ran_out: Tally[int] = Tally()
        self._times: Tally[int] = Tally()
        self._holds: dict[int, Hold] = {}
        self._parts: dict[int, list[HoldLot]] = {}

    # Reading ---------------------------------------------------------------------------------------------------------

    def entry(self, key: str) -> Entry | None:
        return next(iter(self.ahead.entries_of(account_id=self.account.pk, key=key)), None)

    def known(self, lot: Lot) -> Lot:
        return self._changed.get(lot.pk) or self._kept.get(lot.pk, lot)

    def lots(self, **where: Any) -> list[Lot]:
        there = self.ahead.known.rows(Lot, account_id=self.account.pk, meets=lambda lot: _meets(lot, where))
        rows = {lot.pk: self.known(lot) for lot in (self._rows(**where) if there is None else there)}
        rows.update((lot.pk, lot) for lot in (*self._kept.values(), *self._changed.values(), *self._made))
        return sorted((lot for lot in rows.values() if _meets(lot, where)), key=_in_spending_order)

    def spendable(self) -> Iterator[Lot]:
        self._save_lots()
        yield from self.lots(is_open=True, state=Lot.State.OPEN, remaining__gt=0)

    def run_out(self, lots: Iterable[Lot]) -> int:
        found = list(lots)
        return super().run_out(found) + sum(self._ran_out[lot.pk] for lot in found)

    def times_run_out(self, lots: Iterable[Lot]) -> dict[int, int]:
        found = list(lots)
        before = super().times_run_out(found)
        return {lot.pk: before.get(lot.pk, 0) + self._times[lot.pk] for lot in found}

    def open_holds(self) -> list[Hold]:
        found = [self._holds.get(hold.pk, hold) for hold in super().open_holds()]
        return [hold for hold in found if hold.state == Hold.State.OPEN]

    def hold(self, hold_id: int) -> Hold:
        return self._holds.get(hold_id) or super().hold(hold_id)

    def parts(self, hold: Hold) -> list[HoldLot]:
        if hold.pk not in self._parts:
            self._parts[hold.pk] = super().parts(hold)
        found = [part for part in self._parts[hold.pk] if part.points]
        for part in found:
            part.lot = self.known(part.lot)
        return found

    def hold_with_parts(self, hold_id: int) -> tuple[Hold, list[HoldLot]]:
        hold = self.hold(hold_id)
        return hold, self.parts(hold)

    # Keeping ---------------------------------------------------------------------------------------------------------

    def save_hold(self, hold: Hold, *fields: str) -> None:
        self._holds[hold.pk] = hold

    def save_parts(self, parts: Iterable[HoldLot], *fields: str) -> None:
        pass  # They are the ones that `parts` remembers.

    def _store(self, entry: Entry, note: str) -> None:
        for pk, points in self._moves.items():
            if points and entry.kind == Kind.EXPIRE:
                self._ran_out[pk] += points
                self._times[pk] += 1
        for lot in self._new:
            lot.pk = self.ahead.number()
            self._settle_new(lot, entry)
            self._made.append(lot)
        self.ahead.entries.append(entry)
        note_down(entry)

    def _save_lots(self) -> None:
        self._settled_lots()

    def close(self) -> None:
        self._save_lots()
        self._kept.update(self._changed)
        self._changed.clear()


#: What rows may be asked for.
LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {"": operator.eq, "gt": operator.gt, "lte": operator.le}


def _meets(lot: Lot, where: dict[str, Any]) -> bool:
    """Return whether a lot, as it is in memory, is what rows were asked for."""
    for name, wanted in where.items():
        field, _dash, how = name.partition("__")
        value = getattr(lot, field)
        if (how and value is None) or not LOOKUPS[how](value, wanted):
            return False
    return True


def _in_spending_order(lot: Lot) -> tuple[bool, float, tuple[bool, int]]:
    """Soonest to run out first, then oldest."""
    until = lot.expires_at
    return until is None, until.timestamp() if until else 0, age(lot)
