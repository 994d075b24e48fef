"""
Occasions besides orders, as pure rules: what counts once, whose birthday is due, what a code word reads.

An occasion is what a campaign is about; a store registers its own and tells us when it happens (`extend.act`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.people.rules import birthday_in

#: A gift may come so many days late, for nights without a job; later than that it is none any more.
LATE_DAYS = 7
#: A birthday is told so many days before the gift, where a campaign says nothing else.
TOLD_DAYS = 30
SOURCE = re.compile(r"[a-z0-9:._-]{1,70}")


class Due(Protocol):
    """Finds for whom an occasion comes, each night, over an index: what nobody tells when it happens."""

    def __call__(
        self, *, program: Any, campaign: Any, since: datetime, until: datetime
    ) -> Iterable[tuple[int, str, datetime]]:
        """
        Return the member, the source (what comes once: `birthday:2026`) and the moment of each that comes due from
        `since` on and before `until`; may return some again.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """
    What campaigns may be about. `because` is the code whose words members read; `by_mail` writes them a letter,
    where they are not looking at a page that says it. A campaign that says nothing else is for members with so many
    paid orders that arrived and were kept (`least_orders`).

    It is told as it happens, or found each night by `due`. `params` are the names of what a campaign says of it beside
    (`Campaign.params`).
    """

    because: str = "occasion"
    by_mail: bool = True
    least_orders: int = 0
    due: Due | None = None
    params: tuple[str, ...] = ()


occasions: Registry[Occasion] = Registry("occasion")
SIGN_UP, REVIEW, BIRTHDAY, WORD = "sign-up", "review", "birthday", "word"
JOINED, LEVEL, GOAL, LEAVING = "joined", "level", "goal", "leaving"
ORDER_PLACED, ORDER_FINAL, ORDER_RETURNED = "order-placed", "order-final", "order-returned"
ANNIVERSARY, LATE, DAY, SURPRISE, WARRANTY = "anniversary", "late", "day", "surprise", "warranty"
#: Occasions of an order: with `sets` only of orders with goods of these product sets.
OF_ORDERS = (ORDER_PLACED, ORDER_FINAL, ORDER_RETURNED)
occasions.register(SIGN_UP)(Occasion(because="address_confirmed", by_mail=False))
occasions.register(REVIEW)(Occasion(because="reviewed"))
occasions.register(WORD)(Occasion(because="code_word", by_mail=False))
for _told in (JOINED, LEVEL, GOAL, LEAVING):
    occasions.register(_told)(Occasion())
for _told in OF_ORDERS:
    occasions.register(_told)(Occasion(params=("sets",)))
occasions.register(BIRTHDAY)(Occasion(because="birthday_gift", least_orders=1, params=("told_days",)))
occasions.register(ANNIVERSARY)(Occasion())
occasions.register(LATE)(Occasion())
occasions.register(DAY)(Occasion(params=("month", "day")))
occasions.register(SURPRISE)(Occasion(params=("members",)))
occasions.register(WARRANTY)(Occasion(params=("sets", "months")))


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


def fold(*, word: str) -> str:
    """Return a code word as it is compared: without case, spaces, hyphens and marks that nobody hears."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LN")[:60]


def birthdays_due(*, at: datetime, zone: str) -> Iterator[tuple[date, list[tuple[int, int]]]]:
    """
    Yield the days whose birthdays may get their gift at a moment, the longest ago first, each with the
    (day, month) pairs that are kept on it.
    """
    today = periods.local_day(at=at, zone=zone)
    for late in reversed(range(LATE_DAYS)):
        kept = today - timedelta(days=late)
        pairs = [(kept.day, kept.month), (29, 2)]
        yield (
            kept,
            [pair for pair in dict.fromkeys(pairs) if birthday_in(year=kept.year, day=pair[0], month=pair[1]) == kept],
        )
