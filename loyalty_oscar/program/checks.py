"""System checks: a mistake in the settings is said at start, with a hint, and never becomes a silent zero."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Collection
from datetime import timedelta
from typing import Any, get_type_hints

from django.conf import settings
from django.core.checks import Error, Warning, register

from loyalty_oscar.kernel.limits import MOST_POINTS

from .conf import BINDING_DAYS, BINDING_TOPICS, COLORS, PREFIX, LoyaltySettings, conf
from .tasks import backends

HEX = re.compile(r"#[0-9a-fA-F]{6}")
NAMES = {PREFIX + f.name: f for f in dataclasses.fields(LoyaltySettings)}
KINDS = get_type_hints(LoyaltySettings)
LISTS = (list, tuple, set)
#: “For ever” is no number: a moment before the year 1 or after 9999 is none.
LONGEST = timedelta(days=36_500)


@register("loyalty")
def check_setting_names(**kwargs: Any) -> list[Warning]:
    """Warn of a `LOYALTY_…` name that nobody reads, with the nearest one that exists."""
    found = []
    for name in dir(settings):
        if name.startswith(PREFIX) and name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else "Remove it; docs/reference/settings.md lists all names."
            found.append(Warning(f"There is no setting {name}.", hint=hint, id="loyalty_program.W001"))
    return found


@register("loyalty")
def check_setting_values(**kwargs: Any) -> list[Error]:
    """Refuse values of the wrong type or out of range."""
    found = [Error(wrong, id="loyalty_program.E001") for spec in NAMES.values() if (wrong := _wrong(name=spec.name))]
    if isinstance(conf.BADGE, str) and conf.BADGE not in ("render", "fetch"):
        found.append(Error("LOYALTY_BADGE must be “render” or “fetch”.", id="loyalty_program.E003"))
    known = LoyaltySettings().TEASERS
    if are_sound("TEASERS") and not set(conf.TEASERS) <= set(known):
        text = f"LOYALTY_TEASERS holds what nobody knows: {conf.TEASERS!r}; there are: {', '.join(known)}."
        found.append(Error(text, id="loyalty_program.E009"))
    for name in ("EXPIRY_NOTICE_DAYS", "LEVEL_NOTICE_DAYS"):
        days, least = getattr(conf, name), BINDING_DAYS if name.startswith("EXPIRY") else 1
        if are_sound(name) and not _are_days(days, least):
            text = f"{PREFIX}{name} must be whole days, each once, the earliest at least {least} before: not {days!r}."
            found.append(Error(text, id="loyalty_program.E005"))
    found += _check_mails()
    if are_sound("TASKS") and conf.TASKS not in backends:
        hint = "Install the extra “celery” and list loyalty_oscar.jobs." if conf.TASKS == "celery" else None
        there = ", ".join(backends)
        found.append(
            Error(f"LOYALTY_TASKS is {conf.TASKS!r}; there are: {there}.", hint=hint, id="loyalty_program.E002")
        )
    return found


def are_sound(*names: str) -> bool:
    """Return whether settings are of their kind: what is not has been said, and no other check can ask it anything."""
    return not any(_wrong(name=name) for name in names)


def _wrong(*, name: str) -> str:
    """Return what a setting must be and is not, as a sentence; nothing where it is of its kind."""
    value, default = getattr(conf, name), getattr(LoyaltySettings(), name)
    kinds = (bool, type(None)) if default is None else LISTS if isinstance(default, LISTS) else (type(default),)
    if type(value) not in kinds:
        return f"{PREFIX}{name} must be a {'bool' if default is None else type(default).__name__}, not {value!r}."
    if KINDS[name] == tuple[str, ...] and not all(isinstance(one, str) for one in value):
        return f"{PREFIX}{name} must hold texts, not {value!r}."
    if type(value) is int and value < 1:
        return f"{PREFIX}{name} must be at least 1."
    if type(value) is int and value > _most(name):
        return f"{PREFIX}{name} must be at most {_most(name)}."
    return ""


def _most(name: str) -> float:
    """Return how many days or minutes a setting may be; without end where it is a number of other things."""
    units = {"_DAYS": timedelta(days=1), "_MINUTES": timedelta(minutes=1)}
    return next((LONGEST // unit for end, unit in units.items() if name.endswith(end)), float("inf"))


def _check_mails() -> list[Error]:
    # What is no list at all has been said. A set is none here: it does not know which is the earlier.
    hours = conf.DAYTIME if are_sound("DAYTIME") else (0, 24)
    found, are_two = [], isinstance(hours, (list, tuple)) and len(hours) == 2
    if not are_two or not all(type(hour) is int for hour in hours) or not 0 <= hours[0] < hours[1] <= 24:
        text = f"LOYALTY_DAYTIME must be two hours of a day, the earlier first, not {conf.DAYTIME!r}."
        found.append(Error(text, id="loyalty_program.E006"))
    if are_sound("UNTOLD_TOPICS") and (bound := BINDING_TOPICS & set(conf.UNTOLD_TOPICS)):
        text = f"LOYALTY_UNTOLD_TOPICS must not name {', '.join(sorted(bound))}: a date binds only if it was told."
        found.append(Error(text, id="loyalty_program.E007"))
    colors = conf.MAIL_COLORS if isinstance(conf.MAIL_COLORS, dict) else {}
    if wrong := [name for name, color in colors.items() if name not in COLORS or not HEX.fullmatch(str(color))]:
        text = f"LOYALTY_MAIL_COLORS: {', '.join(map(str, wrong))} must be one of {', '.join(COLORS)}, as #rrggbb."
        found.append(Error(text, id="loyalty_program.E008"))
    apologies = conf.APOLOGIES if isinstance(conf.APOLOGIES, dict) else {}
    if wrong := [kind for kind, gift in apologies.items() if not _is_gift(gift)]:
        text = f"LOYALTY_APOLOGIES: {', '.join(map(str, wrong))} must be whole points, or the code of a reward."
        found.append(Error(text, id="loyalty_program.E010"))
    return found


def _is_gift(gift: Any) -> bool:
    return 0 <= gift <= MOST_POINTS if type(gift) is int else isinstance(gift, str) and bool(gift)


def _are_days(days: Collection[Any], least: int) -> bool:
    numbers = [one for one in days if type(one) is int and one > 0]
    return len(set(numbers)) == len(days) > 0 and least <= max(numbers) <= LONGEST.days


@register("loyalty")
def check_time_zones(**kwargs: Any) -> list[Error]:
    """Refuse a project without time zones: moments are compared, and without one nobody knows which is earlier."""
    if settings.USE_TZ:
        return []
    hint = "Set USE_TZ = True. Django's page on time zones tells how a shop with dates in its database gets there."
    return [Error("USE_TZ is off: points of orders would come to nothing.", hint=hint, id="loyalty_program.E004")]


@register("loyalty")
def check_sqlite(**kwargs: Any) -> list[Warning]:
    """Warn of the two SQLite set-ups in which a page waits for the write lock and fails."""
    found = []
    for alias, database in settings.DATABASES.items():
        if not database.get("ENGINE", "").endswith("sqlite3"):
            continue
        immediate = database.get("OPTIONS", {}).get("transaction_mode", "").upper() == "IMMEDIATE"
        if not immediate:
            hint = 'Set OPTIONS = {"transaction_mode": "IMMEDIATE"}, or two buyers at once get an error.'
            if database.get("ATOMIC_REQUESTS"):
                hint += " Switch ATOMIC_REQUESTS off with it, or every page view waits for the write lock."
            found.append(
                Warning(
                    f"SQLite database {alias!r} does not use IMMEDIATE transactions.",
                    hint=hint,
                    id="loyalty_program.W002",
                )
            )
        elif database.get("ATOMIC_REQUESTS"):
            found.append(
                Warning(
                    f"SQLite database {alias!r} has IMMEDIATE transactions and ATOMIC_REQUESTS.",
                    hint="Switch ATOMIC_REQUESTS off there: every page view would wait for the write lock.",
                    id="loyalty_program.W003",
                )
            )
    return found
