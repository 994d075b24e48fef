"""Bringing a friend: the code, the tie to whoever was first, the decision, and both rewards with their way back."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.program import actors, operations
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Topic, announce, topics
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import goes_on_as, read_versions
from loyalty_oscar.program.registries import facts

from . import rules
from .models import Code, Referral
from .queries import came_before, giver_of, referrals_of, rewarded_since, scheme_of, schemes
from .signals import decided

TRIES = 20
#: What a referral keeps of its scheme.
PROMISED = ("giver_points", "giver_reward_id", "newcomer_points", "newcomer_reward_id", "least_minor")
JOINED, ORDERED = "friend-joined", "friend-ordered"
topics.register(JOINED)(
    Topic(
        title=pgettext_lazy("loyalty", "A friend joined"),
        text="a friend came by an invitation; told to who invited",
        payload={"referral": "key of the referral"},
    )
)
topics.register(ORDERED)(
    Topic(
        title=pgettext_lazy("loyalty", "The first order of a friend"),
        text="a friend's first order rewards both sides; told to who invited, once for each friend",
        payload={"referral": "key of the referral"},
    )
)


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


def bind(*, code: str, program_id: int, user_id: Any, at: datetime, came_at: datetime | None = None) -> Referral | None:
    """
    Tie a newcomer to whoever's code it is, once: the first code counts, from the moment it was first seen (`came_at`).

    Returns None, ties nothing and makes nobody a member, for a code that nobody has, one's own, who was brought
    already, who is a member for longer than the one who invites, and who has not joined a program that people join by
    choice. Who bought here before is blocked when the checks look; the shop ties no such person.
    """
    read_versions()
    giver, scheme = giver_of(code=code, program_id=program_id), scheme_of(program_id=program_id)
    if giver is None or scheme is None or giver.member.user_id == user_id:
        return None
    with transaction.atomic(using=write_db()):
        known = goes_on_as(user_id=user_id).filter(program=program_id).first()
        if not rules.can_bring(giver=_since(giver.member), newcomer=_since(known) if known else (at, sys.maxsize)):
            return None
        newcomer = known or _new_member(scheme.program, user_id, at)
        if newcomer is None:
            return None
        promised = {name: getattr(scheme, name) for name in PROMISED}
        row, made = Referral.objects.using(write_db()).get_or_create(
            newcomer=newcomer,
            defaults={"program_id": program_id, "giver": giver.member, "bound_at": came_at or at, **promised},
        )
        if made:
            _tell_giver(JOINED, row, at)
    return row if made else None


def _new_member(program: Program, user_id: Any, at: datetime) -> Member | None:
    automatic = program.enrolment == Program.Enrolment.AUTOMATIC
    return join(program=program, user_id=user_id, at=at) if automatic else None


def _since(member: Member) -> tuple[datetime, int]:
    return member.joined_at, member.pk


def look(*, referral: Referral, at: datetime) -> None:
    """Let every check look at a referral, and note what they found."""
    referral.mark, found = _checked(referral, at)
    referral.findings = [
        {"check": one.check, "verdict": one.verdict, "because": one.because.to_json()} for one in found
    ]


def verdict_now(*, referral: Referral, at: datetime) -> str:
    """Return what would hold if a first order came now: the decision of staff, else the checks' word. Notes nothing."""
    if referral.decision:
        return referral.decision
    _mark, found = _checked(referral, at)
    return rules.strictest(verdicts=[one.verdict for one in found])


def _checked(referral: Referral, at: datetime) -> tuple[str | None, list[rules.CheckResult]]:
    """Return the newcomer's mark and what every check finds."""
    people = facts.get("person")(members=[referral.giver_id, referral.newcomer_id], at=at) if "person" in facts else {}
    giver, newcomer = (
        rules.Person(**people.get(member.pk, {"user_id": member.user_id}))
        for member in (referral.giver, referral.newcomer)
    )
    before = came_before(program_id=referral.program_id, mark=newcomer.mark, but=referral.pk)
    pair = rules.Pair(giver=giver, newcomer=newcomer, bound_at=referral.bound_at, came_before=before)
    found = rules.findings(pair=pair)
    read_versions()
    scheme = schemes().get(referral.program_id)
    if scheme and scheme.is_approved:
        found.append(rules.CheckResult(check="approval", verdict=rules.REVIEW, because=Because("every_friend")))
    return newcomer.mark or None, found


