"""Reading the program: which one serves a site, what it promised at a moment, who its members are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, When

from loyalty_oscar.kernel import periods

from .db import write_db
from .models import Member, Phase, PointWorth, Program, State, Unit

CACHE_SECONDS = 60
CACHE_ROWS = 10_000
_cache: dict[Any, tuple[float, Any]] = {}


def forget_cache() -> None:
    """Drop what this process remembers of programs; every save of ours does it."""
    _cache.clear()


def remembered(*, key: Any, load: Any, seconds: float = CACHE_SECONDS) -> Any:
    """Return what `load()` returned at most so many seconds ago in this process. Never for points or prices."""
    found = _cache.get(key)
    if found and found[0] > time.monotonic():
        return found[1]
    value = load()
    if len(_cache) >= CACHE_ROWS:
        _cache.clear()
    _cache[key] = (time.monotonic() + seconds, value)
    return value


def unit_for_site(*, site_id: int | None) -> Unit | None:
    """
    Return the unit (with its program) that serves a site, or None.

    The program of the site, else the default one. Draft and closed programs serve nobody. One query.
    """
    own = Q(program__sites__site_id=site_id) if site_id else Q(pk__in=())
    return (
        Unit.objects.using(write_db())
        .filter(own | Q(program__is_default=True))
        .exclude(program__state__in=(State.DRAFT, State.CLOSED))
        .select_related("program")
        # The default program may have sites too: only the one asked for comes before it.
        .order_by(Case(When(program__sites__site_id=site_id, then=0), default=1), "pk")
        .first()
    )


def begun_units() -> list[Unit]:
    """
    Return the units of the programs that ever went live, oldest first; remembered for the versions that
    these programs have. One query, at most a second old, so that the steps of one piece of work share it.

    Their programs know more than a row: `known_sites` (ids) and `known_phases`.
    """
    versions = remembered(key="versions", load=_load_versions, seconds=1)
    return remembered(key=("begun", versions), load=_load_begun) if versions else []


def _load_versions() -> tuple[tuple[int, int, str], ...]:
    return tuple(Program.objects.using(write_db()).order_by("pk").values_list("pk", "version", "state"))


def _load_begun() -> list[Unit]:
    names = ("id", "state", "starts_at", "earning_ends_at", "spending_ends_at")
    rows = (
        Unit.objects.using(write_db())
        .exclude(program__state=State.DRAFT)
        .select_related("program__excluded_set")
        .annotate(
            site_id=F("program__sites__site_id"), **{f"phase_{name}": F(f"program__phases__{name}") for name in names}
        )
        .order_by("pk")
    )
    units: dict[int, Unit] = {}
    sites: dict[int, set[int]] = {}
    phases: dict[int, dict[int, Phase]] = {}
    for row in rows:
        units.setdefault(row.pk, row)
        phase = Phase(program=row.program, **{name: getattr(row, f"phase_{name}") for name in names})
        phases.setdefault(row.pk, {})[phase.pk] = phase
        sites.setdefault(row.pk, set()).add(row.site_id)
    for pk, unit in units.items():
        unit.program.known_sites = sites[pk] - {None}
        unit.program.known_phases = [phase for key, phase in phases[pk].items() if key is not None]
    return list(units.values())


def programs_by_site() -> tuple[dict[int, Unit], Unit | None]:
    """Return the unit of each site that has a program, and that of the default program (bulk work)."""
    units = [unit for unit in begun_units() if unit.program.state != State.CLOSED]
    sites = {site_id: unit for unit in reversed(units) for site_id in unit.program.known_sites}
    return sites, next((unit for unit in units if unit.program.is_default), None)


def phase_at(*, phases: Iterable[Phase], at: datetime) -> Phase | None:
    """Return the phase in force at a moment, or None before the first."""
    started = [phase for phase in phases if phase.starts_at <= at]
    return max(started, key=lambda phase: (phase.starts_at, phase.pk), default=None)


def earns_at(*, phases: Iterable[Phase], at: datetime) -> bool:
    """Return whether an order placed at this moment earns: live, or closing before earning ends."""
    phase = phase_at(phases=phases, at=at)
    if phase is None:
        return False
    if phase.state == State.CLOSING:
        return phase.earning_ends_at is not None and at < phase.earning_ends_at
    return phase.state == State.LIVE


def spends_at(*, phases: Iterable[Phase], at: datetime) -> bool:
    """Return whether points can be used at this moment: live, or closing before that ends."""
    phase = phase_at(phases=phases, at=at)
    if phase is None:
        return False
    if phase.state == State.CLOSING:
        return phase.spending_ends_at is None or at < phase.spending_ends_at
    return phase.state == State.LIVE


def worth_of(*, program_id: int) -> dict[str, PointWorth]:
    """Return what points buy, by currency (remembered for a minute)."""
    return remembered(
        key=("worth", program_id),
        load=lambda: {row.currency: row for row in PointWorth.objects.using(write_db()).filter(program_id=program_id)},
    )


def member_of(*, program_id: int, user_id: Any) -> Member | None:
    """Return this person's membership in the program, or None."""
    members = Member.objects.using(write_db())
    return members.filter(program_id=program_id, user_id=user_id, merged_into=None).first()


def terms_now(*, program: Program) -> dict[str, Any]:
    """Return how a program counts now, as it is written down with an order that is placed (JSON)."""
    return {
        "currency": program.currency,
        "rounding": program.rounding,
        "stage": program.rounding_stage,
        "base": program.earning_base,
        "excluded": program.excluded_set.code if program.excluded_set else None,
        "zone": program.time_zone,
        "hold_days": program.hold_days,
        "expiry": [program.expiry, program.expiry_months, program.expiry_month, program.expiry_day],
    }


def expiry_of(*, program: Program, available_at: datetime, terms: Mapping[str, Any] | None = None) -> datetime | None:
    """
    Return when points run out (exclusive, UTC) that become ready at a moment; None = never.

    `terms` are those of the order that brought them, where it has any: points keep the terms they were promised under.
    """
    now = [program.expiry, program.expiry_months, program.expiry_month, program.expiry_day]
    policy, months, month, day = (terms or {}).get("expiry", now)
    zone = (terms or {}).get("zone", program.time_zone)
    if policy == Program.Expiry.NEVER:
        return None
    if policy == Program.Expiry.FIXED:
        return periods.fixed_date_after(at=available_at, month=month, day=day, zone=zone)
    return periods.end_of_month_after(at=available_at, months=months, zone=zone)
