"""
Whether a letter of a campaign may go now: asked as it leaves, of what is true by then.

What speaks against it is kept with its why. A gift stays given: it lies in the account all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.people.consents import allowed
from loyalty_oscar.people.contacts import leave_to_write
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.registries import promise_of

from .giving import State
from .models import Answer, Campaign, Case, Occurrence
from .occasions import LATE_DAYS, occasions
from .questions import questions


def to_be_told(*, occurrence_id: int) -> Occurrence | None:
    """Return what a letter is about, with all that it speaks of; None where it was taken back before."""
    rows = Occurrence.objects.using(write_db()).filter(pk=occurrence_id, state=State.DONE)
    return rows.select_related("campaign__program__unit", "campaign__reward", "member__user", "member__program").first()


def why_not_told(*, occurrence: Occurrence, at: datetime) -> str:
    """Return the because code of what speaks against a letter by now; nothing where it may go."""
    campaign, member = occurrence.campaign, occurrence.member
    if member.user_id is None or member.erased_at or member.merged_into_id:
        return "has_left"
    if not campaign.speaks_at(at=at):
        return "moment_over"
    if occurrence.at < at - timedelta(days=LATE_DAYS):
        return "too_late"
    if member.is_frozen(at=at):
        return "frozen"
    stands = occasions.get(campaign.occasion).stands if campaign.occasion in occasions else None
    if stands and (code := stands(occurrence=occurrence, at=at)):
        return code
    if member.pk not in allowed(purpose=Consent.Purpose.LETTERS, member_ids=[member.pk], at=at):
        return "no_consent"
    return _trouble(occurrence)


def _trouble(occurrence: Occurrence) -> str:
    """Return why somebody with whom something is wrong is written no letter now: a case, or an answer of before."""
    member = occurrence.member
    if Case.objects.using(write_db()).filter(member=member, state=Case.State.OPEN).exists():
        return "problem_open"
    if occurrence.order_id is None:
        return ""
    said = Answer.objects.using(write_db()).filter(member=member, order_id=occurrence.order_id)
    return "stopped_before" if any(_is_problem(*pair) for pair in said.values_list("question", "choice")) else ""


def _is_problem(question: str, choice: str) -> bool:
    known = questions.get(question).choices.get(choice) if question in questions else None
    return bool(known and known.opens)


def skip(*, occurrence: Occurrence, code: str, at: datetime) -> None:
    """Write down why a letter does not go; what brought nothing beside it was skipped then, and counts no more."""
    if occurrence.points or promise_of(row=occurrence.campaign):
        return
    with transaction.atomic(using=write_db()):
        rows = Occurrence.objects.using(write_db()).filter(pk=occurrence.pk, state=State.DONE, told_at=None)
        if rows.update(state=State.SKIPPED, at=at, because=occurrence.now_because(Because(code))):
            Campaign.objects.using(write_db()).filter(pk=occurrence.campaign_id).update(given=F("given") - 1)


def take_leave(*, occurrence: Occurrence, at: datetime) -> bool:
    """
    Return whether the letter may go by the pause between letters, and note that it does; leave is taken once, whatever
    becomes of the first try, and for all channels together.
    """
    with transaction.atomic(using=write_db()):
        rows = Occurrence.objects.using(write_db()).select_for_update()
        row = rows.get(pk=occurrence.pk)
        days = occurrence.campaign.program.letter_days
        if row.told_at is None and not leave_to_write(member_id=row.member_id, letter_days=days, at=at):
            return False
        Occurrence.objects.using(write_db()).filter(pk=row.pk, told_at=None).update(told_at=at)
    return True
