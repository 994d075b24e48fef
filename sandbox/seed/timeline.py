"""
Eighteen months of a shop, decided before anything is written: who buys what, and what becomes of it.

Plain data in, plain events out, in order of time. The same `today` gives the same past.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from .catalogue import VOUCHER, Article
from .people import Person

ZONE = ZoneInfo("Europe/Berlin")
DAYS = 548
RETURN_PERIOD = timedelta(days=14)
CLOSED_FOR = timedelta(days=10)
AISLES = {"dog": "Dogs", "cat": "Cats", "small-pet": "Small pets"}
CANCELLED, RETURNED, WITH_VOUCHER = 0.05, 0.11, 0.02
#: So many orders of customers are partly paid with what they have, and with how much of it.
WITH_PAWS, PAWS = 0.3, (50, 100, 200)

Kind = Literal["placed", "picked", "shipped", "delivered", "returned", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """An order to be: `lines` are (article, quantity), `use` paws pay for it. No two are placed at the same moment."""

    email: str
    guest: bool
    placed_at: datetime
    lines: tuple[tuple[str, int], ...]
    voucher: str = ""
    use: int = 0


@dataclass(frozen=True, kw_only=True, order=True)
class Event:
    """Something that happens to a purchase at a moment; `units` are (article, quantity) that come back."""

    at: datetime
    kind: Kind = field(compare=False)
    purchase: Purchase = field(compare=False)
    units: tuple[tuple[str, int], ...] = field(default=(), compare=False)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What the shop or a member does besides orders, once: `do` is called with the past's player and the moment."""

    at: datetime
    do: Callable[..., Any]


def ten_oclock(*, today: datetime, days: int) -> datetime:
    """Return ten in the morning so many days from today, the hour at which the shop begins things."""
    return (today + timedelta(days=days)).replace(hour=10, minute=0, second=0, microsecond=0)


def timeline(
    *, people: Sequence[Person], articles: Sequence[Article], today: datetime, closed: frozenset[str] = frozenset()
) -> list[Event]:
    """
    Return all events up to `today` (aware), oldest first.

    `closed` are articles that nobody takes in the last days, because an exclusive sale keeps them.
    """
    chance, thrift = random.Random("tumblepaw"), random.Random("paws")
    taken: set[datetime] = set()
    events: list[Event] = []
    for place, person in enumerate(people):
        if isinstance(person.orders, tuple):
            stories = _told(person, today, (12 + 7 * place) % 60)
        else:
            stories = _made_up(person, articles, today, chance, closed, thrift)
        for purchase, fate in stories:
            if purchase.placed_at in taken:
                raise ValueError(f"two purchases at {purchase.placed_at}")
            taken.add(purchase.placed_at)
            events += fate
    return sorted(event for event in events if event.at <= today)


def joined(events: Sequence[Event | Happening]) -> dict[str, datetime]:
    """Return when each customer opened an account: minutes before the first order."""
    first: dict[str, datetime] = {}
    for event in events:
        if isinstance(event, Event) and not event.purchase.guest:
            first.setdefault(event.purchase.email, event.at - timedelta(minutes=11))
    return first


# -- Demo people: their orders stand in people.toml --------------------------------------------------------------------


def _told(person: Person, today: datetime, minute: int) -> Iterator[tuple[Purchase, list[Event]]]:
    moments = _moments_told(person, today, minute)
    for order, moment in zip(person.orders, moments, strict=True):
        purchase = Purchase(
            email=person.email,
            guest=order.get("guest", False),
            placed_at=moment,
            lines=tuple(order["lines"].items()),
            use=order.get("use", 0),
        )
        fate = _arrives(purchase, hours=(15, 22, 66))
        if "back" in order:
            back_at = moment + timedelta(days=order["back_after"])
            fate.append(Event(at=back_at, kind="returned", purchase=purchase, units=tuple(order["back"].items())))
        yield purchase, fate


def _moments_told(person: Person, today: datetime, minute: int) -> list[datetime]:
    """
    Return when each order of somebody was placed, moved to where the `year` that it counts in asks for it.

    `minute` after seven in the evening is the person's own, so that no two purchases are placed at once.
    """
    agos = [timedelta(days=order.get("ago", 0), hours=order.get("hours", 0)) for order in person.orders]
    if person.year == "one":
        agos = _in_one_year(agos, today)
    moments = [
        _days_ago(ago, number, today, minute) if "ago" in order else _expiring(number, today)
        for number, (order, ago) in enumerate(zip(person.orders, agos, strict=True))
    ]
    return _in_this_year(moments, today) if person.year == "this" else moments


def _days_ago(ago: timedelta, number: int, today: datetime, minute: int) -> datetime:
    placed = today - ago if ago < timedelta(days=1) else (today - ago).replace(hour=19, minute=minute)
    return placed.replace(second=17 + number, microsecond=0)


