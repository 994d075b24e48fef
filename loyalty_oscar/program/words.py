"""
Words for numbers and reasons, found when something is shown: in the reader's language, with the right plural.

Each app registers a function for each of its because codes; an unknown code is shown as itself, never hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, get_timezone_location
from django.utils.translation import get_language, npgettext, pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.registry import Registry

from . import money
from .models import Unit

reasons: Registry[Callable[[Mapping[str, Any]], str]] = Registry("reason")
NBSP = "\N{NO-BREAK SPACE}"


def unit_name(*, unit: Unit, points: int) -> str:
    """Return the word for so many points ("paw", "paws"), by the CLDR category of the reader's language."""
    language = (get_language() or "en").split("-")[0]
    names = unit.names.get(language) or unit.names.get("en") or next(iter(unit.names.values()), {})
    category = money.locale().plural_form(abs(points))
    chosen = names.get(category) or names.get("other")
    return chosen or npgettext("loyalty", "point", "points", abs(points))


def points(*, unit: Unit, points: int, signed: bool = False) -> str:
    """Return "1,250 paws": the number in the reader's format, never parted from its unit."""
    sign = "+" if signed and points > 0 else ""
    return f"{sign}{money.number(points)}{NBSP}{unit_name(unit=unit, points=points)}"


def day(value: date | datetime, *, zone: str, year: bool = True, weekday: bool = False) -> str:
    """Return a day in words ("6 May 2026", "Wednesday 6 May 2026") in the program's time zone."""
    if isinstance(value, datetime):
        value = value.astimezone(ZoneInfo(zone)).date()
    language = money.locale()
    pattern = "d. MMMM" if language.language == "de" else "d MMMM"
    if weekday:
        pattern = f"EEEE {pattern}" if language.language == "en" else f"EEEE, {pattern}"
    return format_date(value, f"{pattern} y" if year else pattern, locale=language)


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
