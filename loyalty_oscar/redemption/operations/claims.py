"""
Rewards that members have: bought with points, asked for, handed out, run out and given back.

Every write locks the member's account first, so that nobody has more of a reward than one member may, then changes the
claim by the state that it must be in. How many there are of a reward is counted by one conditional update, last.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import announce
from loyalty_oscar.program.models import Member, Reward, Unit
from loyalty_oscar.program.models import State as ProgramState
from loyalty_oscar.program.signals import reward_gone_back

from ..claims import BOUGHT, DONE, GIVEN_BACK, GOT, is_being_paid, is_over, stopped, terms_of, wanting
from ..kinds import CODE, is_by_staff
from ..models import Claim, ClaimStep, RewardCode
from ..rules import why_not

State = Claim.State
LONGEST_TEXT = 500


class CannotClaim(NotAllowed):
    """A reward cannot be had now: `because` says why, for the customer to read."""

    def __init__(self, because: Because) -> None:
        super().__init__(f"this reward cannot be had now: {because.code}")
        self.because = because


@outermost_retried
def buy(
    *,
    reward: Reward,
    member: Member,
    key: str,
    at: datetime,
    text: str = "",
    shown: int | None = None,
    actor: str = "system",
) -> Claim:
    """
    Let a member have a reward for its price in points, once per `key` (what the page or the API made up for this one);
    for no more than the price that was `shown` to them.

    What staff hand out is asked for at once, with what the member wrote. Raises `CannotClaim` and changes nothing then.
    """
    db = write_db()
    with transaction.atomic(using=db):
        account = _locked(member)
        member = account.member
        if ledger.expire(account_id=account.pk, at=at):
            account.refresh_from_db(using=write_db(), fields=["available"])
        key = f"{BOUGHT}{key}"
        if done := Claim.objects.using(db).select_related("reward").filter(member=member, key=key).first():
            return done
        reward = Reward.objects.using(db).select_related("program__unit").get(pk=reward.pk)
        if reward.program_id != member.program_id:
            raise CannotClaim(Because("reward_over"))
        why = stopped(member=member, at=at)
        who = wanting(member=member, account=account, rewards=[reward], stopped=why, at=at)[reward.pk]
        if refused := why_not(reward=terms_of(reward=reward), who=who, at=at):
            raise CannotClaim(refused)
        points = reward.price or 0
        if shown is not None and points > shown:
            raise CannotClaim(Because("reward_dearer", points=points))
        because = Because("reward_bought", name=reward.name)
        claim = _made(reward, member, key, because, at, actor, at)
        if is_by_staff(kind=reward.kind):
            take_step(claim, State.OPEN, State.ASKED, because, at, actor, text=_plain(text))
        claim.hold = ledger.spend(
            account_id=account.pk, points=points, origin=f"claim:{claim.pk}", because=because, at=at, actor=actor
        )
        claim.paid = points
        claim.save(using=db, update_fields=["hold", "paid"])
        if not _reserve_code(claim):
            raise CannotClaim(Because("reward_gone"))
        _count(reward)
        tell_had(claim=claim, at=at)
    return claim


def _plain(text: str) -> str:
    """Return what a member wrote as it is kept: without the one character that no database keeps."""
    return text.replace("\0", "").strip()[:LONGEST_TEXT]


def _locked(member: Member) -> Account:
    """Return the locked account of a member, opened where it is missing; of one who was merged, the other's."""
    unit = Unit.objects.using(write_db()).filter(program=member.program_id).first()
    if unit is None:
        raise CannotClaim(Because("reward_over"))
    account = lock(account_id=open_account(member=member, unit=unit).pk)
    account.member = Member.objects.using(write_db()).select_related("program__unit").get(pk=account.member_id)
    return account


def _made(
    reward: Reward,
    member: Member,
    key: str,
    because: Because,
    at: datetime,
    actor: str,
    ready_at: datetime | None,
    note: str = "",
) -> Claim:
    state = State.OPEN if ready_at is not None and ready_at <= at else State.WAITS
    until = _until(reward, ready_at) if ready_at else None
    told: dict[str, Any] = {"because": because.to_json(), "got_at": at, "ready_at": ready_at, "valid_until": until}
    claim = Claim.objects.using(write_db()).create(reward=reward, member=member, key=key, state=state, **told)
    _write_down(claim, because, at, actor, note)
    return claim


