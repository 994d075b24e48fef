"""
Words for numbers and reasons, found when something is shown: in the reader's language, with the right plural.

Each app registers a function for each of its because codes; an unknown code is shown as itself, never hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_timezone_location
from babel.numbers import get_group_symbol
from django.utils.text import capfirst
from django.utils.translation import get_language, npgettext, pgettext

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import GivenGift
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.kernel.rounding import to_major

from . import money
from .languages import bare, in_language
from .models import Unit
from .registries import promise_of


class Says(Protocol):
    """Puts what stands in a reason into words."""

    def __call__(self, params: Mapping[str, Any], /) -> str: ...


reasons: Registry[Says] = Registry("reason", Says)
#: `@say("ran_out")` registers what a reason says.
say = reasons.register
NBSP = "\N{NO-BREAK SPACE}"
#: Digits of the greatest number of points that somebody may type.
LONGEST = 9
#: What may stand between thousands in any language: plain, no-break, narrow and thin spaces, an apostrophe.
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}'\N{RIGHT SINGLE QUOTATION MARK}"
DIGITS = re.compile(r"[0-9]{1,9}")


def title(*, unit: Unit) -> str:
    """Return what points are called at the beginning of a heading or a sentence, without a number: "Paws"."""
    names = _names(unit)
    if "title" in names:
        return names["title"]
    return capfirst(unit_name(unit=unit, points=2)) if names or not unit.is_money else pgettext("loyalty", "Cashback")


def unit_name(*, unit: Unit, points: int) -> str:
    """Return the word for so many points ("paw", "paws"), by the CLDR category of the reader's language."""
    names = _names(unit)
    category = money.locale().plural_form(abs(points))
    chosen = names.get(category) or names.get("other")
    return chosen or npgettext("loyalty", "point", "points", abs(points))


def _names(unit: Unit) -> Mapping[str, str]:
    """Return the words of the reader's language, else the English ones, else those of the shop's own, else any."""
    language = bare(code=get_language() or "en")
    if found := unit.names.get(language) or unit.names.get("en"):
        return found
    # PostgreSQL keeps languages in an order of its own.
    return in_language(texts=dict(sorted(unit.names.items())), language=language) or {}


def points(*, unit: Unit, points: int, signed: bool = False) -> str:
    """
    Return "1,250 paws": the number in the reader's format, never parted from its unit; of money the amount alone
    ("€12.50").
    """
    if not unit.is_money:
        return f"{number(unit=unit, points=points, signed=signed)}{NBSP}{unit_name(unit=unit, points=points)}"
    return _amount(unit, points, signed)


def _amount(unit: Unit, points: int, signed: bool) -> str:
    return f"{_sign(points, signed)}{money.in_words(minor=abs(points), currency=unit.program.currency)}"


def promised(*, unit: Unit, row: Any, prefix: str = "") -> str:
    """Return what a row promises in the columns that begin with a prefix: "100 paws", or "“A day at the spa”"."""
    promise = promise_of(row=row, prefix=prefix)
    if promise.reward_id is None:
        return points(unit=unit, points=promise.points)
    return reward(name=getattr(row, f"{prefix}reward").name)


def reward(*, name: str) -> str:
    """Return the name of a reward as it stands in sentences: “A day at the spa”."""
    return pgettext("loyalty", "“%(reward)s”") % {"reward": name}


def given(*, unit: Unit, gift: GivenGift) -> str:
    """Return what somebody was given: "100 paws", or "“A day at the spa”"."""
    return reward(name=gift.reward) if gift.reward else points(unit=unit, points=gift.points)


def counted(*, unit: Unit, points: int, signed: bool = False) -> str:
    """Return "1,250 points" as a terminal says it, whatever members call them; of money the amount."""
    if unit.is_money:
        return _amount(unit, points, signed)
    return f"{points:+,} points" if signed else f"{points:,} points"


def number(*, unit: Unit, points: int, signed: bool = False) -> str:
    """Return the bare number of points in the reader's format ("1,250"); of money the amount without its currency."""
    if not unit.is_money:
        return f"{'+' if signed and points > 0 else ''}{money.number(points)}"
    places = money.exponent(currency=unit.program.currency)
    amount = to_major(minor=abs(points), exponent=places)
    return f"{_sign(points, signed)}{money.number(amount, places=places)}"


