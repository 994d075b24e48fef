"""Reading what people told, and how they buy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber

from loyalty_oscar.program.db import write_db

from .models import Birthday, BuyerStats, ConfirmedAddress, UnwantedMail

#: What buyers are ranked by: the column of each.
RANKED = {"recency": "last_at", "frequency": "orders", "money": "spend_minor"}
#: Buyers are parted into fifths; the last one ends where all do.
FIFTHS = (1, 2, 3, 4)


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


def quintiles(*, program_id: int) -> dict[str, tuple[str, list[Any]]]:
    """
    Return the column and the four values that part the buyers of a program into fifths, by what they are ranked by;
    nothing where nobody has bought. One query, so that nobody comes or goes between counting and ranking.

    A value is in as high a fifth as there are cuts below it, so equal ones are in the same.
    """
    buyers = BuyerStats.objects.using(write_db()).filter(member__program_id=program_id, orders__gt=0)
    numbers: dict[str, Any] = {name: Window(RowNumber(), order_by=F(column).asc()) for name, column in RANKED.items()}
    # The place at which a fifth ends is the first that is no lower than so many fifths of all; all numbers are whole.
    beyond = {f"{name}_{fifth}": F(name) * 5 - F("total") * fifth for name in RANKED for fifth in FIFTHS}
    at_cuts = reduce(or_, (Q(**{f"{name}__gte": 0, f"{name}__lt": 5}) for name in beyond))
    ranked = buyers.annotate(**numbers, total=Window(Count("pk"))).annotate(**beyond)
    rows = list(ranked.filter(at_cuts).values("total", *RANKED, *RANKED.values()))
    if not rows:
        return {}
    places = [-(-rows[0]["total"] * fifth // 5) for fifth in FIFTHS]
    found = {name: {row[name]: row[column] for row in rows} for name, column in RANKED.items()}
    return {name: (column, [found[name][place] for place in places]) for name, column in RANKED.items()}