def _until(reward: Reward, ready_at: datetime) -> datetime | None:
    if not reward.valid_days:
        return None
    return periods.end_of_day_after(at=ready_at, days=reward.valid_days, zone=reward.program.time_zone)


def tell_had(*, claim: Claim, at: datetime) -> None:
    """Announce that a member can use a reward."""
    announce(topic=GOT, key=_this_time(claim), member_id=claim.member_id, payload={"claim": claim.pk}, at=at)


def _this_time(claim: Claim) -> str:
    """Return the key of what is told of a claim; another one each time that it was opened again."""
    return f"claim:{claim.pk}:{claim.number}" if claim.number else f"claim:{claim.pk}"


def _write_down(claim: Claim, because: Because, at: datetime, actor: str, note: str = "") -> None:
    told = {"state": claim.state, "at": at, "because": because.to_json(), "actor": actor, "note": note}
    ClaimStep.objects.using(write_db()).create(claim=claim, order_id=claim.order_id, **told)


def take_step(
    claim: Claim,
    before: str | Collection[str],
    to: str,
    because: Because,
    at: datetime,
    actor: str,
    note: str = "",
    **more: Any,
) -> bool:
    """
    Take a claim from one of these states to another and write that down; returns whether it was in one of them.

    What is over or goes back was not used, so its code was never shown: others can have it.
    """
    states = [before] if isinstance(before, str) else list(before)
    rows = Claim.objects.using(write_db()).filter(pk=claim.pk, state__in=states)
    if not rows.update(state=to, because=because.to_json(), **more):
        return False
    claim.state, claim.because = to, because.to_json()
    for name, value in more.items():
        setattr(claim, name, value)
    if to in (State.OVER, State.BACK):
        RewardCode.objects.using(write_db()).filter(claim=claim).update(claim=None)
    _write_down(claim, because, at, actor, note)
    if to == State.BACK:
        reward_gone_back.send(sender=Member, member_id=claim.member_id, key=claim.key, at=at)
    return True


def _count(reward: Reward) -> None:
    """Count one more of a reward as taken; raises `CannotClaim` where none is left."""
    rows = Reward.objects.using(write_db()).filter(pk=reward.pk)
    if not rows.filter(Q(quota=None) | Q(taken__lt=F("quota"))).update(taken=F("taken") + 1):
        raise CannotClaim(Because("reward_gone"))


def _reserve_code(claim: Claim) -> bool:
    """Keep a code for a claim, where its reward gives out codes; returns whether one was left."""
    codes = RewardCode.objects.using(write_db()).filter(reward=claim.reward_id)
    if claim.reward.kind != CODE:
        return True
    while free := codes.filter(claim=None).order_by("pk").values_list("pk", flat=True).first():
        # Whoever came first has it; the next one looks again.
        if codes.filter(pk=free, claim=None).update(claim=claim):
            return True
    return False


@outermost_retried
def show_code(*, claim: Claim, at: datetime, actor: str = "system") -> str:
    """
    Return the code of a claim to its member; from then on it is used. Returns nothing where none is there to give.

    A gift that came when no code was left takes one that was added since. Raises `CannotClaim` while the member is
    frozen, but for one that was shown before.
    """
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if claim.reward.kind != CODE or claim.state not in (State.OPEN, State.USED):
            return ""
        _check_frozen(claim, at)
        found = RewardCode.objects.using(write_db()).filter(claim=claim).first()
        if found is None and _reserve_code(claim):
            found = RewardCode.objects.using(write_db()).filter(claim=claim).first()
        if found is None:
            return ""
        take_step(claim, State.OPEN, State.USED, Because("claim_used", name=claim.reward.name), at, actor)
    return found.code


def locked_again(*, claim: Claim) -> Claim:
    """Lock the account of a claim's member, and read the claim as it is then."""
    rows = Claim.objects.using(write_db()).select_related("reward", "hold", "member__program__unit")
    _locked(rows.get(pk=claim.pk).member)
    return rows.get(pk=claim.pk)


def _check_frozen(claim: Claim, at: datetime) -> None:
    """See that staff did not freeze the member of a claim that is to be used now."""
    if claim.state == State.OPEN and claim.member.is_frozen(at=at):
        raise CannotClaim(Because("points_frozen"))


