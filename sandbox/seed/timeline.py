"""
Eighteen months of a shop, decided before anything is written: who buys what, and what becomes of it.

Plain data in, plain events out, in order of time. The same `today` gives the same past.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from .catalogue import VOUCHER, Article
from .people import Person

ZONE = ZoneInfo("Europe/Berlin")
DAYS = 548
RETURN_PERIOD = timedelta(days=14)
AISLES = {"dog": "Dogs", "cat": "Cats", "small-pet": "Small pets"}
CANCELLED, RETURNED, WITH_VOUCHER = 0.05, 0.11, 0.02

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


def timeline(*, people: Sequence[Person], articles: Sequence[Article], today: datetime) -> list[Event]:
    """Return all events up to `today` (aware), oldest first."""
    chance = random.Random("tumblepaw")
    taken: set[datetime] = set()
    events: list[Event] = []
    for person in people:
        told = isinstance(person.orders, tuple)
        stories = _told(person, today) if told else _made_up(person, articles, today, chance)
        for purchase, fate in stories:
            if purchase.placed_at in taken:
                raise ValueError(f"two purchases at {purchase.placed_at}")
            taken.add(purchase.placed_at)
            events += fate
    return sorted(event for event in events if event.at <= today)


def joined(events: Sequence[Event]) -> dict[str, datetime]:
    """Return when each customer opened an account: minutes before the first order."""
    first: dict[str, datetime] = {}
    for event in events:
        first.setdefault(event.purchase.email, event.at - timedelta(minutes=11))
    return first


# -- Demo people: their orders stand in people.toml --------------------------------------------------------------------


def _told(person: Person, today: datetime) -> Iterator[tuple[Purchase, list[Event]]]:
    for number, order in enumerate(person.orders):
        if order.get("expires"):
            placed = _lasts_until_end_of_month(today) - timedelta(days=3)
        else:
            ago = timedelta(days=order["ago"], hours=order.get("hours", 0))
            placed = today - ago if ago < timedelta(days=1) else (today - ago).replace(hour=19, minute=12)
        placed = placed.replace(second=17 + number, microsecond=0)
        purchase = Purchase(
            email=person.email,
            guest=False,
            placed_at=placed,
            lines=tuple(order["lines"].items()),
            use=order.get("use", 0),
        )
        fate = _arrives(purchase, hours=(15, 22, 66))
        if "back" in order:
            back_at = placed + timedelta(days=order["back_after"])
            fate.append(Event(at=back_at, kind="returned", purchase=purchase, units=tuple(order["back"].items())))
        yield purchase, fate


def _lasts_until_end_of_month(today: datetime) -> datetime:
    """Return a delivery whose points, ready after 14 days and good for 12 months, run out as this month ends."""
    return datetime.combine(_months_earlier(today.date(), 12).replace(day=10), today.timetz()) - RETURN_PERIOD


def _months_earlier(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


# -- Everybody else: made up, with habits ------------------------------------------------------------------------------


def _made_up(
    person: Person, articles: Sequence[Article], today: datetime, chance: random.Random
) -> Iterator[tuple[Purchase, list[Event]]]:
    aisles = tuple(AISLES[pet] for pet in person.pets)
    wanted = [article for article in articles if article.category.startswith(aisles)]
    usual = chance.choice([article for article in wanted if article.product_class == "Food"])
    for moment in _moments(person.orders, today, chance):
        purchase = Purchase(
            email=person.email,
            guest=person.guest,
            placed_at=moment,
            lines=_lines(wanted, usual, chance),
            voucher=VOUCHER if not person.guest and chance.random() < WITH_VOUCHER else "",
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
