"""
Carrying out what is planned and due, each in a transaction of its own: it is given and told, or skipped with its why.

Two who do this at once share the rows; who dies on the way leaves one that is as it was. A promise is kept however late
it is; what was none, and is a week late, comes no more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connections, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.models import State as ProgramState
from loyalty_oscar.program.queries import earns_at

from .giving import NothingLeft, State, count, post
from .models import Occurrence
from .occasions import LATE_DAYS, is_held_out, occasions
from .planning import GIVES_LESS, let_less_come
from .queries import PROMISED, may_be_told, of_one, rests, speaks_against

logger = logging.getLogger("loyalty_oscar")
BATCH = 100


def carry_out(*, at: datetime) -> Iterator[int]:
    """
    Carry out what is due; yields how many of each slice were given or said. One fault keeps nobody else waiting.

    What belongs to a program that is paused waits until it goes on.
    """
    waiting = (ProgramState.DRAFT, ProgramState.PAUSED)
    due = Occurrence.objects.using(write_db()).filter(is_open=True, due_at__lte=at).exclude(program__state__in=waiting)
    # Which account is to be locked is asked once for a slice; who has none yet opens one.
    accounts = Account.objects.filter(member=OuterRef("member"), unit__program=OuterRef("program"))
    due = due.annotate(account=Subquery(accounts.values("pk")[:1]))
    due, after, left = due.order_by("due_at", "pk"), Q(), 0
    while rows := list(due.filter(after).values_list("pk", "due_at", "account")[:BATCH]):
        done = [_tried(pk, account_id, at) for pk, _due_at, account_id in rows]
        left += done.count(None)
        last, moment, _account = rows[-1]
        after = Q(due_at__gt=moment) | Q(due_at=moment, pk__gt=last)
        yield done.count(True)
    if left:
        raise LoyaltyError(f"what campaigns had planned and could not be carried out: {left}; the log says why")


def _tried(pk: int, account_id: int | None, at: datetime) -> bool | None:
    try:
        done = _carry_out(occurrence_id=pk, account_id=account_id, at=at) if account_id is not None else None
        return carry_out_one(occurrence_id=pk, at=at) if done is None else done
    except Exception:
        logger.exception("occurrence %s could not be carried out; the next run tries again", pk)
        return None


def carry_out_one(*, occurrence_id: int, at: datetime) -> bool:
    """Carry out one that is planned and due; returns whether it was given or said. Called again it changes nothing."""
    rows = Occurrence.objects.using(write_db()).filter(pk=occurrence_id)
    member = Member.objects.using(write_db()).get(pk__in=rows.values("member"))
    unit = Unit.objects.using(write_db()).filter(program=member.program_id).first()
    account_id = open_account(member=member, unit=unit).pk if unit else None
    return bool(_carry_out(occurrence_id=occurrence_id, account_id=account_id, at=at))


@outermost_retried
def _carry_out(*, occurrence_id: int, account_id: int | None, at: datetime) -> bool | None:
    """Return whether it was given or said; None where the account is another member's since it was asked for."""
    with transaction.atomic(using=write_db()):
        account = lock(account_id=account_id) if account_id is not None else None
        occurrence = _open_rows(occurrence_id, at).first()
        if occurrence is None:
            return False
        member = occurrence.member
        if account and member.merged_into_id is None and account.member_id != member.pk:
            return None
        because = Because.from_json(occurrence.because)
        code = why_not(occurrence=occurrence, at=at)
        if not code:
            try:
                count(occurrence=occurrence, campaigns=[occurrence.campaign])
            except NothingLeft:
                code = "nothing_left"
        occurrence.state = {"": State.DONE, "held_back": State.HELD}.get(code, State.SKIPPED)
        occurrence.is_open, occurrence.at = False, at
        occurrence.because = occurrence.now_because(Because(code)) if code else because.to_json()
        occurrence.save(using=write_db(), update_fields=["state", "is_open", "at", "because", "is_kept"])
        if not code:
            post(occurrence=occurrence, because=because, at=at)
        elif code != GIVES_LESS:
            let_less_come(occurrence=occurrence, at=at)
        return not code


def _open_rows(pk: int, at: datetime) -> QuerySet[Occurrence]:
    """Return the row, locked as it is read, if it is planned and due and no other worker is at it."""
    rows = Occurrence.objects.using(write_db()).filter(pk=pk, is_open=True, due_at__lte=at)
    rows = rows.select_related("campaign__program", "campaign__reward", "member__user")
    has = connections[rows.db].features
    return rows.select_for_update(skip_locked=has.has_select_for_update_skip_locked, of=_itself(rows.db))


def _itself(db: str) -> tuple[str, ...]:
    """Return what is locked of a row that is read with others: it alone, where that can be said."""
    return ("self",) if connections[db].features.has_select_for_update_of else ()


def why_not(*, occurrence: Occurrence, at: datetime) -> str:
    """Return the because code of what speaks against carrying out what is planned, by now; nothing where it comes."""
    campaign, member, program = occurrence.campaign, occurrence.member, occurrence.campaign.program
    if member.user_id is None or member.erased_at or member.merged_into_id:
        return "has_left"
    if not campaign.speaks_at(at=at) or not earns_at(phases=program.phases.using(write_db()).all(), at=at):
        return "moment_over"
    if not campaign.is_promise and occurrence.due_at and occurrence.due_at < at - timedelta(days=LATE_DAYS):
        return "too_late"
    if campaign.occasion not in occasions:
        return "moment_over"
    stands = occasions.get(campaign.occasion).stands
    if stands and (code := stands(occurrence=occurrence, at=at)):
        return code
    against = speaks_against(campaigns=[campaign], member_ids=[member.pk], at=at)[campaign.pk]
    if code := against.get(member.pk, ""):
        return code
    if rests(campaign=campaign, member_id=member.pk, source=occurrence.source, at=at):
        return "too_soon"
    if campaign.is_promise:
        return _outdone(occurrence, at)
    if member.is_frozen(at=at):
        return "frozen"
    if member.pk not in may_be_told(campaign=campaign, member_ids=[member.pk], at=at):
        return "no_consent"
    # Last: those left out are like those it comes to, and both allow letters.
    percent = 0 if campaign.is_public else program.holdout_percent
    return "held_back" if is_held_out(salt=program.salt, member_id=member.pk, percent=percent) else ""


def _outdone(occurrence: Occurrence, at: datetime) -> str:
    """
    Return `GIVES_LESS` where another campaign that promised something for the same source gave it, or gives more and
    still will: of several the one that gives most counts. What one had who was merged into the member counts, too.
    """
    rows = Occurrence.objects.using(write_db()).filter(of_one(member_id=occurrence.member_id), PROMISED)
    rows = rows.filter(source=occurrence.source, state__in=(State.PLANNED, State.DONE)).exclude(pk=occurrence.pk)
    others = list(rows.select_related("campaign__program", "campaign__reward"))
    if any(other.state == State.DONE for other in others):
        return GIVES_LESS
    mine = (-occurrence.campaign.weight, occurrence.campaign_id)
    own = [one for one in others if one.member_id == occurrence.member_id]
    better = [one.campaign for one in own if (-one.campaign.weight, one.campaign_id) < mine]
    better = [campaign for campaign in better if campaign.is_on and campaign.has_left]
    against = speaks_against(campaigns=better, member_ids=[occurrence.member_id], at=at)
    return GIVES_LESS if any(not against[campaign.pk] for campaign in better) else ""
