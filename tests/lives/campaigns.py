"""
What the oracle says of campaigns: who comes into which, when it is due, and what becomes of it by then.

An occasion comes once a member and campaign (`source`). It waits until it is due, and the job asks then what stands:
it is given, or skipped with its why. What an order or a level had brought goes with it, and comes again with it; what
gave way to another gift comes as that one falls, where its own occasion stands; what was skipped for another reason
stays so, but for what the nights find anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

PLANNED, DONE, SKIPPED, BACK = "planned", "done", "skipped", "back"
#: So long something may come late that was not promised, and so many days back the nights look.
LATE = timedelta(days=7)
#: What came back so long after its order arrived is no occasion any more.
RETURNED_WITHIN = timedelta(days=90)
#: What was withdrawn for one of these reasons comes again, and what was skipped for one of those is found again.
WITHDRAWN = ("order_gone", "goal_missed", "campaign_withdrawn")
MAY_CHANGE = ("not_for_them", "told_too_late", "nothing_left", "no_consent")
OF_ORDERS, FOUND = ("order-placed", "order-final", "order-returned"), ("birthday", "day", "surprise")


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """
    What a campaign says. It gives points, or the reward of the life (`is_reward`), or nothing; one that `says`
    something needs consent where it promises nothing. `params` are those of its occasion.
    """

    code: str
    occasion: str
    points: int = 0
    is_reward: bool = False
    is_public: bool = True
    says: bool = False
    delay: int = 0
    rest: int = 0
    most: int | None = None
    budget: int | None = None
    rank: int = 0
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def is_promise(self) -> bool:
        """Whether it gives something, and members know of it."""
        return self.is_public and self.weight > 0

    @property
    def weight(self) -> int:
        """What of several counts most."""
        return self.points or int(self.is_reward)


@dataclass(kw_only=True, slots=True)
class Occurrence:
    """A member comes into a campaign: since when (`at`) it is in its state, and why where it was skipped or taken."""

    campaign: str
    member: int
    source: str
    due_at: datetime
    at: datetime
    order: int | None = None
    state: str = PLANNED
    why: str = ""


class Campaigns:
    """
    The campaigns of a life, by code and in order of their keys (`keys`), and what they planned and did.

    Asked of the oracle: the level of a member by now (`rank_of`) and whether the points are frozen (`is_frozen`).
    `members` are the people with their keys as members, by which the draws of surprises go.
    """

    def __init__(
        self,
        *,
        campaigns: Iterable[Campaign],
        keys: Mapping[str, int],
        members: Mapping[int, int],
        salt: str,
        zone: str,
        goal: int | None,
    ) -> None:
        self.all = {one.code: one for one in campaigns}
        self.keys, self.members, self.salt, self.zone, self.goal = keys, members, salt, ZoneInfo(zone), goal
        #: In the order in which they were planned.
        self.rows: dict[tuple[str, int, str], Occurrence] = {}
        self.given, self.spent = dict.fromkeys(self.all, 0), dict.fromkeys(self.all, 0)
        self.allows: dict[int, bool] = {}
        #: Day, month, and when they were told.
        self.birthdays: dict[int, tuple[int, int, datetime]] = {}
        self.found_on: tuple[date | None, int] = (None, 0)

    def about(self, *occasions: str) -> list[Campaign]:
        """Return the campaigns of occasions, by code."""
        return sorted((one for one in self.all.values() if one.occasion in occasions), key=lambda one: one.code)

    def day_of(self, at: datetime) -> date:
        """Return the day of a moment on the program's wall."""
        return at.astimezone(self.zone).date()

    def points(self, member: int) -> int:
        """Return the points that stand on an account because of campaigns."""
        rows = (row for row in self.rows.values() if row.member == member and row.state == DONE)
        return sum(self.all[row.campaign].points for row in rows)

    def rewards(self) -> Iterator[tuple[str, int, bool]]:
        """Yield the rewards that were ever given: the key, whose, and whether it is owed."""
        for row in self.rows.values():
            if self.all[row.campaign].is_reward and (row.state == DONE or row.state == BACK):
                yield f"campaign:{self.keys[row.campaign]}:{row.source}", row.member, row.state == DONE

    # Planned -----------------------------------------------------------------------------------------------------

    def tell(self, occasion: str, *, member: int, detail: str, at: datetime, placed_at: datetime | None = None) -> None:
        """
        Something happened to a member: what was withdrawn comes again, and waits again where an order brings it that
        was placed since.
        """
        for one in self.about(occasion):
            row = self.rows.get((one.code, member, f"{occasion}:{detail}"))
            if row is None:
                self._plan(one, member, f"{occasion}:{detail}", happened_at=at, at=at)
            elif row.state in (SKIPPED, BACK) and row.why in WITHDRAWN:
                if placed_at is not None and row.at < placed_at:
                    row.due_at = self._due_at(one, at)
                self._stand_again(row, at)

    def joined(self, member: int, at: datetime) -> None:
        """Somebody takes part."""
        for one in self.about("joined"):
            self._plan(one, member, "joined", happened_at=at, at=at)

    def withdraw(self, source: str, *, member: int, why: str, at: datetime) -> None:
        """What happened did not."""
        self._undo([row for row in self.rows.values() if (row.member, row.source) == (member, source)], why, at)

    def reached_together(self, code: str, *, member: int, source: str, due_at: datetime, at: datetime) -> None:
        """Two members who were one for a moment reached what neither has: it comes with what one reaches alone."""
        why = {"level": "campaign_withdrawn", "goal": "goal_missed"}[source.partition(":")[0]]
        self.rows[code, member, source] = Occurrence(
            campaign=code, member=member, source=source, due_at=due_at, at=at, state=SKIPPED, why=why
        )

    def fell(self, member: int, *, rank: int, since: datetime, at: datetime) -> None:
        """A return took the levels above one, the first of which had been climbed to since a moment."""
        lost = []
        for row in self.rows.values():
            if row.member == member and row.source.startswith("level:"):
                _level, reached, day = row.source.split(":")
                if int(reached) > rank and day >= self.day_of(since).isoformat():
                    lost.append(row)
        self._undo(lost, "campaign_withdrawn", at)

    def follow(self, orders: Iterable[tuple[int, Any]], at: datetime) -> None:
        """See which occasions these orders have by now."""
        mine = [(pk, order) for pk, order in orders if order.owner is not None and order.parts]
        known = {pk: [row for row in self.rows.values() if row.order == pk] for pk, _order in mine}
        gone = []
        for pk, order in mine:
            for row in known[pk]:
                campaign = self.all[row.campaign]
                if campaign.occasion not in _occasions(order, campaign):
                    gone.append(row)
                elif row.state in (SKIPPED, BACK) and row.why in WITHDRAWN:
                    self._stand_again(row, at)
        self._undo(gone, "order_gone", at)
        for pk, order in mine:
            there = {row.campaign for row in known[pk]}
            is_recent = order.final_at is not None and order.final_at > at - RETURNED_WITHIN
            moments = dict(zip(OF_ORDERS, (order.placed_at, order.final_at, at if is_recent else None), strict=True))
            for one in self.about(*OF_ORDERS):
                moment = moments[one.occasion]
                if one.code not in there and moment is not None and one.occasion in _occasions(order, one):
                    source = f"order:{pk}:{one.occasion.removeprefix('order-')}"
                    self._plan(one, order.owner, source, happened_at=moment, at=at, order=pk)

    def _plan(
        self, campaign: Campaign, member: int, source: str, *, happened_at: datetime, at: datetime, order: Any = None
    ) -> None:
        due_at = self._due_at(campaign, happened_at)
        key = campaign.code, member, source
        if due_at >= at - LATE and key not in self.rows:
            self.rows[key] = Occurrence(
                campaign=campaign.code, member=member, source=source, due_at=due_at, at=at, order=order
            )

    def _due_at(self, campaign: Campaign, happened_at: datetime) -> datetime:
        return (happened_at.astimezone(self.zone) + timedelta(days=campaign.delay)).astimezone(UTC)

    def _stand_again(self, row: Occurrence, at: datetime) -> None:
        row.state, row.at, row.due_at, row.why = PLANNED, at, max(row.due_at, at), ""

    def _undo(self, rows: Iterable[Occurrence], why: str, at: datetime) -> None:
        """The occasions of these are gone; then what gave way to them and whose occasion stands comes instead."""
        gone = [row for row in rows if row.state in (PLANNED, DONE) or row.why == "gives_less"]
        fallen = [row for row in gone if row.state in (PLANNED, DONE)]
        for row in gone:
            if row.state == DONE:
                self.given[row.campaign] -= 1
                self.spent[row.campaign] -= self.all[row.campaign].points
            row.state, row.why, row.at = BACK if row.state == DONE else SKIPPED, why, at
        for row in fallen:
            self._let_less_come(row, at)

    def _let_less_come(self, row: Occurrence, at: datetime) -> None:
        """One of several promises for a source comes no more: those that give less are looked at again."""
        if not self.all[row.campaign].is_promise:
            return
        others = self._others(row)
        for other in others:
            if other.why == "gives_less" and all(one.state != DONE for one in others):
                self._stand_again(other, at)

    # Found -------------------------------------------------------------------------------------------------------

    def night(
        self, at: datetime, *, zone: str, rank_of: Callable[[int], int], is_frozen: Callable[[int], bool]
    ) -> None:
        """The job runs: it looks once a day for each campaign (on after the last that found somebody), then gives."""
        today = at.astimezone(ZoneInfo(zone)).date()
        day, last = self.found_on
        last = last if day == today else 0
        for one in sorted(self.about(*FOUND), key=lambda one: self.keys[one.code]):
            if self.keys[one.code] > last and self._find(one, at, rank_of):
                last = self.keys[one.code]
        self.found_on = today, last
        while due := [row for row in self.rows.values() if row.state == PLANNED and row.due_at <= at]:
            for row in sorted(due, key=lambda row: row.due_at):
                self._carry_out(row, at, rank_of, is_frozen)

    def _find(self, campaign: Campaign, at: datetime, rank_of: Callable[[int], int]) -> bool:
        """Plan what is found for a campaign; returns whether anything was, planned already or not."""
        today = self.day_of(at)
        days = [today - timedelta(days=back) for back in range(LATE.days - 1, -1, -1)]
        ways = {"birthday": self._birthdays, "day": self._on_its_day, "surprise": self._surprises}
        found = [
            (member, source, datetime.combine(day, time.min, self.zone).astimezone(UTC))
            for day in days
            for member, source in ways[campaign.occasion](campaign, day, at, rank_of)
        ]
        is_for_all = campaign.occasion == "day" and not campaign.is_promise and campaign.says
        for member, source, start in found:
            if is_for_all and not self.allows.get(member):
                continue  # Of a day of everybody's only who may be written to is written down.
            row = self.rows.get((campaign.code, member, source))
            if row is None:
                self._plan(campaign, member, source, happened_at=start, at=at)
            elif row.state == SKIPPED and row.why in MAY_CHANGE:
                row.state, row.at, row.why = PLANNED, at, ""
        return bool(found)

    def _birthdays(self, campaign: Campaign, day: date, at: datetime, rank_of: Any) -> Iterator[tuple[int, str]]:
        for member, (number, month, told_at) in sorted(self.birthdays.items(), key=self._by_key):
            if (number, month) == (day.day, day.month) and told_at <= at:
                yield member, f"birthday:{day.year}"

    def _on_its_day(self, campaign: Campaign, day: date, at: datetime, rank_of: Any) -> Iterator[tuple[int, str]]:
        if (campaign.params["day"], campaign.params["month"]) == (day.day, day.month):
            for member in sorted(self.members, key=self.members.__getitem__):
                if (campaign.code, member, f"day:{day.isoformat()}") not in self.rows:
                    yield member, f"day:{day.isoformat()}"

    def _surprises(
        self, campaign: Campaign, day: date, at: datetime, rank_of: Callable[[int], int]
    ) -> Iterator[tuple[int, str]]:
        """The draw of a month: nobody twice in a year, only whom the campaign is for and who may be told of it."""
        if day.day != 1:
            return
        source = f"surprise:{day.year}-{day.month:02}"
        drawn = [row for row in self.rows.values() if row.campaign == campaign.code]
        had = {row.member for row in drawn}
        salt = f"{self.salt}:{self.keys[campaign.code]}:{source}"
        free = [member for member in self.members if member not in had and rank_of(member) >= campaign.rank]
        free = [member for member in free if not campaign.says or self.allows.get(member)]
        free.sort(key=lambda member: sha256(f"{salt}:{self.members[member]}".encode()).digest()[:8])
        places = campaign.params["members"] - sum(row.source == source for row in drawn)
        yield from ((member, source) for member in free[: max(0, places)])

    def _by_key(self, one: tuple[int, Any]) -> int:
        return self.members[one[0]]

    # Carried out -------------------------------------------------------------------------------------------------

    def _carry_out(self, row: Occurrence, at: datetime, rank_of: Callable[[int], int], is_frozen: Any) -> None:
        campaign = self.all[row.campaign]
        row.why = self._against(row, campaign, at, rank_of, is_frozen)
        row.at, row.state = at, SKIPPED if row.why else DONE
        if row.state == DONE:
            self.given[campaign.code] += 1
            self.spent[campaign.code] += campaign.points
        elif row.why != "gives_less":
            self._let_less_come(row, at)

    def _against(self, row: Occurrence, campaign: Campaign, at: datetime, rank_of: Any, is_frozen: Any) -> str:
        """Return what speaks against a gift by now, in the words of the product."""
        rank = rank_of(row.member)
        if not campaign.is_promise and row.due_at < at - LATE:
            return "too_late"
        if campaign.occasion == "level" and rank < int(row.source.split(":")[1]):
            return "moment_over"
        if campaign.occasion == "birthday" and self._told_late(row, campaign, at):
            return "told_too_late"
        if rank < campaign.rank:
            return "not_for_them"
        if campaign.rest and self._rests(row, campaign, at):
            return "too_soon"
        if campaign.is_promise and self._is_outdone(row, campaign, rank):
            return "gives_less"
        if not campaign.is_promise and is_frozen(row.member):
            return "frozen"
        if not campaign.is_promise and campaign.says and not self.allows.get(row.member):
            return "no_consent"
        return "" if self._has_left(campaign) else "nothing_left"

    def _told_late(self, row: Occurrence, campaign: Campaign, at: datetime) -> bool:
        number, month, told_at = self.birthdays[row.member]
        kept = date(int(row.source.partition(":")[2]), month, number)
        return (kept - self.day_of(told_at)).days < campaign.params["told_days"] or self.day_of(at) < kept

    def _rests(self, row: Occurrence, campaign: Campaign, at: datetime) -> bool:
        since = at - timedelta(days=campaign.rest)
        return any(
            other is not row and other.campaign == row.campaign and other.member == row.member
            and other.state == DONE and other.at > since
            for other in self.rows.values()
        )  # fmt: skip

    def _is_outdone(self, row: Occurrence, campaign: Campaign, rank: int) -> bool:
        """Of several that promise something for one source that which gives most counts, once."""
        others = self._others(row)
        if any(other.state == DONE for other in others):
            return True
        waiting = [self.all[other.campaign] for other in others if other.state == PLANNED]
        return any(
            self._place(one) < self._place(campaign) and self._has_left(one) and rank >= one.rank for one in waiting
        )

    def _others(self, row: Occurrence) -> list[Occurrence]:
        """What other campaigns promised for the same source."""
        return [
            other
            for other in self.rows.values()
            if other is not row and (other.member, other.source) == (row.member, row.source)
            and self.all[other.campaign].is_promise
        ]  # fmt: skip

    def _place(self, campaign: Campaign) -> tuple[int, int]:
        return -campaign.weight, self.keys[campaign.code]

    def _has_left(self, campaign: Campaign) -> bool:
        has_times = campaign.most is None or self.given[campaign.code] < campaign.most
        return has_times and (campaign.budget is None or self.spent[campaign.code] + campaign.points <= campaign.budget)


def _occasions(order: Any, campaign: Campaign) -> set[str]:
    """Return which occasions an order has by now, by what is left of it in the campaign's sets."""
    codes = set(campaign.params.get("sets", ()))
    parts = [part for part in order.parts if not codes or part.sets & codes]
    stands = not order.dead and any(part.gone < part.quantity for part in parts)
    went_back = bool(parts) and (order.dead or any(part.gone for part in parts))
    found = {"order-placed"} if stands else set()
    if order.final_at is not None:
        found |= {"order-final"} if stands else set()
        found |= {"order-returned"} if went_back else set()
    return found
