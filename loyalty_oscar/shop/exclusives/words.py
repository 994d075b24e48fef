"""What sales say: when a door opens for whom, and what is left."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.exclusives.levels import levels
from loyalty_oscar.exclusives.models import Door, Sale
from loyalty_oscar.exclusives.operations import KeptTooLong, SoldOut
from loyalty_oscar.program import money, words


def for_whom(*, door: Door) -> str:
    """Return whom a door is for: "Gold", "Members", "Invited members"."""
    if door.segment_id is not None:
        return pgettext("loyalty", "Invited members")
    if not door.rank:
        return pgettext("loyalty", "Members")
    return level(program_id=door.sale.program_id, rank=door.rank)


def level(*, program_id: int, rank: int) -> str:
    """Return what a level of a program is called (at most a minute old)."""
    return levels(program_id=program_id).get(rank) or pgettext("loyalty", "Level %(rank)d") % {"rank": rank}


def on_day(*, at: datetime, sale: Sale) -> str:
    """Return the day of a moment in the program's time zone, without the year: "9 May"."""
    return words.day(at, zone=sale.program.time_zone, year=False)


def on_the_clock(*, at: datetime, sale: Sale) -> str:
    """Return the time of a moment in the program's time zone: "14:05 (CEST)"."""
    local = at.astimezone(ZoneInfo(sale.program.time_zone))
    return f"{local:%H:%M} ({local:%Z})"


def opening(*, sale: Sale, is_hidden: bool = False) -> str:
    """
    Return who gets in when, in one line: "Gold from 9 May · Everyone from 11 May"; nothing of it to those from whom the
    sale `is_hidden`.
    """
    if is_hidden:
        return pgettext("loyalty", "Not for sale at the moment")
    doors = sorted(sale.doors.all(), key=lambda door: (door.buys_from, -door.rank))
    # Whom a sale invites by name is nobody else's business, where nobody else stands before its lock.
    doors = [door for door in doors if sale.mode == Sale.Mode.LOCK or door.segment_id is None]
    told = [(for_whom(door=door), door.buys_from) for door in doors]
    if sale.public_from:
        told.append((pgettext("loyalty", "Everyone"), sale.public_from))
    parts = [
        pgettext("loyalty", "%(who)s from %(day)s") % {"who": who, "day": on_day(at=at, sale=sale)} for who, at in told
    ]
    return " · ".join(parts) or pgettext("loyalty", "Invited members only")


def cheaper(*, sale: Sale) -> str:
    """Return who pays less from when, in one line: "20 % off: Gold from 9 May · Everyone from 11 May"."""
    text = pgettext("loyalty", "%(percent)s %% off: %(opening)s")
    said = text % {"percent": money.number(sale.percent), "opening": opening(sale=sale)}
    return said.replace(" %", f"{words.NBSP}%")  # A number never parts from its unit.


def for_you(*, sale: Sale, at: datetime) -> str:
    """Return the one date that matters to a member: "Opens for you on 9 May"."""
    return pgettext("loyalty", "Opens for you on %(day)s") % {"day": on_day(at=at, sale=sale)}


def sold_out(error: SoldOut) -> str:
    """Return why a piece of a sale can't be had, for the customer."""
    if isinstance(error, KeptTooLong):
        text = pgettext(
            "loyalty", "%(sale)s: we kept yours for an hour, now it is others’ turn. Try again at %(time)s."
        )
        return text % {"sale": error.sale.name, "time": on_the_clock(at=error.again_at, sale=error.sale)}
    if not error.left:
        return pgettext("loyalty", "%(sale)s: nothing is left for you.") % {"sale": error.sale.name}
    text = npgettext(
        "loyalty",
        "%(sale)s: only %(left)s piece is left for you.",
        "%(sale)s: only %(left)s pieces are left for you.",
        error.left,
    )
    return text % {"sale": error.sale.name, "left": money.number(error.left)}


def not_open(*, sale: Sale, is_hidden: bool) -> str:
    """Return why something can't be bought now, for the customer; from whom the sale `is_hidden` reads no name."""
    if is_hidden:
        return pgettext("loyalty", "This is not for sale at the moment.")
    return pgettext("loyalty", "%(sale)s is not open for you. %(opening)s.") % {
        "sale": sale.name,
        "opening": opening(sale=sale),
    }