@outermost_retried
def ask(*, claim: Claim, at: datetime, text: str = "", actor: str = "system") -> Claim:
    """
    Ask staff to do their part of a claim that can be used; one that was asked for stays so. Raises `CannotClaim` while
    the member is frozen.
    """
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        because = Because("claim_asked", name=claim.reward.name)
        if not is_by_staff(kind=claim.reward.kind):
            raise NotAllowed("nobody of the staff hands this out")
        _check_frozen(claim, at)
        if not take_step(claim, State.OPEN, State.ASKED, because, at, actor, text=_plain(text)):
            _refuse_unless(claim, State.ASKED)
    return claim


@outermost_retried
def fulfil(*, claim: Claim, actor: str, at: datetime) -> Claim:
    """Say that staff did their part of a claim that was asked for."""
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if take_step(claim, State.ASKED, State.USED, Because("claim_used", name=claim.reward.name), at, actor):
            # Each time anew: what was said by mistake is told again when it is true.
            times = claim.steps.using(write_db()).filter(state=State.USED).count()
            key, payload = f"claim:{claim.pk}:{times}", {"claim": claim.pk}
            announce(topic=DONE, key=key, member_id=claim.member_id, payload=payload, at=at)
        else:
            _refuse_unless(claim, State.USED)
    return claim


@outermost_retried
def not_fulfilled(*, claim: Claim, actor: str, at: datetime) -> Claim:
    """Undo `fulfil`: it was said by mistake, and the claim is asked for as before."""
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if not is_by_staff(kind=claim.reward.kind):
            raise NotAllowed("what members use alone is not undone by staff")
        if not take_step(claim, State.USED, State.ASKED, Because("claim_asked", name=claim.reward.name), at, actor):
            _refuse_unless(claim, State.ASKED)
    return claim


def _refuse_unless(claim: Claim, state: str) -> None:
    if claim.state != state:
        raise NotAllowed(f"this reward is {claim.get_state_display()} by now")


#: From these a claim can be given back; what was used stays used.
GOING_BACK = (State.WAITS, State.OPEN, State.ASKED, State.OVER)
#: From these a gift is taken back with what brought it.
UNUSED = (State.WAITS, State.OPEN, State.OVER)


@outermost_retried
def give_back(*, claim: Claim, note: str, actor: str, at: datetime) -> Claim:
    """
    Take a claim that was not used from its member, with the points that were paid for it back to their own lots.

    Raises `LoyaltyError` without a reason, and `NotAllowed` for what was used; given back already, it stays so.
    """
    if not note.strip():
        raise LoyaltyError("a reward is given back for a reason")
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        because = Because("claim_cancelled", name=claim.reward.name)
        if is_being_paid(claim=claim, at=at):
            raise NotAllowed("a basket with this reward is being paid for")
        if not take_step(claim, GOING_BACK, State.BACK, because, at, actor, note.strip()[:LONGEST_TEXT]):
            _refuse_unless(claim, State.BACK)
            return claim
        if claim.hold is not None:
            ledger.restore(
                hold_id=claim.hold.pk,
                account_id=claim.hold.account_id,
                points=claim.paid,
                key=f"claim:{claim.pk}:back",
                goods_returned=True,
                because=because,
                at=at,
                actor=actor,
            )
            Reward.objects.using(write_db()).filter(pk=claim.reward_id, taken__gt=0).update(taken=F("taken") - 1)
        payload = {"claim": claim.pk}
        announce(topic=GIVEN_BACK, key=_this_time(claim), member_id=claim.member_id, payload=payload, at=at)
    return claim


@outermost_retried
def present(
    *,
    reward: Reward,
    member: Member,
    key: str,
    because: Because,
    ready_at: datetime | None,
    at: datetime,
    actor: str = "system",
    note: str = "",
) -> Claim:
    """
    Give a member a reward as a gift, once per key; on the way until `ready_at` (None: not known). `note` is a reason
    that staff typed.
    """
    with transaction.atomic(using=write_db()):
        account = _locked(member)
        rows = Claim.objects.using(write_db()).select_related("reward").filter(member=account.member_id, key=key)
        if done := rows.first():
            return done
        claim = _made(reward, account.member, key, because, at, actor, ready_at, note)
        _reserve_code(claim)
        if claim.state == State.OPEN:
            tell_had(claim=claim, at=at)
    return claim


