"""
Planning what campaigns bring: as an occasion is told, in its transaction, and for those that are found, each night.

What is planned waits for the moment when it is due; `carrying` does it then. Planned again it stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import State as ProgramState
from loyalty_oscar.program.queries import read_versions
from loyalty_oscar.program.rows import write_rows

from .models import Campaign, Occurrence
from .occasions import LATE_DAYS, WARRANTY, due_after, in_time, look_back, moment_of, occasions, source_of
from .queries import PROMISED, campaigns_about, may_be_told

logger = logging.getLogger("loyalty_oscar")
BATCH = 500
State = Occurrence.State
#: What was not done for one of these reasons is tried again as long as its occasion is found.
MAY_CHANGE = ("not_for_them", "not_a_buyer", "told_too_late", "nothing_left", "no_consent")
#: What was withdrawn for one of these reasons comes again when it is told again.
WITHDRAWN = ("campaign_withdrawn", "goal_missed", "order_gone")
#: What says beside a because when that happened for which something is given again: another order, another review.
SINCE = "since"
#: Why a promise does not come of which another one gives more.
GIVES_LESS = "gives_less"
#: What goes with its occasion: planned, given, or skipped because another one gives more.
STANDING = Q(state__in=(State.PLANNED, State.DONE)) | Q(state=State.SKIPPED, because__c=GIVES_LESS)


def coming(
    *,
    campaign: Campaign,
    member_id: int,
    source: str,
    happened_at: datetime,
    at: datetime,
    about: Mapping[str, Any] | None = None,
    order_id: int | None = None,
    mark: str | None = None,
) -> Occurrence | None:
    """Return what a campaign plans for a member (unsaved); None where it would come far too late."""
    due_at = due_after(at=happened_at, days=campaign.delay_days, zone=campaign.program.time_zone)
    if due_at < at - timedelta(days=LATE_DAYS):
        return None
    because = Because(occasions.get(campaign.occasion).because, **{"name": campaign.name, **(about or {})})
    return Occurrence(
        program_id=campaign.program_id,
        campaign=campaign,
        member_id=member_id,
        source=source,
        order_id=order_id,
        state=State.PLANNED,
        is_open=True,
        due_at=due_at,
        at=at,
        because=because.to_json(),
        points=campaign.points,
        mark=mark,
    )


def plan(*, rows: Iterable[Occurrence | None]) -> None:
    """Write down what is planned; what is there already stays as it is. One query, and none for nothing."""
    write_rows(rows=[row for row in rows if row], skip=True)


def tell(
    *,
    program_id: int,
    member_id: int,
    occasion: str,
    detail: str = "",
    happened_at: datetime,
    at: datetime,
    about: Mapping[str, Any] | None = None,
    but: Collection[int] = (),
    caused_at: datetime | None = None,
) -> None:
    """
    Plan what the campaigns of an occasion (`but` these) bring a member, in the caller's transaction; what was withdrawn
    comes again, and like something new where that was before what brings it now (`caused_at`: an order was placed).

    Nothing is asked where there is no such campaign.
    """
    read_versions()
    told = campaigns_about(program_id=program_id, occasion=occasion)
    campaigns = [campaign for campaign in told if campaign.pk not in but and in_time(dated=campaign, at=happened_at)]
    if not campaigns:
        return
    source = source_of(occasion=occasion, detail=detail)
    what: dict[str, Any] = {"member_id": member_id, "source": source, "happened_at": happened_at, "about": about}
    again(campaigns=campaigns, member_id=member_id, source=source, caused_at=caused_at, at=at)
    plan(rows=[coming(campaign=campaign, at=at, **what) for campaign in campaigns])


def again(
    *,
    campaigns: Iterable[Campaign],
    member_id: int,
    source: str,
    caused_at: datetime | None = None,
    at: datetime,
) -> None:
    """
    Plan anew what was withdrawn, and now is told again, by something of `caused_at` (None = nobody knows); what staff
    took back for good stays so. One query.
    """
    rows = Occurrence.objects.using(write_db()).filter(campaign__in=list(campaigns), member_id=member_id, source=source)
    rows = rows.filter(state__in=(State.SKIPPED, State.BACK), barred_by="", because__c__in=WITHDRAWN)
    for row in rows.select_related("campaign__program"):
        is_another = caused_at is not None and row.at < caused_at
        stand_again(occurrence=row, since=caused_at if is_another else None, at=at)


def stand_again(
    *, occurrence: Occurrence, at: datetime, about: Mapping[str, Any] | None = None, since: datetime | None = None
) -> None:
    """
    Plan anew what was withdrawn: it comes when it was due, or now. `about` is what it is for beside its source; what is
    for something that happened `since` waits, and runs out, like something new.
    """
    told = {"name": occurrence.campaign.name, **(about or {})}
    due_at = max(occurrence.due_at or at, at)
    if since is not None:
        told[SINCE] = since.isoformat()
        due_at = due_after(at=at, days=occurrence.campaign.delay_days, zone=occurrence.campaign.program.time_zone)
    because = Because(occasions.get(occurrence.campaign.occasion).because, **told)
    now = {"state": State.PLANNED, "is_open": True, "at": at, "because": occurrence.now_because(because)}
    rows = Occurrence.objects.using(write_db()).filter(pk=occurrence.pk)
    rows.update(due_at=due_at, **now)


def let_less_come(*, occurrence: Occurrence, at: datetime) -> None:
    """
    Plan anew what gave way to one that comes no more, for the caller who has locked the account: what gives less was
    promised, too. After what staff took back for good nothing comes instead.
    """
    if occurrence.barred_by or not occurrence.campaign.is_promise:
        return
    rows = Occurrence.objects.using(write_db()).filter(PROMISED, member=occurrence.member, source=occurrence.source)
    others = list(rows.exclude(pk=occurrence.pk).select_related("campaign").order_by("pk"))
    for other in others if all(other.state != State.DONE for other in others) else ():
        if gave_way(occurrence=other) and not other.barred_by:
            stand_again(occurrence=other, at=at)


def gave_way(*, occurrence: Occurrence) -> bool:
    """Return whether something does not come because another one gives more."""
    return occurrence.state == State.SKIPPED and occurrence.because.get("c") == GIVES_LESS


def to_withdraw(*, rows: QuerySet[Occurrence]) -> QuerySet[Occurrence]:
    """
    Return what of these goes with its occasion, by campaign: the budgets of several are counted back in order of key.

    What gave way goes first, so that it does not come as the better one falls with it.
    """
    # Of the three states "skipped" is the last in the alphabet.
    return rows.filter(STANDING).order_by("-state", "campaign_id", "pk")


def find(*, at: datetime, after: Mapping[int, int] | None = None) -> Iterator[tuple[Campaign, int]]:
    """
    Plan what is found for the campaigns in force, in order: of each program (by its key) those that come `after` a key;
    yields each campaign with how many it planned. One that fails keeps no other from its night; raises `LoyaltyError`
    in the end.
    """
    found = [code for code, occasion in occasions.items() if occasion.due]
    rows = Campaign.objects.using(write_db()).filter(occasion__in=found, is_on=True)
    rows = rows.filter(program__state__in=(ProgramState.LIVE, ProgramState.CLOSING))
    left, places = 0, after or {}
    for campaign in rows.select_related("program", "reward", "segment").order_by("pk"):
        if campaign.pk <= places.get(campaign.program_id, 0):
            continue
        try:
            for planned in _found(campaign, at):
                yield campaign, planned
        except Exception:
            logger.exception("nobody could be found for campaign %s; the next night tries again", campaign.pk)
            left += 1
    if left:
        raise LoyaltyError(f"campaigns for which nobody could be found: {left}; the log says why")


def _found(campaign: Campaign, at: datetime) -> Iterator[int]:
    program, due = campaign.program, occasions.get(campaign.occasion).due
    zone = program.time_zone
    if due is None:
        return
    since = look_back(at=at, zone=zone)
    comes = (
        one
        for one in due(program=program, campaign=campaign, since=since, until=at)
        if in_time(dated=campaign, at=moment_of(due_at=one[2], at=at, zone=zone))
    )
    while found := list(islice(comes, BATCH)):
        may = _may_be_told(campaign, {member_id for member_id, _source, _moment in found}, at)
        part = [one for one in found if one[0] in may]
        rows = [
            coming(
                campaign=campaign,
                member_id=member_id,
                # What no key of the ledger holds would be planned, and never carried out.
                source=source_of(occasion=source),
                happened_at=moment,
                order_id=number_of(name=source.rpartition(":")[0], kind=WARRANTY),
                at=at,
            )
            for member_id, source, moment in part
        ]
        with transaction.atomic(using=write_db()):
            planned = _planned([row for row in rows if row], at)
        yield planned


def _may_be_told(campaign: Campaign, member_ids: set[int], at: datetime) -> Collection[int]:
    """
    Return those of these members for whom something is planned: all, but of an occasion that is for everybody only
    those to whom a campaign that promises nothing may write, where it does.
    """
    is_for_some = campaign.is_promise or not occasions.get(campaign.occasion).for_all
    return member_ids if is_for_some else may_be_told(campaign=campaign, member_ids=member_ids, at=at)


def _planned(rows: list[Occurrence], at: datetime) -> int:
    """Plan these of one campaign, and those anew that were not done for a reason that may have changed."""
    if not rows:
        return 0
    found = Occurrence.objects.using(write_db()).filter(campaign=rows[0].campaign)
    found = found.filter(member_id__in={row.member_id for row in rows}, source__in={row.source for row in rows})
    known = {(row.member_id, row.source): row for row in found}
    new = [row for row in rows if (row.member_id, row.source) not in known]
    plan(rows=new)
    retried = [
        (known[key].pk, row) for row in rows if (key := (row.member_id, row.source)) in known and _may_come(known[key])
    ]
    for pk, row in retried:
        now = {"state": State.PLANNED, "is_open": True, "at": at, "due_at": row.due_at, "because": row.because}
        Occurrence.objects.using(write_db()).filter(pk=pk, state=State.SKIPPED).update(**now)
    return len(new) + len(retried)


def _may_come(row: Occurrence) -> bool:
    return row.state == State.SKIPPED and not row.barred_by and row.because.get("c") in MAY_CHANGE
