"""What people tell of themselves, and how it is forgotten."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from secrets import token_hex
from typing import Any

from django.db import transaction

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member

from .models import Birthday, BuyerStats, ConfirmedAddress, Receipt, UnwantedMail
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


def choose_mails(*, member: Member, unwanted: Collection[str], offered: Collection[str], at: datetime) -> None:
    """
    Keep which mails a member does not want, of those that were offered (topics of events); other refusals stay.

    What was refused before keeps its day.
    """
    rows = UnwantedMail.objects.using(write_db())
    wanted = set(offered).difference(unwanted)
    refused = [UnwantedMail(member=member, topic=topic, since=at) for topic in sorted(set(offered) - wanted)]
    with transaction.atomic(using=write_db()):
        rows.filter(member=member, topic__in=wanted).delete()
        rows.bulk_create(refused, ignore_conflicts=True)


def forget_mails(*, member: Member) -> None:
    """Forget which mails a member did not want."""
    UnwantedMail.objects.using(write_db()).filter(member=member).delete()


def confirm_address(*, user_id: Any, mark: str, at: datetime) -> None:
    """Note that somebody reads the mailbox of a mark, its keyed hash; the latest one counts."""
    told = {"mark": mark, "confirmed_at": at}
    ConfirmedAddress.objects.using(write_db()).update_or_create(user_id=user_id, defaults=told)


def forget_buyer(*, member: Member) -> None:
    """Forget how a member bought, and who bought: what the orders were stays, as those of somebody unknown."""
    rows = Receipt.objects.using(write_db()).filter(member=member)
    rows.update(member=None, buyer=token_hex(32))
    BuyerStats.objects.using(write_db()).filter(member=member).delete()


def forget_purchases(*, user_id: Any) -> None:
    """Forget who bought, of receipts of somebody who was no member or is one with another by now."""
    Receipt.objects.using(write_db()).filter(buyer=f"u:{user_id}").update(buyer=token_hex(32))


def forget_address(*, user_id: Any) -> None:
    """Forget that somebody confirmed an address."""
    ConfirmedAddress.objects.using(write_db()).filter(user_id=user_id).delete()