def _in_one_year(agos: Sequence[timedelta], today: datetime) -> list[timedelta]:
    """Move orders back together until they lie in one calendar year, so that they carry a level together."""
    first, last = (today - max(agos)).date(), (today - min(agos)).date()
    back = timedelta() if first.year == last.year else last - date(first.year, 12, 31)
    return [ago + back for ago in agos]


def _in_this_year(moments: Sequence[datetime], today: datetime) -> list[datetime]:
    """
    Move what lies before this calendar year into what has passed of it, in the order of the orders; what is older than
    a year stays, for who was there before.
    """
    start, year = datetime(today.year, 1, 1, tzinfo=today.tzinfo), timedelta(days=366)
    pace = (today - start) / (len(moments) + 1)
    return [
        start + pace * number if today - year < moment <= start else moment
        for number, moment in enumerate(moments, start=1)
    ]


def _expiring(number: int, today: datetime) -> datetime:
    placed = _lasts_until_end_of_month(today) - timedelta(days=3)
    return placed.replace(second=17 + number, microsecond=0)


def _lasts_until_end_of_month(today: datetime) -> datetime:
    """Return a delivery whose points, ready after 14 days and good for 12 months, run out as this month ends."""
    return datetime.combine(_months_earlier(today.date(), 12).replace(day=10), today.timetz()) - RETURN_PERIOD


def _months_earlier(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


# -- Everybody else: made up, with habits ------------------------------------------------------------------------------


def _made_up(
    person: Person,
    articles: Sequence[Article],
    today: datetime,
    chance: random.Random,
    closed: frozenset[str],
    thrift: random.Random,
) -> Iterator[tuple[Purchase, list[Event]]]:
    aisles = tuple(AISLES[pet] for pet in person.pets)
    wanted = [article for article in articles if article.category.startswith(aisles)]
    usual = chance.choice([article for article in wanted if article.product_class == "Food"])
    for moment in _moments(person.orders, today, chance):
        lines = _lines(wanted, usual, chance)
        if moment > today - CLOSED_FOR:
            lines = tuple(line for line in lines if line[0] not in closed) or ((usual.upc, 1),)
        purchase = Purchase(
            email=person.email,
            guest=person.guest,
            placed_at=moment,
            lines=lines,
            voucher=VOUCHER if not person.guest and chance.random() < WITH_VOUCHER else "",
            use=thrift.choice(PAWS) if thrift.random() < WITH_PAWS else 0,
        )
        yield purchase, _fate(purchase, chance)


def _moments(orders: int, today: datetime, chance: random.Random) -> list[datetime]:
    """Spread orders over the past at a steady pace, each some days off; those who buy once come at any time."""
    pace = DAYS / orders
    start = chance.uniform(0, pace)
    moments = []
    for number in range(orders):
        days_ago = max(0.2, DAYS - start - pace * number + chance.gauss(0, pace / 5))
        day = (today - timedelta(days=min(days_ago, DAYS))).date()
        clock_time = timedelta(hours=chance.choice((8, 11, 12, 17, 19, 20, 21, 22)), seconds=chance.randrange(3600))
        moments.append(datetime.combine(day, datetime.min.time(), ZONE) + clock_time)
    return moments


def _lines(wanted: Sequence[Article], usual: Article, chance: random.Random) -> tuple[tuple[str, int], ...]:
    lines: dict[str, int] = {}
    if chance.random() < 0.65:
        lines[usual.upc] = chance.choice((1, 1, 1, 2))
    for article in chance.sample(wanted, chance.choice((1, 1, 1, 2, 2, 3))):
        small = article.price < 15
        lines.setdefault(article.upc, chance.choice((1, 2, 2, 3)) if small else 1)
    return tuple(lines.items())


def _fate(purchase: Purchase, chance: random.Random) -> list[Event]:
    if chance.random() < CANCELLED:
        return [
            Event(at=purchase.placed_at, kind="placed", purchase=purchase),
            Event(at=purchase.placed_at + timedelta(hours=chance.uniform(1, 10)), kind="cancelled", purchase=purchase),
        ]
    picked = chance.uniform(4, 16)
    shipped = picked + chance.uniform(2, 20)
    delivered = shipped + chance.uniform(24, 72)
    fate = _arrives(purchase, hours=(picked, shipped, delivered))
    if chance.random() < RETURNED:
        article, quantity = chance.choice(purchase.lines)
        back_at = fate[-1].at + timedelta(days=chance.uniform(2, 13))
        units = ((article, chance.randint(1, quantity)),)
        fate.append(Event(at=back_at, kind="returned", purchase=purchase, units=units))
    return fate


def _arrives(purchase: Purchase, *, hours: tuple[float, float, float]) -> list[Event]:
    kinds: tuple[Kind, ...] = ("picked", "shipped", "delivered")
    return [
        Event(at=purchase.placed_at, kind="placed", purchase=purchase),
        *(
            Event(at=purchase.placed_at + timedelta(hours=after), kind=kind, purchase=purchase)
            for kind, after in zip(kinds, hours, strict=True)
        ),
    ]
