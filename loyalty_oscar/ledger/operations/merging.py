"""
Merging two members: what one had goes on at the other, lot by lot with its dates, and both logins lead there.

Every lot goes on, used ones too: so a return, a refund or a level that falls finds at the surviving account what it
would have found at the old one. The old account keeps its entries and passes on whatever is done at it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member, Merge
from loyalty_oscar.program.paying import being_paid

from ..models import Account, Counter, Hold, HoldLot, Kind, Lot
from .desk import LIKE, AccountWriter, desk, lock_many, open_account, outermost_retried
from .expiry import sweep
from .holds import let_go
from .recording import check_foresight


class CannotMerge(NotAllowed):
    """Two members cannot be merged, or a merge not be undone, now: `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"these members cannot be merged, or not be parted again: {code}")
        self.code = code


def why_not(*, member: Member, into: Member, at: datetime) -> str:
    """Return why one member cannot be merged into another, as far as they say themselves, or nothing. No query."""
    if member.pk == into.pk:
        return "oneself"
    if member.program_id != into.program_id:
        return "other_program"
    if any(one.merged_into_id is not None for one in (member, into)):
        return "merged_already"
    if any(one.erased_at is not None for one in (member, into)):
        return "erased"
    return "frozen" if any(one.is_frozen(at=at) for one in (member, into)) else ""


@outermost_retried
def merge(*, member: Member, into: Member, actor: str, at: datetime) -> Merge:
    """
    Merge a member into another one of the same program, in one transaction under the locks of both accounts.

    Points move with their dates, points to make up join, and features move what is theirs (`merge_parts`). What is set
    aside in open baskets of the member goes back first. Raises `CannotMerge` where `why_not` says so, and while
    such a basket is being paid for (`being_paid`); nothing has changed then.
    """
    check_foresight()
    with transaction.atomic(using=write_db()):
        pairs = _locked_pairs(member, into)
        gone, left = _fresh(member, into)
        if code := why_not(member=gone, into=left, at=at):
            raise CannotMerge(code)
        row = Merge.objects.using(write_db()).create(member=gone, into=left, at=at, actor=actor)
        accounts = [_pass_on(row, one, other, at, actor) for one, other in pairs]
        moved = dict(merge_parts.each("move", member=gone, into=left, at=at))
        # Who was merged into the member before comes along, so that nobody has to follow a chain.
        earlier = Member.objects.using(write_db()).filter(merged_into=gone)
        row.moved = {"accounts": accounts, "members": list(earlier.values_list("pk", flat=True)), "parts": moved}
        row.save(using=write_db(), update_fields=["moved"])
        earlier.update(merged_into=left)
        Member.objects.using(write_db()).filter(pk=gone.pk).update(merged_into=left)
    member.merged_into = into
    return row


def _locked_pairs(member: Member, into: Member) -> list[tuple[int, int]]:
    """Return the accounts of two members by kind of points, opened where they are missing and locked in order."""
    accounts = Account.objects.using(write_db()).filter(member__in=(member, into)).select_related("unit")
    units = {account.unit_id: account.unit for account in accounts}
    if (unit := member.program.unit_or_none) is not None:
        units.setdefault(unit.pk, unit)
    pairs = [
        (open_account(member=member, unit=unit).pk, open_account(member=into, unit=unit).pk)
        for _pk, unit in sorted(units.items())
    ]
    lock_many(account_ids=[pk for pair in pairs for pk in pair])
    return pairs


def _fresh(*members: Member) -> list[Member]:
    """Return members as they are once their accounts are locked."""
    rows = Member.objects.using(write_db()).select_related("program").in_bulk([member.pk for member in members])
    return [rows[member.pk] for member in members]


def _pass_on(row: Merge, old_id: int, new_id: int, at: datetime, actor: str) -> dict[str, Any]:
    """Let what is on one account go on at another; returns what undoing needs to know."""
    told: dict[str, Any] = {"old": old_id, "new": new_id}
    with desk(account_id=old_id, at=at, actor=actor) as old, desk(account_id=new_id, at=at, actor=actor) as new:
        _give_back_open(old, at)
        for one in (old, new):
            sweep(one)
        lots, debt = old.lots(), old.account.debt
        told |= {"debt": debt, "earned": old.account.lifetime_earned}
        told["is_netted"] = bool(debt and new.account.available) or bool(old.account.available and new.account.debt)
        twins = {lot.pk: new.go_on(lot) for lot in lots}
        if lots or debt:
            _write_both(row, old, new, lots, debt)
        holds = Hold.objects.using(write_db()).filter(account_id=old_id)
        told["holds"] = list(holds.order_by("pk").values_list("pk", flat=True))
        _move_holds(holds, new_id, {pk: twin.pk for pk, twin in twins.items()})
        new.account.lifetime_earned += old.account.lifetime_earned
    accounts = Account.objects.using(write_db())
    told["passed"] = list(accounts.filter(passed_to=old_id).values_list("pk", flat=True))
    accounts.filter(pk__in=[old_id, *told["passed"]]).update(passed_to=new_id)
    return told


def _write_both(row: Merge, old: AccountWriter, new: AccountWriter, lots: list[Lot], debt: int) -> None:
    """Write the two entries that name each other."""
    for lot in lots:
        if lot.remaining:
            old.take(lot, lot.remaining)
    old.owe(-debt)
    left = debt
    for lot in new.spendable() if debt else ():
        if part := min(left, lot.remaining):
            new.take(lot, part)
            left -= part
    new.owe(left)
    for working, other, what in ((old, new, "out"), (new, old, "in")):
        working.write(
            key=f"merge:{row.pk}:{what}",
            kind=Kind.TRANSFER,
            counter=Counter.TRANSFER,
            because=Because("merged_away" if what == "out" else "merged_in", merge=row.pk, account=other.account.pk),
        )


def _give_back_open(working: AccountWriter, at: datetime) -> None:
    held = working.open_holds()
    if held and being_paid(slots=[hold.slot for hold in held], at=at):
        raise CannotMerge("being_paid")
    for hold in held:
        let_go(working, hold, because=Because("merged_away"))


def _move_holds(holds: QuerySet[Hold], account_id: int, lots: dict[int, int]) -> None:
    """Let what was used go on at another account, in the lots that stand for its own there."""
    parts = list(HoldLot.objects.using(write_db()).filter(hold__in=holds.values("pk")))
    for part in parts:
        part.lot_id = lots.get(part.lot_id, part.lot_id)
    HoldLot.objects.using(write_db()).bulk_update(parts, ["lot"], batch_size=500)
    holds.update(account_id=account_id)


@outermost_retried
def unmerge(*, merge: Merge, actor: str, at: datetime) -> None:
    """
    Undo a merge while nothing that moved was used, taken back or made up: both members have what they had.

    What came to the surviving member since stays there. Raises `CannotMerge` with `undone_already`, `merged_on` (the
    surviving member was merged into another one), `erased` (nobody is there any more who could have it), `netted`
    (points paid what was to be made up), or `moved_on`.
    """
    check_foresight()
    with transaction.atomic(using=write_db()):
        told = merge.moved["accounts"]
        lock_many(account_ids=[pk for one in told for pk in (one["old"], one["new"])])
        row = Merge.objects.using(write_db()).select_for_update().get(pk=merge.pk)
        member, into = _fresh(row.member, row.into)
        if row.undone_at is not None:
            raise CannotMerge("undone_already")
        if into.merged_into_id is not None or member.merged_into_id != into.pk:
            raise CannotMerge("merged_on")
        if member.erased_at is not None:
            raise CannotMerge("erased")
        for one in told:
            Account.objects.using(write_db()).filter(pk=one["old"]).update(passed_to=None)
            Account.objects.using(write_db()).filter(pk__in=one["passed"]).update(passed_to=one["old"])
            _pass_back(row, one, at, actor)
        members = Member.objects.using(write_db())
        members.filter(pk=member.pk).update(merged_into=None)
        members.filter(pk__in=row.moved["members"]).update(merged_into=member)
        # In the parts' own order, as they moved: PostgreSQL keeps the names of what is stored by their length.
        moved = row.moved["parts"]
        for name in merge_parts:
            if name in moved:
                merge_parts.get(name).undo(member=member, into=into, moved=moved[name], at=at)
        row.undone_at, row.undone_by = at, actor
        row.save(using=write_db(), update_fields=["undone_at", "undone_by"])
    merge.undone_at, merge.undone_by = at, actor


def _pass_back(row: Merge, told: dict[str, Any], at: datetime, actor: str) -> None:
    if told["is_netted"]:
        raise CannotMerge("netted")
    about: dict[str, Any] = {"at": at, "actor": actor}
    with desk(account_id=told["old"], **about) as old, desk(account_id=told["new"], **about) as new:
        came, went = new.entry(f"merge:{row.pk}:in"), old.entry(f"merge:{row.pk}:out")
        if came is None or went is None:
            return
        twins = list(Lot.objects.using(write_db()).filter(entry=came).select_related("came_from").order_by("pk"))
        there = dict(went.moves.using(write_db()).values_list("lot_id", "points"))
        if new.account.debt < told["debt"] or any(_is_changed(twin, there) for twin in twins):
            raise CannotMerge("moved_on")
        for twin in twins:
            lot = twin.came_from
            if lot is not None and twin.remaining:
                for name in LIKE:
                    setattr(lot, name, getattr(twin, name))
                lot.state, points = twin.state, twin.remaining
                new.take(twin, points)
                old.put_back(lot, points)
        old.owe(told["debt"])
        new.owe(-told["debt"])
        for working, other, entry in ((new, old, came), (old, new, went)):
            working.write(
                key=f"{entry.key}:undo",
                kind=Kind.TRANSFER,
                counter=Counter.TRANSFER,
                because=Because("merge_undone", merge=row.pk, account=other.account.pk),
                reverses=entry,
            )
        holds = Hold.objects.using(write_db()).filter(pk__in=told["holds"])
        _move_holds(holds, told["old"], {twin.pk: twin.came_from_id for twin in twins if twin.came_from_id is not None})
        new.account.lifetime_earned -= told["earned"]


def _is_changed(twin: Any, there: dict[int, int]) -> bool:
    """Return whether a lot that went on is not as it came: points were used, set aside, taken back or ran out."""
    return bool(twin.reserved) or twin.remaining != there.get(twin.came_from_id, 0)
