"""What the pages of a sale show: dates in words, how long still, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Count, Sale
from loyalty_oscar.kernel.rounding import per_mille
from loyalty_oscar.program import money

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


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sale for one visitor at a moment."""

    sale: Sale
    admission: rules.Admission
    at: datetime

    @property
    def opening(self) -> str:
        """Who gets in when, in one line."""
        return words.opening(sale=self.sale)

    @property
    def is_public(self) -> bool:
        """Whether everybody may buy."""
        return rules.is_public(sale=self.sale.dates, at=self.at)

    @property
    def next_moment(self) -> datetime | None:
        """What the visitor waits for: the opening, then the day when everybody comes, then the end."""
        if not self.admission.buys:
            return self.admission.opens_at
        return self.sale.ends_at if self.is_public else self.sale.public_from or self.sale.ends_at

    @property
    def left(self) -> str:
        """How long until then, in words."""
        return how_long(span=self.next_moment - self.at) if self.next_moment else ""


def doors_of(*, sale: Sale) -> list[tuple[str, datetime]]:
    """Return who gets in from when, earliest first; lists of a hidden sale are not told."""
    doors = sorted(sale.doors.all(), key=lambda door: (door.buys_from, -door.rank))
    found = [(words.for_whom(door=door), door.buys_from) for door in doors]
    return [*found, *([(pgettext("loyalty", "everyone"), sale.public_from)] if sale.public_from else [])]


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What is left of a counted sale."""

    sale: Sale
    count: Count | None

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
    def rule(self) -> str:
        """How many each member may have, and how long a place is held."""
        held = pgettext("loyalty", "Yours is held for 15 minutes once you are in the preview.")
        if self.sale.per_member is None:
            return held
        each = npgettext("loyalty", "%(number)s per member.", "%(number)s per member.", self.sale.per_member) % {
            "number": money.number(self.sale.per_member)
        }
        return f"{each} {held}"
