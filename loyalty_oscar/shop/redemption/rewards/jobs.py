"""
The nightly work of rewards: those that can be used are told before they run out, and run out if that arrived.

A date binds only if its member knew of it for 7 days. One that nobody could be told of in time moves, and is told anew.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.ledger.operations.skipping import NOBODYS_FAULT
from loyalty_oscar.program.conf import BINDING_DAYS
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics
from loyalty_oscar.program.models import Notice, State
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import expire, open_now, put_off

from ...notices.arrival import told
from ...upkeep import jobs

logger = logging.getLogger("loyalty_oscar")
TOPIC = "reward-ending"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "A reward can be used only a few more days"),
        text="a reward that a member has runs out in 10 days",
        payload={"claims": "keys of what the member has of this reward", "until": "the moment, ISO 8601"},
    )
)
#: A mail waits for the morning, and counts as arrived after 48 quiet hours: 7 days are left then.
TOLD_DAYS = BINDING_DAYS + 3
BATCH = 500


def run(at: datetime) -> Iterator[int]:
    """
    Open gifts that are ready, take back what was to go back, let run out what was told in time, put the rest off, and
    tell what ends soon; yields how many of each.

    Raises `NotAllDone` in the end where a reward could not be looked at; no other waits for that.
    """
    failed: list[int] = []
    yield from opened(at=at, failed=failed.append)
    yield from gone_back(at=at, failed=failed.append)
    yield from settled(at=at, failed=failed.append)
    yield from announced(at=at)
    if failed:
        raise jobs.NotAllDone(f"rewards of members that could not be looked at: {len(failed)}; the log says why")


def opened(*, at: datetime, failed: Callable[[int], object]) -> Iterator[int]:
    """Let gifts be used whose time has come."""
    last = 0
    waiting = Claim.objects.using(write_db()).filter(state=Claim.State.WAITS, ready_at__lte=at).order_by("pk")
    while chunk := list(waiting.filter(pk__gt=last)[:BATCH]):
        last = chunk[-1].pk
        yield sum(_tried(claim, partial(open_now, claim=claim, at=at), failed) for claim in chunk)


def gone_back(*, at: datetime, failed: Callable[[int], object]) -> Iterator[int]:
    """Let gifts go back whose payment was broken off, where what they were given for came to nothing meanwhile."""
    last = 0
    left = Claim.objects.using(write_db()).filter(state=Claim.State.OPEN, revoked__isnull=False).order_by("pk")
    while chunk := list(left.filter(pk__gt=last)[:BATCH]):
        last = chunk[-1].pk
        yield sum(_tried(claim, partial(expire, claim=claim, at=at), failed) for claim in chunk)


def about(*, claim: Claim) -> str:
    """Return the name of a reward's end in notices."""
    return f"claim:{claim.pk}:ends:{claim.valid_until:%Y-%m-%d}"


def settled(*, at: datetime, failed: Callable[[int], object]) -> Iterator[int]:
    """Let rewards run out whose members were told, and put off those that end within 7 days untold."""
    last = 0
    while chunk := list(_ending(at, BINDING_DAYS).filter(pk__gt=last)[:BATCH]):
        last = chunk[-1].pk
        known = told(topic=TOPIC, abouts=[about(claim=claim) for claim in chunk], at=at)
        told_of = {claim.pk: about(claim=claim) in known for claim in chunk}
        yield sum(_tried(claim, partial(_settle, claim, told_of[claim.pk], at), failed) for claim in chunk)


def _tried(claim: Claim, look: Callable[[], bool], failed: Callable[[int], object]) -> bool:
    """Look at one reward; what fails is logged, tried again the next night, and keeps no other waiting."""
    try:
        return look()
    except NOBODYS_FAULT:
        raise
    except Exception:
        logger.exception("the reward %s of a member could not be looked at; the next night tries again", claim.pk)
        failed(claim.pk)
    return False


def _settle(claim: Claim, is_told: bool, at: datetime) -> bool:
    # Who has left can be told of nothing, and use nothing.
    if is_told or claim.member.user_id is None:
        return expire(claim=claim, at=at)
    zone = claim.member.program.time_zone
    day = periods.local_day(at=at, zone=zone) + timedelta(days=TOLD_DAYS + 1)
    return put_off(claim=claim, until=periods.start_of_day(day=day, zone=zone))


def announced(*, at: datetime) -> Iterator[int]:
    """Tell members of rewards that end soon, of each date once; yields how many."""
    last, there = 0, Q(member__user__isnull=False, valid_until__gt=at)
    while chunk := list(_ending(at, TOLD_DAYS).filter(there, pk__gt=last)[:BATCH]):
        last = chunk[-1].pk
        yield _announce(chunk, at)


def _ending(at: datetime, days: int) -> QuerySet[Claim]:
    """Return rewards that can be used and end within so many days, where the program's clock runs."""
    rows = Claim.objects.using(write_db()).filter(member__program__state__in=(State.LIVE, State.CLOSING))
    rows = rows.filter(state=Claim.State.OPEN, valid_until__lte=at + timedelta(days=days))
    return rows.select_related("member__program").order_by("pk")


def _announce(claims: Sequence[Claim], at: datetime) -> int:
    """Announce the dates that were not yet; what a member has of one reward with one date is told at once."""
    notices = Notice.objects.using(write_db()).filter(topic=TOPIC, about__in=[about(claim=claim) for claim in claims])
    known, same = set(notices.values_list("about", flat=True)), defaultdict(list)
    for claim in claims:
        if about(claim=claim) not in known:
            same[claim.member_id, claim.reward_id, claim.valid_until].append(claim)
    news = [_happening(own, at) for own in same.values()]
    with transaction.atomic(using=write_db()):
        announce_many(happenings=news)
    return len(news)


def _happening(same: Sequence[Claim], at: datetime) -> Happening:
    first, until = same[0], same[0].valid_until
    payload = {"claims": [claim.pk for claim in same], "until": until.isoformat() if until else ""}
    abouts = {about(claim=claim): TOLD_DAYS for claim in same}
    key = about(claim=first)
    return Happening(topic=TOPIC, key=key, member_id=first.member_id, payload=payload, at=at, abouts=abouts)


jobs.add(
    job=jobs.Job(
        name="claims",
        title=pgettext_lazy("loyalty", "Tells which rewards run out soon, and lets them"),
        what="rewards opened, announced, put off or run out",
        run=run,
        nightly=True,
    )
)
