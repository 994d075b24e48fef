"""What people tell of themselves, and how it is forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member

from .models import Birthday, ConfirmedAddress
from .rules import is_day


def save_birthday(*, member: Member, day: int, month: int, at: datetime) -> Birthday:
    """
    Keep the day and month of a member's birthday, and since when they are known; told again they are known since then.

    Raises `LoyaltyError` for a day that no year has.
    """
    if not is_day(day=day, month=month):
        raise LoyaltyError("there is no such day")
    known = Birthday.objects.using(write_db()).filter(member=member, day=day, month=month).first()
    if known:
        return known
    told = {"day": day, "month": month, "set_at": at}
    return Birthday.objects.using(write_db()).update_or_create(member=member, defaults=told)[0]


def forget_birthday(*, member: Member) -> None:
    """Forget a member's birthday; gifts that were given stay."""
    Birthday.objects.using(write_db()).filter(member=member).delete()


def confirm_address(*, user_id: Any, mark: str, at: datetime) -> None:
    """Note that somebody reads the mailbox of a mark, its keyed hash; the latest one counts."""
    told = {"mark": mark, "confirmed_at": at}
    ConfirmedAddress.objects.using(write_db()).update_or_create(user_id=user_id, defaults=told)


def forget_address(*, user_id: Any) -> None:
    """Forget that somebody confirmed an address."""
    ConfirmedAddress.objects.using(write_db()).filter(user_id=user_id).delete()
