"""
What is known of people, when two members become one: a birthday goes along where the other told none, and so do mails
that are not wanted, refusals of letters and personal content, and the receipts of their orders. What was allowed stays
with whom it was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import merged_at
from loyalty_oscar.program.rows import write_rows

from .buyers import count_buyers
from .models import Birthday, BuyerStats, Consent, Contact, Receipt, UnwantedMail

#: What staff read of a refusal that goes along.
REFUSED = {
    Consent.Purpose.LETTERS: pgettext_lazy("loyalty", "Letters are refused, so the member who stays gets none."),
    Consent.Purpose.PERSONAL: pgettext_lazy(
        "loyalty", "Personal content is refused, so the member who stays sees none."
    ),
}


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
        """Move it back, unless it was forgotten, or another one told, since."""
        if moved:
            rows = Birthday.objects.using(write_db())
            rows.filter(member=into, set_at__lte=merged_at(member=member, into=into)).update(member=member)


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
        """Move back what is still refused, and was not refused anew since."""
        rows = UnwantedMail.objects.using(write_db()).filter(since__lte=merged_at(member=member, into=into))
        rows.filter(member=into, topic__in=moved or []).update(member=member)


class ConsentsMove:
    """What either refused is refused for both."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say what the other is not asked for any more."""
        for purpose in sorted(self._refused(member).keys() - self._refused(into)):
            yield str(REFUSED[Consent.Purpose(purpose)])

    def move(self, *, member: Member, into: Member, at: datetime) -> list[dict[str, Any]]:
        """Let refusals count for the other; returns each with what counted there before."""
        rows, there = Consent.objects.using(write_db()), self._refused(into)
        moved = []
        for purpose, row in sorted(self._refused(member).items()):
            if purpose not in there:
                before = rows.filter(member=into, purpose=purpose, is_current=True)
                before_id = before.values_list("pk", flat=True).first()
                before.update(is_current=None)
                rows.filter(pk=row.pk).update(member=into)
                moved.append({"row": row.pk, "before": before_id})
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Give refusals back, and let count again what did before, unless something else was said since."""
        rows = Consent.objects.using(write_db())
        for told in moved or []:
            for row in rows.filter(pk=told["row"], member=into):
                said = rows.filter(member=member, purpose=row.purpose, is_current=True).exists()
                rows.filter(pk=row.pk).update(member=member, is_current=None if said else True)
                if row.is_current:
                    rows.filter(pk=told["before"], member=into).update(is_current=True)

    def _refused(self, member: Member) -> dict[str, Consent]:
        rows = Consent.objects.using(write_db()).filter(member=member, is_current=True, withdrawn_at__isnull=False)
        return {row.purpose: row for row in rows}


class DistanceMoves:
    """Letters keep their distance from the last one to either."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Nothing: nobody misses a letter."""
        yield from ()

    def move(self, *, member: Member, into: Member, at: datetime) -> None:
        """Let the later day count."""
        rows = Contact.objects.using(write_db())
        told_at = rows.filter(member=member).values_list("told_at", flat=True).first()
        if told_at:
            write_rows(rows=[Contact(member=into)], skip=True)
            rows.filter(Q(told_at=None) | Q(told_at__lt=told_at), member=into).update(told_at=told_at)

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Nothing: the one who stays keeps the later day, and the other never lost one."""


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
        """Move them back, with those of what was ordered since for the other one, and count both anew."""
        theirs = Q(order_id__in=moved or [])
        if member.user_id is not None:
            theirs |= Q(program=member.program_id, buyer=f"u:{member.user_id}")
        rows = Receipt.objects.using(write_db()).filter(theirs, member=into)
        if rows.update(member=member, changed_at=at):
            count_buyers(member_ids=[member.pk, into.pk], at=at)


merge_parts.register("people", order=5)(BirthdayMoves())
merge_parts.register("mails", order=6)(RefusalsMove())
merge_parts.register("consents", order=7)(ConsentsMove())
merge_parts.register("contacts", order=8)(DistanceMoves())
merge_parts.register("receipts", order=9)(ReceiptsMove())
