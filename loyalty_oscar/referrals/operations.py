"""Bringing a friend: the code, the tie to whoever was first, the decision, and both rewards with their way back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.registries import facts, grants

from . import rules
from .models import Code, Referral, Scheme
from .queries import giver_of, rewarded_since, scheme_of

TRIES = 20


def code_of(*, member: Member) -> Code:
    """Return a member's code, made now if there is none. Safe to call twice at once."""
    for _attempt in range(TRIES):
        found = Code.objects.using(write_db()).filter(member=member).first()
        if found:
            return found
        try:
            with transaction.atomic(using=write_db()):
                return Code.objects.using(write_db()).create(member=member, code=rules.new_code())
        except IntegrityError:
            continue
    raise LoyaltyError("no free code was found")


def bind(*, code: str, program_id: int, user_id: Any, at: datetime) -> Referral | None:
    """
    Tie a newcomer to whoever's code it is, once: the first code counts. The newcomer joins if need be.

    Returns None, and ties nothing, for a code that nobody has, one's own, and who was brought already; who bought
    here before is tied and blocked when the checks look.
    """
    giver = giver_of(code=code, program_id=program_id)
    if giver is None or giver.member.user_id == user_id or scheme_of(program_id=program_id) is None:
        return None
    with transaction.atomic(using=write_db()):
        newcomer = join(program=giver.member.program, user_id=user_id, at=at)
        rows = Referral.objects.using(write_db())
        row, made = rows.get_or_create(
            newcomer=newcomer, defaults={"program_id": program_id, "giver": giver.member, "bound_at": at}
        )
    return row if made else None


def look(*, referral: Referral, at: datetime) -> str:
    """Let every check look at a referral, keep what they found, and return the verdict."""
    people = facts.get("person")(members=[referral.giver_id, referral.newcomer_id], at=at) if "person" in facts else {}
    giver, newcomer = (
        rules.Person(**people.get(member.pk, {"user_id": member.user_id}))
        for member in (referral.giver, referral.newcomer)
    )
    found = rules.findings(pair=rules.Pair(giver=giver, newcomer=newcomer, bound_at=referral.bound_at))
    referral.findings = [
        {"check": one.check, "verdict": one.verdict, "because": one.because.to_json()} for one in found
    ]
    return rules.verdict(found=found)


def reward(*, referral: Referral, scheme: Scheme, ready_at: datetime | None, at: datetime) -> None:
    """
    Give both sides what the scheme promised when the order came, on the way until a moment (None = not known yet).

    State-based: called again it sets the date once it is known, and posts nothing twice.
    """
    if referral.rewarded_at is None:
        start = periods.start_of_day(
            day=periods.local_day(at=at, zone=scheme.program.time_zone).replace(day=1), zone=scheme.program.time_zone
        )
        full = rewarded_since(member_id=referral.giver_id, since=start, but=referral.pk) >= scheme.per_month
        referral.rewarded_at, referral.newcomer_points = at, scheme.newcomer_points
        referral.giver_points = 0 if full else scheme.giver_points
    for side, member_id, points in _sides(referral):
        if points:
            grants.get("points").grant(
                member_id=member_id,
                reward={"points": points, "ready_at": ready_at, "waits": True},
                key=f"referral:{referral.pk}:{side}",
                because=Because(f"referral_{side}", referral=referral.pk, order=referral.order_id),
                at=at,
            )
    waits = ready_at is None or ready_at > at
    referral.state = Referral.State.ON_THE_WAY if waits else Referral.State.READY


def take_back(*, referral: Referral, at: datetime) -> None:
    """Take both rewards back, whatever became of them; what was never given is left alone."""
    for side, member_id, points in _sides(referral):
        if points:
            because = Because("referral_reversed", referral=referral.pk, order=referral.order_id)
            grants.get("points").revoke(
                member_id=member_id, key=f"referral:{referral.pk}:{side}", because=because, at=at
            )


def _sides(referral: Referral) -> tuple[tuple[str, int, int], ...]:
    return (
        ("giver", referral.giver_id, referral.giver_points),
        ("newcomer", referral.newcomer_id, referral.newcomer_points),
    )


def decide(*, referral: Referral, allow: bool, reason: str, actor: str, at: datetime) -> Referral:
    """
    Let staff overrule the checks, with a reason. What is allowed is rewarded when its order is looked at next.

    Raises `LoyaltyError` without a reason, `NotAllowed` for a referral that is not waiting or blocked.
    """
    if not reason.strip():
        raise LoyaltyError("say why")
    with transaction.atomic(using=write_db()):
        row = Referral.objects.using(write_db()).select_for_update().get(pk=referral.pk)
        if row.state not in (Referral.State.REVIEW, Referral.State.BLOCKED):
            raise NotAllowed(f"this one is {row.get_state_display()} and waits for no decision")
        row.state = Referral.State.INVITED if allow else Referral.State.BLOCKED
        row.allowed_by, row.reason = actor if allow else "", reason.strip()
        row.save(using=write_db(), update_fields=["state", "allowed_by", "reason"])
    return row
