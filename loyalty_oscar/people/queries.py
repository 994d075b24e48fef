"""Reading what people told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from loyalty_oscar.program.db import write_db

from .models import Birthday, ConfirmedAddress, UnwantedMail


def birthday_of(*, member_id: int) -> Birthday | None:
    """Return the birthday that a member told, or None."""
    return Birthday.objects.filter(member_id=member_id).first()


def unwanted_mails(*, member_id: int) -> dict[str, datetime]:
    """Return the topics of which a member wants no mails, each with since when."""
    rows = UnwantedMail.objects.using(write_db()).filter(member_id=member_id).order_by("topic")
    return dict(rows.values_list("topic", "since"))


def confirmed_at(*, user_id: Any) -> datetime | None:
    """Return when somebody confirmed an address last, or None."""
    return ConfirmedAddress.objects.filter(user_id=user_id).values_list("confirmed_at", flat=True).first()


def address_marks(*, user_ids: Iterable[Any]) -> dict[Any, str]:
    """Return the mark of the address that each of these people confirmed last."""
    found = ConfirmedAddress.objects.using(write_db()).filter(user_id__in=list(user_ids))
    return dict(found.values_list("user_id", "mark"))
