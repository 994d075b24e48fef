"""
What is known of people, when two members become one: a birthday goes along where the other told none, and so do mails
that are not wanted, and the receipts of their orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member

from .buyers import count_buyers
from .models import Birthday, BuyerStats, Receipt, UnwantedMail


class BirthdayMoves:
    """A member has one birthday."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say whether the birthday goes along."""
        told = set(Birthday.objects.filter(member__in=(member, into)).values_list("member_id", flat=True))
        if member.pk in told:
            stays = pgettext("loyalty", "Each told a birthday: the one of the member who stays counts.")
            yield stays if into.pk in told else pgettext("loyalty", "The birthday moves.")

    def move(self, *, member: Member, into: Member, at: datetime) -> bool:
        """Move the birthday; returns whether it did."""
        rows = Birthday.objects.using(write_db())
        return not rows.filter(member=into).exists() and bool(rows.filter(member=member).update(member=into))

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move it back, unless it was forgotten since."""
        rows = Birthday.objects.using(write_db())
        if moved and not rows.filter(member=member).exists():
            rows.filter(member=into).update(member=member)


class RefusalsMove:
    """What either does not want to be mailed is not mailed to both."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Nothing: no mail comes that somebody refused."""
        yield from ()

    def move(self, *, member: Member, into: Member, at: datetime) -> list[str]:
        """Move what the other has not refused; returns its topics."""
        rows = UnwantedMail.objects.using(write_db())
        known = rows.filter(member=into).values_list("topic", flat=True)
        moving = rows.filter(member=member).exclude(topic__in=list(known))
        topics = sorted(moving.values_list("topic", flat=True))
        moving.update(member=into)
        return topics

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move back what is still refused."""
        rows = UnwantedMail.objects.using(write_db())
        rows.filter(member=into, topic__in=moved or []).update(member=member)


class ReceiptsMove:
    """Orders of both are one buyer's."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say that they are counted together."""
        if Receipt.objects.filter(member=member).exists():
            yield pgettext("loyalty", "How often and how much is bought is counted of both together.")

    def move(self, *, member: Member, into: Member, at: datetime) -> list[int]:
        """Move the receipts, and count anew; returns their orders."""
        rows = Receipt.objects.using(write_db()).filter(member=member)
        moved = list(rows.order_by("order_id").values_list("order_id", flat=True))
        rows.update(member=into, changed_at=at)
        BuyerStats.objects.using(write_db()).filter(member=member).delete()
        if moved:
            count_buyers(member_ids=[into.pk], at=at)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Move them back, and count both anew."""
        rows = Receipt.objects.using(write_db()).filter(member=into, order_id__in=moved or [])
        if rows.update(member=member, changed_at=at):
            count_buyers(member_ids=[member.pk, into.pk], at=at)


merge_parts.register("people", order=5)(BirthdayMoves())
merge_parts.register("mails", order=6)(RefusalsMove())
merge_parts.register("receipts", order=7)(ReceiptsMove())
