"""
Points became ready: told once a day for each account, of all that became ready since the last time.

What is worth less in all than the shop's least (`LOYALTY_READY_NOTICE_LEAST`) waits for more, as long as it is news.
Who gets points that are ready at once is told so with them. So this tells of points that had been on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import attrgetter

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.ledger.models import Account, Lot
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics
from loyalty_oscar.program.models import Event, PointWorth, State

from .least import is_enough, rates
from .letters import Letter, MailKind, in_daytime, inbox_links, letters, mail_kinds, shared, timings

TOPIC = "points-ready"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "Ready to use"),
        text="points that were on the way became ready",
        payload={"account": "key of the account", "lots": "keys of its lots that became ready, in their order"},
    )
)
#: What became ready longer ago is no news any more, though no job ran meanwhile.
NEWS = timedelta(days=7)
BATCH = 500


def announce_ready(*, at: datetime) -> Iterator[int]:
    """Announce what became ready and was not told of yet, an account at most once a day; yields how many."""
    running = Q(account__member__program__state__in=(State.LIVE, State.CLOSING))
    there = Q(account__member__user__isnull=False, account__member__erased_at=None)
    lots = Lot.objects.using(write_db()).filter(running, there, is_open=True, state=Lot.State.OPEN, remaining__gt=0)
    lots = lots.filter(available_at__gt=at - NEWS, available_at__lte=at, entry__created_at__lt=F("available_at"))
    worths = rates()
    rows = lots.select_related("account__member__program").order_by("account_id", "pk").iterator(chunk_size=BATCH)
    accounts = (list(own) for _account, own in groupby(rows, key=attrgetter("account_id")))
    while chunk := list(islice(accounts, BATCH)):
        yield _announce(chunk, worths, at)


def _announce(accounts: Sequence[Sequence[Lot]], worths: Mapping[int, PointWorth], at: datetime) -> int:
    members = [own[0].account.member_id for own in accounts]
    known = Event.objects.using(write_db()).filter(topic=TOPIC, member__in=members, at__gt=at - 2 * NEWS)
    told: set[int] = set()
    for payload in known.values_list("payload", flat=True):
        told.update(payload.get("lots", ()))
    fresh = [new for own in accounts if (new := [lot for lot in own if lot.pk not in told])]
    happenings = [_happening(new, at) for new in fresh if _is_enough(new, worths)]
    before = known.filter(key__in=[one.key for one in happenings]).values_list("key", flat=True)
    today = set(before)
    news = [one for one in happenings if one.key not in today]
    with transaction.atomic(using=write_db()):
        announce_many(happenings=news)
    return len(news)


def _is_enough(new: Sequence[Lot], worths: Mapping[int, PointWorth]) -> bool:
    points, rate = sum(lot.remaining for lot in new), worths.get(new[0].account.member.program_id)
    return is_enough(points=points, rate=rate, least=conf.READY_NOTICE_LEAST)


def _happening(new: Sequence[Lot], at: datetime) -> Happening:
    account = new[0].account
    day = periods.local_day(at=at, zone=account.member.program.time_zone)
    payload = {"account": account.pk, "lots": [lot.pk for lot in new]}
    key = f"account:{account.pk}:ready:{day.isoformat()}"
    return Happening(topic=TOPIC, key=key, member_id=account.member_id, payload=payload, at=at)


@letters.register(TOPIC)
def points_ready(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about points that became ready; None where none of them are left."""
    account = Account.objects.using(write_db()).select_related("unit__program").get(pk=event.payload["account"])
    lots = Lot.objects.using(write_db()).filter(pk__in=event.payload["lots"], account=account, state=Lot.State.OPEN)
    points = sum(lots.values_list("remaining", flat=True))
    if not points:
        return None
    return Letter(
        code="LOYALTY_POINTS_READY",
        context=shared(member=event.member, account=account, unit=account.unit, points=points),
    )


timings.register(TOPIC)(in_daytime)
inbox_links.register(TOPIC)(lambda: pgettext("loyalty", "See what you can do with them"))
mail_kinds.register(TOPIC)(MailKind(text=lambda: pgettext("loyalty", "What is ready to use"), is_optional=True))