def reward(*, referral: Referral, ready_at: datetime | None, at: datetime) -> None:
    """
    Give both sides what they were promised, on the way until a moment (None = not known yet).

    State-based: called again it sets the date once it is known, moves it until it has come, and posts nothing twice.
    Who has brought as many friends this month as bring a reward gets nothing for this one; the newcomer does. Nor does
    who has left.
    """
    if referral.rewarded_at is None:
        referral.rewarded_at, referral.is_over_cap = at, bool(referral.promise("giver")) and _is_full(referral, at)
        _tell_giver(ORDERED, referral, at)
    has_come = referral.ready_at is not None and referral.ready_at <= at
    referral.state, referral.ready_at = Referral.State.REWARDED, referral.ready_at if has_come else ready_at
    for side, member, promise in _sides(referral):
        if member.erased_at and member.erased_at <= referral.rewarded_at:
            continue
        operations.give(
            member_id=member.pk,
            promise=promise,
            key=f"referral:{referral.pk}:{side}",
            because=Because(f"referral_{side}", referral=referral.pk),
            at=at,
            ready_at=ready_at,
            waits=True,
            anew=True,
        )


def _tell_giver(topic: str, referral: Referral, at: datetime) -> None:
    payload = {"referral": referral.pk}
    announce(topic=topic, key=f"referral:{referral.pk}", member_id=referral.giver_id, payload=payload, at=at)


def _is_full(referral: Referral, at: datetime) -> bool:
    """Return whether the one who invited has brought enough friends this month, counted one at a time."""
    _one_at_a_time(referral.giver_id)
    zone = referral.program.time_zone
    start = periods.start_of_day(day=periods.local_day(at=at, zone=zone).replace(day=1), zone=zone)
    known = rewarded_since(member_id=referral.giver_id, since=start, but=referral.pk)
    read_versions()
    return known >= schemes()[referral.program_id].per_month


def _one_at_a_time(giver_id: int) -> None:
    """Let nobody else count the friends of a member until this transaction ends."""
    list(Code.objects.using(write_db()).select_for_update().filter(member_id=giver_id))


def take_back(*, referral: Referral, at: datetime) -> None:
    """Take both rewards back, whatever became of them; what was never given is left alone."""
    if referral.rewarded_at is None:
        return
    for side, member, promise in _sides(referral):
        operations.take_back(
            member_id=member.pk,
            promise=promise,
            key=f"referral:{referral.pk}:{side}",
            because=Because("referral_reversed", referral=referral.pk, side=side),
            at=at,
        )
    referral.rewarded_at = referral.ready_at = None


def _sides(referral: Referral) -> list[tuple[str, Member, Promise]]:
    """Return who gets what, accounts of older members first."""
    giver = Promise() if referral.is_over_cap else referral.promise("giver")
    both = [
        ("giver", referral.giver, giver),
        ("newcomer", referral.newcomer, referral.promise("newcomer")),
    ]
    return [side for side in both if side[2]]


def decide(
    *, referral: Referral, decision: str, reason: str, actor: str, at: datetime, seen: str | None = None
) -> Referral:
    """
    Let staff overrule the checks, with a reason; "" takes a decision back. Points follow when the order is looked at.

    `seen` is the decision that stood when the form was shown (None: whatever stands). Raises `LoyaltyError` without a
    reason and for no such decision, `NotAllowed` where it is decided so already, where somebody else decided
    meanwhile, and for either side of the referral.
    """
    if decision not in ("", *Referral.Decision.values):
        raise LoyaltyError(f"there is no decision {decision!r}")
    if decision and not reason.strip():
        raise LoyaltyError("say why")
    with transaction.atomic(using=write_db()):
        row = Referral.objects.using(write_db()).select_for_update().get(pk=referral.pk)
        if is_own(referral=row, actor=actor):
            raise NotAllowed("nobody decides on a referral of their own")
        if seen is not None and row.decision != seen:
            raise NotAllowed("somebody else decided meanwhile; look at it again")
        if row.decision == decision:
            raise NotAllowed("that was decided already" if decision else "there is no decision to take back")
        row.decision, row.reason = decision, reason.strip()[:200]
        row.decided_by, row.decided_at = (actor, at) if decision else ("", None)
        row.state = _state_decided(row)
        row.save(using=write_db(), update_fields=["decision", "reason", "decided_by", "decided_at", "state"])
        if row.order_id is not None:
            transaction.on_commit(lambda: decided.send(sender=Referral, order_id=row.order_id), using=write_db())
    return row


def is_own(*, referral: Referral, actor: str) -> bool:
    """Return whether who acts is one of the two sides of a referral, be it by a login that was merged with it."""
    both = (referral.giver_id, referral.newcomer_id)
    sides = Member.objects.using(write_db()).filter(Q(pk__in=both) | Q(merged_into__in=both))
    return actor in {actors.staff(member.user) for member in sides.select_related("user") if member.user}


def _state_decided(row: Referral) -> str:
    """Return the state to show until the order is looked at."""
    if row.verdict == rules.ALLOW:
        kept = (Referral.State.REWARDED, Referral.State.REVERSED)
        return row.state if row.state in kept else Referral.State.INVITED
    return Referral.State.BLOCKED if row.verdict == rules.BLOCK else Referral.State.REVIEW


def forget(*, member: Member) -> None:
    """Drop a member's code, and the words that staff typed about the member's referrals."""
    Code.objects.using(write_db()).filter(member=member).delete()
    referrals_of(member=member).exclude(reason="").update(reason="")