def short(*, unit: Unit, points: int) -> str:
    """Return the bare number, for where its unit stands beside it; an amount of money has its sign everywhere."""
    return _amount(unit, points, False) if unit.is_money else number(unit=unit, points=points)


def _sign(points: int, signed: bool) -> str:
    return "\N{MINUS SIGN}" if points < 0 else "+" if signed and points > 0 else ""


def typed(*, unit: Unit, points: int) -> str:
    """Return points as a field of a form holds them, for `parse`: "1250", or "12.50" of money."""
    if not unit.is_money:
        return str(points)
    return str(to_major(minor=points, exponent=money.exponent(currency=unit.program.currency)))


def parse(*, unit: Unit, text: str) -> int | None:
    """
    Return the points that somebody typed: a whole number, of money an amount with a dot or a comma before its cents.

    Thousands may stand apart as the reader's language writes them ("1,250", "1.250", "1 250"). None for everything
    else: signs, groups of other lengths, a fraction that the currency does not have.
    """
    places = money.exponent(currency=unit.program.currency) if unit.is_money else 0
    text = _in_one_piece(text)
    whole, _dot, part = text.replace(",", ".").partition(".") if places else (text, "", "")
    if not DIGITS.fullmatch(whole) or (part and not DIGITS.fullmatch(part)) or len(part) > places:
        return None
    if text[-1:] in ".,":
        return None
    found = int(whole) * 10**places + int(part.ljust(places, "0") or 0)
    return found if found < 10**LONGEST else None


def _in_one_piece(text: str) -> str:
    """Return a number without what parts its thousands, where it is written as the reader's language writes it."""
    parting = get_group_symbol(money.locale())
    groups = re.fullmatch(rf"([0-9]{{1,3}}(?:[{re.escape(parting)}{SPACES}][0-9]{{3}})+)((?:[.,][0-9]*)?)", text)
    return re.sub(r"[^0-9]", "", groups[1]) + groups[2] if groups else text


def day(value: date | datetime, *, zone: str, year: bool = True, weekday: bool = False) -> str:
    """Return a day in words ("6 May 2026", "Wednesday 6 May 2026") in the program's time zone."""
    if isinstance(value, datetime):
        value = value.astimezone(ZoneInfo(zone)).date()
    language = money.locale()
    pattern = "d. MMMM" if language.language == "de" else "d MMMM"
    if weekday:
        pattern = f"EEEE {pattern}" if language.language == "en" else f"EEEE, {pattern}"
    return format_date(value, f"{pattern} y" if year else pattern, locale=language)


def last_day(ends_at: datetime, *, zone: str, year: bool = True) -> str:
    """Return the last day before an end in words, as people read it."""
    return day(periods.last_day(expires_at=ends_at, zone=zone), zone=zone, year=year)


def month(value: date, *, short: bool = False) -> str:
    """Return a month in words ("May 2026"), or as short as a chart is narrow ("May 26")."""
    return format_date(value, "LLL yy" if short else "LLLL y", locale=money.locale())


def quoted(*, names: Iterable[str]) -> str:
    """Return names that somebody typed as they stand within a sentence: each in quotation marks."""
    text = pgettext("loyalty", "“%(name)s”")
    return ", ".join(text % {"name": name} for name in names)


def short_day(value: date) -> str:
    """Return a day as short as a chart is narrow ("6 Sep")."""
    return format_date(value, "d. MMM" if money.locale().language == "de" else "d MMM", locale=money.locale())


def weekday(value: date) -> str:
    """Return the day of the week, as short as a column is narrow ("Wed")."""
    return format_date(value, "EEE", locale=money.locale())


def moment(at: datetime, *, zone: str) -> str:
    """Return a moment in words in the program's time zone, which it names: "31 May 2026, 20:00 (EDT)"."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(at, zone=zone)}, {local:%H:%M} ({local:%Z})"


def zone_name(*, zone: str) -> str:
    """Return what a time zone is called in the reader's language: "New York time"; UTC and its like as they are."""
    area, _slash, _city = zone.rpartition("/")
    if area in ("", "Etc"):
        return zone
    city = get_timezone_location(zone, locale=money.locale(), return_city=True)
    return pgettext("loyalty", "%(city)s time") % {"city": city}


def why(because: Because | Mapping[str, Any]) -> str:
    """Return a reason as a sentence."""
    found = because if isinstance(because, Because) else Because.from_json(because)
    return reasons.get(found.code)(found.params) if found.code in reasons else found.code
