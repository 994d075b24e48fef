"""
Occasions, as pure rules: what counts once, on which days something is due, who is left out, what a code word reads.

An occasion is what a campaign is about; a store registers its own and tells us when it happens (`extend.act`), or finds
it each night.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.people.rules import birthday_in

#: A gift may come so many days late, for nights without a job; later than that it is none any more.
LATE_DAYS = 7
#: A birthday is told so many days before the gift, where a campaign says nothing else.
TOLD_DAYS = 30
SOURCE = re.compile(r"[a-z0-9:._-]{1,70}")
CLIMB = re.compile(r"level:(\d{1,9}):(\d{4}-\d\d-\d\d)")


class FindsDue(Protocol):
    """Finds for whom an occasion comes, each night, over an index: what nobody tells when it happens."""

    def __call__(
        self, *, program: Any, campaign: Any, since: datetime, until: datetime
    ) -> Iterable[tuple[int, str, datetime]]:
        """
        Return the member, the source (what comes once: `birthday:2026`) and the moment of each that comes from `since`
        to `until`, both included; it may return some again.
        """
        ...


class Stands(Protocol):
    """Says of what was planned whether its occasion still stands, as it is carried out and as its letter leaves."""

    def __call__(self, *, occurrence: Any, at: datetime) -> str:
        """Return the because code of what speaks against it by now, or nothing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """
    What campaigns may be about. `because` is the code whose words members read; `by_mail` writes them a letter,
    where they are not looking at a page that says it. A campaign that says nothing else is for members with so many
    paid orders that arrived and were kept (`least_orders`).

    It is told as it happens, or found each night by `due`; `stands` is asked before anything comes of it. One that is
    `for_all` finds every member at once, so nothing is planned where a letter is all that would come, and may not.
    `params` are the names of what a campaign says of it beside (`Campaign.params`).
    """

    because: str = "occasion"
    by_mail: bool = True
    least_orders: int = 0
    due: FindsDue | None = None
    stands: Stands | None = None
    for_all: bool = False
    params: tuple[str, ...] = ()


occasions: Registry[Occasion] = Registry("occasion", Occasion)
SIGN_UP, REVIEW, BIRTHDAY, WORD = "sign-up", "review", "birthday", "word"
JOINED, LEVEL, GOAL, LEAVING = "joined", "level", "goal", "leaving"
ORDER_PLACED, ORDER_FINAL, ORDER_RETURNED = "order-placed", "order-final", "order-returned"
ANNIVERSARY, LATE, DAY, SURPRISE, WARRANTY = "anniversary", "late", "day", "surprise", "warranty"
#: Occasions of an order: with `sets` only of orders with goods of these product sets.
OF_ORDERS = (ORDER_PLACED, ORDER_FINAL, ORDER_RETURNED)
occasions.register(SIGN_UP)(Occasion(because="address_confirmed", by_mail=False))
occasions.register(REVIEW)(Occasion(because="reviewed"))
occasions.register(WORD)(Occasion(because="code_word", by_mail=False))
for _told in (JOINED, GOAL):
    occasions.register(_told)(Occasion())
for _told in OF_ORDERS:
    occasions.register(_told)(Occasion(params=("sets",)))


class Dated(Protocol):
    """What has dates: from (inclusive) and until (exclusive), None = open."""

    @property
    def starts_at(self) -> datetime | None:
        """The first moment that is within them."""

    @property
    def ends_at(self) -> datetime | None:
        """The first moment that is too late."""


def in_time(*, dated: Dated, at: datetime) -> bool:
    """Return whether a moment lies within the dates of a campaign or a goal."""
    has_begun = dated.starts_at is None or dated.starts_at <= at
    return has_begun and (dated.ends_at is None or at < dated.ends_at)


def source_of(*, occasion: str, detail: str = "") -> str:
    """Return what counts once per member: "review:42". Raises `LoyaltyError` for what is no key of the ledger."""
    source = f"{occasion}:{detail}" if detail else occasion
    if not SOURCE.fullmatch(source):
        raise LoyaltyError(f"what counts once is 1 to 70 of a-z 0-9 : . _ -, not {source!r}")
    return source


def climb_of(*, source: str) -> tuple[int, str] | None:
    """Return the rank and the day (ISO) of a climb to a level, None for what a store told of levels by itself."""
    found = CLIMB.fullmatch(source)
    return (int(found[1]), found[2]) if found else None


def fold(*, word: str) -> str:
    """Return a code word as it is compared: without case, spaces, hyphens and marks that nobody hears."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LN")[:60]


def look_back(*, at: datetime, zone: str) -> datetime:
    """Return from when on something may still come at a moment: the start of the day six days ago."""
    return periods.start_of_day(day=periods.local_day(at=at, zone=zone) - timedelta(days=LATE_DAYS - 1), zone=zone)


def days_between(*, since: datetime, until: datetime, zone: str) -> Iterator[date]:
    """Yield the days that begin between two moments, both included, the longest ago first."""
    day, last = periods.local_day(at=since, zone=zone), periods.local_day(at=until, zone=zone)
    while day <= last:
        if periods.start_of_day(day=day, zone=zone) >= since:
            yield day
        day += timedelta(days=1)


def pairs_on(*, day: date) -> list[tuple[int, int]]:
    """Return the (day, month) pairs that are kept on a day: on 28 February also 29 February, where there is none."""
    pairs = dict.fromkeys([(day.day, day.month), (29, 2)])
    return [pair for pair in pairs if birthday_in(year=day.year, day=pair[0], month=pair[1]) == day]


def years_before(*, day: date, first: date) -> list[date]:
    """Return the days of earlier years, from a first one on, whose anniversary is kept on a day."""
    found = []
    for year in range(first.year, day.year):
        for number, month in pairs_on(day=day):
            kept = birthday_in(year=year, day=number, month=month)
            if (kept.day, kept.month) == (number, month) and kept >= first:
                found.append(kept)
    return found


def months_before(*, day: date, months: int) -> list[date]:
    """Return the days of which so many months later is a day: of 28 February also the 29th to the 31st of before."""
    about = periods.add_months(day=day, months=-months)
    near = (about + timedelta(days=offset) for offset in range(-3, 4))
    return [one for one in near if periods.add_months(day=one, months=months) == day]


def due_after(*, at: datetime, days: int, zone: str) -> datetime:
    """Return the instant (UTC) so many days later by the clock on the wall, whatever it was put forward or back."""
    return (at.astimezone(ZoneInfo(zone)) + timedelta(days=days)).astimezone(UTC) if days else at


def moment_of(*, due_at: datetime, at: datetime, zone: str) -> datetime:
    """Return the moment by which a campaign must have begun for what came due: now, at most the end of that day."""
    over = periods.start_of_day(day=periods.local_day(at=due_at, zone=zone) + timedelta(days=1), zone=zone)
    return min(at, over - timedelta(microseconds=1))


def chance(*, salt: str, about: str) -> int:
    """Return a large number that nobody foresees and that is always the same for what it is about."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{about}".encode()).digest()[:8])


def is_held_out(*, salt: str, member_id: int, percent: int) -> bool:
    """Return whether a member gets no surprises, for life; of more percent those of fewer are a part."""
    return chance(salt=salt, about=f"holdout:{member_id}") % 100 < percent
