"""What the pages of a sale show: dates in words, how long still, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import QuotaCounter, Sale
from loyalty_oscar.kernel.rounding import per_mille
from loyalty_oscar.program import money
from loyalty_oscar.program import words as program_words

from . import words


def how_long(*, span: timedelta) -> str:
    """Return a span in words, to the hour from a day on: "1 day and 14 hours", "3 hours and 5 minutes"."""
    minutes = max(0, int(span.total_seconds()) // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    told = [
        npgettext("loyalty", "%(number)s day", "%(number)s days", days) % {"number": money.number(days)},
        npgettext("loyalty", "%(number)s hour", "%(number)s hours", hours) % {"number": money.number(hours)},
        npgettext("loyalty", "%(number)s minute", "%(number)s minutes", minutes) % {"number": money.number(minutes)},
    ]
    pairs = [(days, told[0]), (hours, told[1]), (minutes, told[2])]
    first = next((place for place, (number, _text) in enumerate(pairs) if number), 2)
    shown = [text for number, text in pairs[first : first + 2] if number] or [told[2]]
    if len(shown) == 1:
        return shown[0]
    return pgettext("loyalty", "%(most)s and %(rest)s") % {"most": shown[0], "rest": shown[1]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """An instant as a page tells it: in the program's time zone, which the page's script moves to the visitor's."""

    at: datetime
    zone: str

    @property
    def iso(self) -> str:
        """For machines, with the distance from UTC."""
        return self._local.isoformat(timespec="seconds")

    @property
    def day(self) -> str:
        """ "Monday 11 May"."""
        return program_words.day(self.at, zone=self.zone, year=False, weekday=True)

    @property
    def text(self) -> str:
        """ "Monday 11 May, 00:00 (CEST)"."""
        return f"{self.day}, {self._local:%H:%M} ({self._local:%Z})"

    @property
    def _local(self) -> datetime:
        return self.at.astimezone(ZoneInfo(self.zone))


@dataclass(frozen=True, kw_only=True)
class SaleRow:
    """A sale for one visitor at a moment."""

    sale: Sale
    admission: rules.Admission
    at: datetime

    @property
    def opening(self) -> str:
        """Who gets in when, or pays less from when, in one line."""
        return words.cheaper(sale=self.sale) if self.sale.dates.is_open else words.opening(sale=self.sale)

    @property
    def sells(self) -> bool:
        """Whether the visitor may buy, be it at the normal price."""
        return self.admission.buys or self.sale.dates.is_open

    @property
    def is_public(self) -> bool:
        """Whether everybody may buy."""
        return rules.is_public(sale=self.sale.dates, at=self.at)

    @property
    def next(self) -> Moment | None:
        """What the visitor waits for: the opening, then the day when everybody comes, then the end."""
        if not self.admission.buys:
            return self._moment(self.admission.opens_at)
        return self.ends if self.is_public else self.public or self.ends

    @property
    def public(self) -> Moment | None:
        """When everybody may buy."""
        return self._moment(self.sale.public_from)

    @property
    def ends(self) -> Moment | None:
        """When the sale is over."""
        return self._moment(self.sale.ends_at)

    @property
    def left(self) -> str:
        """How long until the next moment, in words."""
        return how_long(span=self.next.at - self.at) if self.next else ""

    @property
    def first(self) -> str:
        """Who gets in before everybody: "Gold first", "Gold only"; nothing once everybody does."""
        doors = [] if self.is_public else [door for door in self.doors if door.rank is not None]
        if not doors:
            return ""
        if self.public is None:
            return pgettext("loyalty", "%(who)s only") % {"who": doors[0].who}
        return pgettext("loyalty", "%(who)s first") % {"who": doors[0].who}

    @property
    def doors(self) -> list[Way]:
        """
        Who gets in from when, earliest first; who comes no earlier than everybody has no line of their own, and the
        segments of a hidden sale are not told.
        """
        public, is_hidden = self.sale.public_from, self.sale.dates.is_hidden
        doors = [door for door in self.sale.doors.all() if public is None or door.buys_from < public]
        doors = [door for door in doors if not (is_hidden and door.segment_id)]
        doors.sort(key=lambda door: (door.buys_from, -door.rank))
        found = [
            Way(who=words.for_whom(door=door), opens=self._moment(door.buys_from), rank=door.rank) for door in doors
        ]
        return [*found, Way(who=pgettext("loyalty", "Everyone"), opens=self.public)] if public else found

    def _moment(self, at: datetime | None) -> Moment | None:
        return Moment(at=at, zone=self.sale.program.time_zone) if at else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way into a sale: for whom (`rank` of a level, 0 = none, None = everybody), and from when on."""

    who: str
    opens: Moment
    rank: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What is left of a counted sale, and whether this visitor's pieces are kept from the preview on."""

    sale: Sale
    count: QuotaCounter | None
    is_kept: bool = False

    @property
    def left(self) -> int | None:
        """Pieces that are left, or None where only each member's are counted."""
        return self.sale.quota - self.count.taken if self.count else None

    @property
    def text(self) -> str:
        """ "11 of 40"."""
        return pgettext("loyalty", "%(left)s of %(all)s") % {
            "left": money.number(self.left),
            "all": money.number(self.sale.quota),
        }

    @property
    def per_mille(self) -> int:
        """How much is left, of a thousand."""
        return per_mille(part=self.left, whole=self.sale.quota)

    @property
    def each(self) -> str:
        """How many each member may have: "At most 1 for each member."; nothing where that is not counted."""
        number = self.sale.per_member
        if number is None:
            return ""
        return pgettext("loyalty", "At most %(number)s for each member.") % {"number": money.number(number)}
