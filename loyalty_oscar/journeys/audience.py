"""To whom a campaign would come today, as far as anybody can know: what is planned, and what the night would find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from loyalty_oscar.kernel import periods
from loyalty_oscar.program.db import write_db

from .models import Campaign, Occurrence
from .occasions import due_after, is_held_out, occasions
from .queries import may_be_told, meant_now

#: So many are looked at; of more it is said that they are more.
MOST = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """
    How many members a campaign would come to today, by what it has left: `beyond` so many more it has nothing left.
    How many are `without` the consent that its letter needs: those get no letter, and nothing at all where it is a
    surprise. There are `more` where not all were looked at. `is_found` says whether the night finds them; else they
    come as it happens, and only those that wait are counted.
    """

    members: int
    beyond: int = 0
    without: int = 0
    more: bool = False
    is_found: bool = False


def audience(*, campaign: Campaign, at: datetime) -> Reach:
    """Return to whom a campaign would come on the day of a moment, by the clock of its program. Some ten queries."""
    zone, occasion = campaign.program.time_zone, occasions.get(campaign.occasion)
    today = periods.local_day(at=at, zone=zone)
    start, over = (periods.start_of_day(day=today + timedelta(days=days), zone=zone) for days in (0, 1))
    waiting = Occurrence.objects.using(write_db()).filter(campaign=campaign, is_open=True, due_at__lt=over)
    found = dict.fromkeys(waiting.values_list("member_id", flat=True)[: MOST + 1])
    if occasion.due:
        since, until = (due_after(at=one, days=-campaign.delay_days, zone=zone) for one in (start, over))
        due = occasion.due(program=campaign.program, campaign=campaign, since=since, until=until)
        pairs = ((member_id, source) for member_id, source, moment in due if moment < until)
        new = not_planned(campaign=campaign, pairs=islice(pairs, MOST + 1))
        found |= dict.fromkeys(member_id for member_id, _source in new)
    ids = meant_and_in(campaign=campaign, member_ids=list(found)[:MOST], at=at)
    may = may_be_told(campaign=campaign, member_ids=ids, at=at)
    meant, left, more = len(ids) if campaign.is_promise else len(may), campaign.times_left, len(found) > MOST
    members, without = meant if left is None else min(meant, left), len(ids) - len(may)
    return Reach(
        members=members,
        # Nobody knows how many these are where not all were looked at.
        beyond=0 if more else meant - members,
        # Of a surprise they are more; of a promise they are some of its members.
        without=min(without, members) if campaign.is_promise else without,
        more=more and members == meant,
        is_found=occasion.due is not None,
    )


def not_planned(*, campaign: Campaign, pairs: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield those members with their sources for whom nothing is planned, or was done, of it. One query."""
    found = list(pairs)
    rows = Occurrence.objects.using(write_db()).filter(campaign=campaign, source__in={source for _pk, source in found})
    rows = rows.filter(member_id__in={pk for pk, _source in found})
    known = set(rows.values_list("member_id", "source"))
    yield from (pair for pair in found if pair not in known)


def meant_and_in(*, campaign: Campaign, member_ids: list[int], at: datetime) -> list[int]:
    """Return those of these members for whom a campaign is, and who are not held out."""
    meant = meant_now(campaign=campaign, member_ids=member_ids, at=at)
    percent = 0 if campaign.is_public else campaign.program.holdout_percent
    salt = campaign.program.salt
    return [pk for pk in member_ids if pk in meant and not is_held_out(salt=salt, member_id=pk, percent=percent)]
