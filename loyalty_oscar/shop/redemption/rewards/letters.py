"""The letters about rewards: taken, handed out, given back, about to run out. They hold no offer."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event
from loyalty_oscar.redemption.claims import DONE, GIVEN_BACK, GOT, has_rewards
from loyalty_oscar.redemption.models import Claim

from ...notices.letters import (
    Letter,
    MailKind,
    account_of,
    balances,
    frame,
    in_daytime,
    inbox_links,
    letters,
    mail_kinds,
    site_of,
    through_login,
    timings,
)
from .jobs import TOPIC

State = Claim.State
#: Why a reward can be used again whose order came to nothing.
AGAIN = "claim_open_again"


def _claim(event: Event, *states: str) -> Claim | None:
    """Return the reward that an event is about, if it is in one of these states still."""
    rows = Claim.objects.using(write_db()).filter(pk=event.payload.get("claim"), state__in=states)
    return rows.select_related("reward").first()


def _same(claim: Claim | None, *states: str) -> list[Claim]:
    """
    Return what a member got at the same moment and for the same reason as this reward, in one of these states still: an
    order that fills a card three times brings three. Oldest first.
    """
    if claim is None:
        return []
    rows = Claim.objects.using(write_db()).filter(state__in=states, number=claim.number, valid_until=claim.valid_until)
    rows = rows.filter(member_id=claim.member_id, reward_id=claim.reward_id, paid=claim.paid, got_at=claim.got_at)
    return [row for row in rows.order_by("pk") if row.because == claim.because]


def _letter(
    code: str, *, event: Event, claim: Claim | None, times: int = 1, until: datetime | None = None
) -> Letter | None:
    """
    Return the letter with what every one about a reward, had so many `times`, says; None where there is no reward to
    speak of.
    """
    member, account = event.member, account_of(member=event.member)
    if claim is None or account is None:
        return None
    site, zone = site_of(member=member), member.program.time_zone
    reward = claim.reward.name
    if times > 1:
        reward = pgettext("loyalty", "%(times)s × %(reward)s") % {"times": money.number(times), "reward": reward}
    context = {
        **frame(user=member.user, site=site, program=member.program),
        "balances": balances(account=account, unit=account.unit),
        "link": through_login(site=site, path=reverse("loyalty:rewards")),
        "reward": reward,
        "points": reward,
        "times": times,
        "paid": words.points(unit=account.unit, points=claim.paid) if claim.paid else "",
        "why": words.why(claim.because),
        "is_again": claim.because.get("c") == AGAIN,
        "state": claim.state,
        "day": words.last_day(claim.valid_until, zone=zone) if claim.valid_until else "",
    }
    return Letter(code=code, context=context, until=until)


@letters.register(GOT)
def reward_got(*, event: Event, at: datetime) -> Letter | None:
    """
    Write the letter about a reward that a member got, with all of the same; None where it went back or ran out before
    it left, and where the letter about the first of them tells of it.
    """
    states = (State.WAITS, State.OPEN, State.ASKED, State.USED)
    claim = _claim(event, *states)
    same = _same(claim, *states)
    if claim is None or claim.pk != same[0].pk:
        return None
    return _letter("LOYALTY_REWARD_GOT", event=event, claim=claim, times=len(same))


@letters.register(GIVEN_BACK)
def reward_back(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about a reward that staff gave back."""
    return _letter("LOYALTY_REWARD_BACK", event=event, claim=_claim(event, State.BACK))


@letters.register(DONE)
def reward_done(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter that staff did their part; None where they said so by mistake."""
    return _letter("LOYALTY_REWARD_DONE", event=event, claim=_claim(event, State.USED))


@letters.register(TOPIC)
def reward_ending(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter that rewards run out soon; None where all were used, put off or given back meanwhile."""
    rows = Claim.objects.using(write_db()).filter(pk__in=event.payload.get("claims", ()), state=State.OPEN)
    found = [
        claim
        for claim in rows.select_related("reward").order_by("pk")
        if claim.valid_until and claim.valid_until.isoformat() == event.payload["until"]
    ]
    if not found:
        return None
    until = found[0].valid_until
    return _letter("LOYALTY_REWARD_ENDING", event=event, claim=found[0], times=len(found), until=until)


@timings.register(GOT)
def gifts_by_day(*, event: Event, at: datetime) -> datetime:
    """Let the mail about a gift leave by day; who took a reward for points waits for it."""
    is_gift = Claim.objects.using(write_db()).filter(pk=event.payload.get("claim"), paid=0).exists()
    return in_daytime(event=event, at=at) if is_gift else event.at


for _topic in (GIVEN_BACK, DONE, TOPIC):
    timings.register(_topic)(in_daytime)
for _topic, _said in (
    (GOT, lambda: pgettext("loyalty", "A reward you took")),
    (GIVEN_BACK, lambda: pgettext("loyalty", "A reward that was taken back")),
    (DONE, lambda: pgettext("loyalty", "A reward you were given")),
    (TOPIC, lambda: pgettext("loyalty", "A reward that runs out soon")),
):
    inbox_links.register(_topic)(lambda: pgettext("loyalty", "See your rewards"))
    mail_kinds.register(_topic)(MailKind(text=_said, belongs=lambda program: has_rewards(program=program)))