def tell_ready(*, claim: Claim, ready_at: datetime | None, at: datetime) -> None:
    """Say when a gift that is on the way can be used; what can be used already stays so."""
    if claim.state == State.WAITS and claim.ready_at != ready_at:
        claim.ready_at = ready_at
        Claim.objects.using(write_db()).filter(pk=claim.pk, state=State.WAITS).update(ready_at=ready_at)
    if claim.state == State.WAITS and ready_at is not None and ready_at <= at:
        open_now(claim=claim, at=at)


@outermost_retried
def open_now(*, claim: Claim, at: datetime) -> bool:
    """Let a gift be used whose time has come; returns whether that was so now. Its days begin to run."""
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if claim.ready_at is None or claim.ready_at > at:
            return False
        until = _until(claim.reward, claim.ready_at)
        because = Because.from_json(claim.because)
        if done := take_step(claim, State.WAITS, State.OPEN, because, at, "system", valid_until=until):
            tell_had(claim=claim, at=at)
    return done


@outermost_retried
def open_again(*, claim: Claim, because: Because, ready_at: datetime | None, at: datetime) -> None:
    """Give a gift again that was taken back."""
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        to = State.OPEN if ready_at is not None and ready_at <= at else State.WAITS
        until = _until(claim.reward, ready_at) if ready_at else None
        more: dict[str, Any] = {"got_at": at, "ready_at": ready_at, "valid_until": until, "revoked": None}
        more["number"] = claim.number + 1
        if take_step(claim, State.BACK, to, because, at, "system", **more):
            _reserve_code(claim)
            if to == State.OPEN:
                tell_had(claim=claim, at=at)


@outermost_retried
def take_back(*, claim: Claim, because: Because, at: datetime) -> bool:
    """
    Take a gift back that nobody used; returns whether that was so.

    One that is in use stays so and goes back as soon as it is not: its order came to nothing, or was never placed.
    """
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if claim.hold_id is not None:
            return False
        if not is_being_paid(claim=claim, at=at) and take_step(claim, UNUSED, State.BACK, because, at, "system"):
            return True
        _revoke(claim, because)
    return False


def go_back(claim: Claim, before: str | Collection[str], at: datetime, **more: Any) -> bool:
    """Let a claim go back that was to, from one of these states; returns whether it was in one of them."""
    because = Because.from_json(claim.revoked or claim.because)
    return take_step(claim, before, State.BACK, because, at, "system", revoked=None, **more)


def _revoke(claim: Claim, because: Because | None) -> None:
    claim.revoked = because.to_json() if because else None
    Claim.objects.using(write_db()).filter(pk=claim.pk).update(revoked=claim.revoked)


def owe_again(*, claim: Claim) -> None:
    """Let a gift be its member's for good that was to go back: what it was given for stands after all."""
    if claim.revoked is not None:
        _revoke(claim, None)


@outermost_retried
def expire(*, claim: Claim, at: datetime) -> bool:
    """Let a claim run out that nobody used in time, or go back that was to; returns whether that was so now."""
    with transaction.atomic(using=write_db()):
        claim = locked_again(claim=claim)
        if is_being_paid(claim=claim, at=at):
            return False  # The next night finds it used, or over.
        if claim.revoked is not None:
            return go_back(claim, UNUSED, at)
        if not is_over(claim=claim, at=at) or claim.member.program.state == ProgramState.PAUSED:
            return False
        return take_step(claim, State.OPEN, State.OVER, Because("claim_ran_out", name=claim.reward.name), at, "system")


def put_off(*, claim: Claim, until: datetime) -> bool:
    """Let a claim be good for longer, because its member could not be told in time. One query."""
    rows = Claim.objects.using(write_db()).filter(pk=claim.pk, state=State.OPEN, valid_until__lt=until)
    return bool(rows.update(valid_until=until))


def put_off_all(*, program_id: int, since: datetime, until: datetime) -> int:
    """Move the dates of all claims that had not run out when a pause began by its length; returns how many."""
    rows = Claim.objects.using(write_db()).filter(member__program_id=program_id, valid_until__gt=since)
    return rows.filter(state__in=(State.WAITS, State.OPEN)).update(valid_until=F("valid_until") + (until - since))
