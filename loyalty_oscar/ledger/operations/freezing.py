"""Freezing a member's points: from then on nothing is set aside, and what is set aside in open baskets goes back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import freezing
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Freeze, Member
from loyalty_oscar.program.paying import being_paid

from ..models import Account
from .desk import desk, lock_many, open_account, outermost_retried
from .holds import let_go


@outermost_retried
def freeze(*, member: Member, until: datetime | None, earns: bool, reason: str, actor: str, at: datetime) -> Freeze:
    """
    Let a member's points not be used from now on until a moment (None: until staff end it), in place of a freeze that
    is in force; without `earns` orders placed meanwhile bring nothing.

    Points set aside in open baskets go back; a basket that is being paid for keeps its own, because its price was
    promised. Raises `LoyaltyError` without a reason and for an end that is not ahead.
    """
    with transaction.atomic(using=write_db()):
        if (unit := member.program.unit_or_none) is not None:
            open_account(member=member, unit=unit)  # So that whoever sets points aside meets the lock.
        accounts = _locked(member)
        row = freezing.begin_freeze(member_id=member.pk, until=until, earns=earns, reason=reason, actor=actor, at=at)
        for account_id in accounts:
            with desk(account_id=account_id, at=at, actor=actor) as working:
                held = working.open_holds()
                paid = being_paid(slots=[hold.slot for hold in held], at=at) if held else ()
                for hold in held:
                    if hold.slot not in paid:
                        let_go(working, hold, because=Because("freeze_began"))
    member.frozen_since, member.frozen_until = at, until
    return row


@outermost_retried
def end_freeze(*, member: Member, actor: str, at: datetime) -> bool:
    """Let a member use points again; returns False where that was so already."""
    with transaction.atomic(using=write_db()):
        _locked(member)
        ended = freezing.end_freeze(member_id=member.pk, actor=actor, at=at)
    if ended:
        member.frozen_until = at
    return ended


def _locked(member: Member) -> list[int]:
    accounts = Account.objects.using(write_db()).filter(member=member).values_list("pk", flat=True)
    return sorted(lock_many(account_ids=list(accounts)))
