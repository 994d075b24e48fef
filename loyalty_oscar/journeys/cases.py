"""
Cases: something went wrong for a member. One opens once for what it is about, and is decided once until it is opened
again; what it gives, it gives exactly once.

The member's account is locked first, then the case changes by the state that it must be in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Sum
from django.utils.functional import Promise as Words
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried
from loyalty_oscar.program import operations as program_operations
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Topic, announce, topics
from loyalty_oscar.program.models import Member, Reward, Unit
from loyalty_oscar.program.registries import promise_of

from .models import Case

PROBLEM, UNHAPPY, PARCEL = "problem", "unhappy", "parcel"
#: So much of what was said is kept, and of the reason.
LONGEST_TEXT, LONGEST_REASON = 2000, 300
#: The topic of the letter about points that were given as an apology.
TOPIC = "apology"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "An apology"),
        text="staff gave points because something went wrong: a problem, an unhappy customer, a late parcel",
        payload={"case": "key of the case"},
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseKind:
    """What may go wrong: `label` is what staff read. What is proposed for it stands in `LOYALTY_APOLOGIES`."""

    label: str | Words


case_kinds: Registry[CaseKind] = Registry("kind of case", CaseKind)
case_kinds.register(PROBLEM)(CaseKind(label=pgettext_lazy("loyalty", "Something is wrong with an order")))
case_kinds.register(UNHAPPY)(CaseKind(label=pgettext_lazy("loyalty", "An unhappy customer")))
case_kinds.register(PARCEL)(CaseKind(label=pgettext_lazy("loyalty", "A late parcel")))


def kind_in_words(kind: str) -> str:
    """Return what a kind of case is called; its code where it has left."""
    return str(case_kinds.get(kind).label) if kind in case_kinds else kind


def proposed(*, kind: str, program_id: int) -> Mapping[str, Any]:
    """Return the columns of what is proposed as an apology for a kind: points, or a reward of the program by code."""
    wanted = conf.APOLOGIES.get(kind, 0)
    if isinstance(wanted, int):
        return {"points": wanted}
    reward = Reward.objects.using(write_db()).filter(program_id=program_id, code=wanted, is_on=True).first()
    return {"reward": reward}


def open_case(
    *, member: Member, kind: str, source: str, order_id: int | None, at: datetime, text: str = ""
) -> tuple[Case, bool]:
    """
    Open a case about something (`source`) once; returns it, and whether it was opened now.

    While it is open, what was said last counts. Raises `UnknownCode` for a kind that nobody registered.
    """
    case_kinds.get(kind)
    text = text.strip()[:LONGEST_TEXT]
    told = {"program_id": member.program_id, "kind": kind, "order_id": order_id, "text": text, "opened_at": at}
    told |= proposed(kind=kind, program_id=member.program_id)
    rows = Case.objects.using(write_db())
    case, is_new = rows.get_or_create(member=member, source=source, defaults=told)
    if not is_new and text != case.text and rows.filter(pk=case.pk, state=Case.State.OPEN).update(text=text):
        case.text = text
    return case, is_new


@outermost_retried
def decide(*, case: Case, promise: Promise, reason: str, actor: str, at: datetime) -> bool:
    """
    Make an open case good by what is promised, or close it where that is nothing; returns False where it was decided
    meanwhile, and changes nothing then.

    Raises `LoyaltyError` without a reason, and `NotAllowed` for what cannot be given.
    """
    if not reason.strip():
        raise LoyaltyError("a case is decided for a reason")
    db = write_db()
    with transaction.atomic(using=db):
        _lock(case)
        told: dict[str, Any] = {"points": promise.points, "reward_id": promise.reward_id, "decided_at": at}
        told |= {"decided_by": actor, "reason": reason.strip()[:LONGEST_REASON]}
        state = Case.State.GIVEN if promise else Case.State.CLOSED
        rows = Case.objects.using(db).filter(pk=case.pk, state=Case.State.OPEN)
        if not rows.update(state=state, **told):
            return False
        case.refresh_from_db(using=db)
        if promise:
            _give(case, promise, at)
    return True


def _give(case: Case, promise: Promise, at: datetime) -> None:
    key = key_of(case=case)
    about: dict[str, Any] = {"member_id": case.member_id, "at": at}
    if program_operations.give(promise=promise, key=key, because=Because("apology"), **about) == Outcome.NOTHING:
        raise NotAllowed("nobody can give that")
    # Of a reward its own mail tells.
    if promise.points:
        announce(topic=TOPIC, key=key, payload={"case": case.pk}, **about)


@outermost_retried
def open_again(*, case: Case, at: datetime) -> Outcome | None:
    """
    Open a decided case again, and take back what it gave; returns what came of that (KEPT: a reward that was used), or
    None where it is open already.

    Points that were used become points to make up, as the program says.
    """
    db = write_db()
    with transaction.atomic(using=db):
        _lock(case)
        case.refresh_from_db(using=db)
        undone: dict[str, Any] = {"state": Case.State.OPEN, "decided_at": None, "decided_by": "", "reason": ""}
        rows = Case.objects.using(db).filter(pk=case.pk).exclude(state=Case.State.OPEN)
        key, promise = key_of(case=case), promise_of(row=case)
        was_given = case.state == Case.State.GIVEN
        if not rows.update(**undone, number=F("number") + 1):
            return None
        case.refresh_from_db(using=db)
        if not was_given:
            return Outcome.NOTHING
        because = Because("apology_undone")
        return program_operations.take_back(member_id=case.member_id, promise=promise, key=key, because=because, at=at)


def key_of(*, case: Case) -> str:
    """Return under which key a case gives: another each time that it was opened again, as it may give other things."""
    return f"case:{case.pk}.{case.number}" if case.number else f"case:{case.pk}"


def _lock(case: Case) -> None:
    """Lock the account of a case's member, in a program that has points at all."""
    unit = Unit.objects.using(write_db()).filter(program=case.program_id).first()
    member = Member.objects.using(write_db()).get(pk=case.member_id)
    if unit is not None:
        lock(account_id=open_account(member=member, unit=unit).pk)


def apologies_given(*, actor: str, since: datetime) -> int:
    """Return the points that somebody of staff gave for cases since a moment, those undone left out. One query."""
    rows = Case.objects.using(write_db()).filter(decided_by=actor, decided_at__gt=since, state=Case.State.GIVEN)
    return int(rows.aggregate(points=Sum("points", default=0))["points"])
