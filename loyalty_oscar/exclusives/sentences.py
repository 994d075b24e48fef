"""A sale read back in words, for those who set it up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import clock, money, words

from .levels import levels
from .models import Door, Sale


def sentence(*, sale: Sale) -> str:
    """
    Return "Products “Trail”, 20 % off, shown with a lock until then. Members of level Gold see it from …".

    Reads the doors of a saved sale. Moments are told in the program's time zone.
    """
    off = f"{_off(sale)} ".lstrip()
    who = "; ".join(_who(sale))
    return f"{off}{', '.join(_what(sale))}. {who[:1].upper()}{who[1:]}."


def _off(sale: Sale) -> str:
    """Say why a sale changes nothing, where it is switched off or over."""
    if not sale.is_on:
        return pgettext("loyalty", "Switched off: it changes nothing in the shop.")
    return "" if not sale.is_over(at=clock.now()) else pgettext("loyalty", "Over: it changes nothing in the shop.")


def _what(sale: Sale) -> Iterator[str]:
    yield pgettext("loyalty", "Products “%(set)s”") % {"set": sale.product_set.name}
    if sale.percent:
        yield pgettext("loyalty", "%(percent)s %% off") % {"percent": money.number(sale.percent)}
    if sale.mode == Sale.Mode.HIDE:
        yield pgettext("loyalty", "hidden from everybody else until then")
    elif sale.mode == Sale.Mode.OPEN:
        yield pgettext("loyalty", "at the normal price for everybody else until then")
    else:
        yield pgettext("loyalty", "shown with a lock until then")
    if sale.quota is not None:
        text = npgettext("loyalty", "%(number)s piece in all", "%(number)s pieces in all", sale.quota)
        yield text % {"number": money.number(sale.quota)}
    if sale.per_member is not None:
        text = npgettext("loyalty", "%(number)s piece a member", "%(number)s pieces a member", sale.per_member)
        yield text % {"number": money.number(sale.per_member)}


def _who(sale: Sale) -> Iterator[str]:
    is_open = sale.mode == Sale.Mode.OPEN
    for door in sorted(sale.doors.all(), key=lambda door: (door.buys_from, -door.rank)):
        text = pgettext("loyalty", "%(who)s see it from %(seen)s and buy from %(buys)s")
        if is_open:
            text = pgettext("loyalty", "%(who)s pay less from %(buys)s")
        yield text % {
            "who": _for_whom(door, sale),
            "seen": _moment(door.seen_from, sale),
            "buys": _moment(door.buys_from, sale),
        }
    if sale.public_from:
        text = pgettext("loyalty", "everybody buys from %(moment)s")
        if is_open:
            text = pgettext("loyalty", "everybody pays less from %(moment)s")
        yield text % {"moment": _moment(sale.public_from, sale)}
    elif is_open:
        yield pgettext("loyalty", "everybody else pays the normal price")
    else:
        yield pgettext("loyalty", "nobody else ever buys")
    if sale.ends_at:
        yield pgettext("loyalty", "it ends on %(moment)s") % {"moment": _moment(sale.ends_at, sale)}


def _for_whom(door: Door, sale: Sale) -> str:
    level = _level(door, sale)
    if door.segment is None:
        return level
    segment = pgettext("loyalty", "members in the group “%(segment)s”") % {"segment": door.segment.name}
    if not door.rank:
        return segment
    return pgettext("loyalty", "%(level)s who are also %(segment)s") % {"level": level, "segment": segment}


def _level(door: Door, sale: Sale) -> str:
    if not door.rank:
        return pgettext("loyalty", "all members")
    called = levels(program_id=sale.program_id)
    if door.rank not in called:
        return pgettext("loyalty", "level %(rank)s, which is not there") % {"rank": money.number(door.rank)}
    if door.rank == max(called):
        return pgettext("loyalty", "members of level %(level)s") % {"level": called[door.rank]}
    return pgettext("loyalty", "members of level %(level)s or higher") % {"level": called[door.rank]}


def _moment(at: datetime, sale: Sale) -> str:
    return words.moment(at, zone=sale.program.time_zone)
