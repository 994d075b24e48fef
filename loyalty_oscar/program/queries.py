"""Reading the program: which one serves a site, what it promised at a moment, who its members are."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from loyalty_oscar.kernel import periods

from .db import write_db
from .models import Member, Merge, Phase, PointWorth, ProductSet, Program, Reward, State, TermsVersion, Unit
from .registries import known_rows
from .rows import find_rows

T = TypeVar("T")
#: How old the versions of programs may be for who writes: the steps of one piece of work share one look.
WORK_SECONDS = 1
#: How old they may be for who shows, or only asks whether there is anything to do; and the most that anything is kept.
PAGE_SECONDS = 60
CACHE_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class _Memory:
    """
    What is remembered of programs. Under "units": when the versions were read, all units with their programs, and the
    versions of these.
    """

    cache: dict[Any, tuple[float, Any]] = field(default_factory=dict)
    units: dict[str, tuple[float, list[Unit], tuple[tuple[int, int, str], ...]]] = field(default_factory=dict)


#: That of the process, unless a block has one of its own.
_memory: ContextVar[_Memory] = ContextVar("loyalty_memory", default=_Memory())  # noqa: B039 - shared on purpose


def forget_cache() -> None:
    """Drop what this process remembers of programs; every save of ours does it."""
    _memory.get().cache.clear()
    _memory.get().units.clear()


@contextmanager
def remembering_apart() -> Iterator[None]:
    """Remember what is read within the block for the block alone, and nothing from before it."""
    token = _memory.set(_Memory())
    try:
        yield
    finally:
        _memory.reset(token)


def remembered(*, key: Hashable, version: Hashable | None, load: Callable[[], T]) -> T:
    """
    Return what `load()` returned for this version, at most a minute ago in this process; without a version it loads.

    Never for points, and never written from. What Oscar keeps has no version: that is at most a minute old.
    """
    if version is None:
        return load()
    cache = _memory.get().cache
    found = cache.get((key, version))
    if found and found[0] > time.monotonic():
        known: T = found[1]
        return known
    value = load()
    if len(cache) >= CACHE_ROWS:
        cache.clear()
    cache[key, version] = (time.monotonic() + PAGE_SECONDS, value)
    return value


def version_of(*, program_id: int) -> int | None:
    """Return the version of a program as this process knows it, at most a minute old; None where it knows none."""
    return next((version for pk, version, _state in versions() if pk == program_id), None)


def versions() -> tuple[tuple[int, int, str], ...]:
    """Return key, version and state of all programs as this process knows them: the version of what all share."""
    return _known(seconds=PAGE_SECONDS)[1]


def read_versions() -> None:
    """
    Read the versions of programs, for who writes: what is asked for right after it is at most a second old.

    At most one query, two where something changed; none in the second after, so that the steps of one piece of work
    share it.
    """
    _known(seconds=WORK_SECONDS)


def begun_units() -> list[Unit]:
    """
    Return the units of the programs that ever went live, oldest first, as new as `read_versions` makes them.

    Their programs know more than a row: `known_sites` (ids), `known_terms_from`, `known_phases`, whether there are
    `known_rewards`, and which rows of features there are (`known_rows`, by the names that they registered).
    """
    return _begun(_known(seconds=WORK_SECONDS)[0])


def shown_units() -> list[Unit]:
    """Return the same for who shows, or only asks whether there is anything to do: versions at most a minute old."""
    return _begun(_known(seconds=PAGE_SECONDS)[0])


def _begun(units: Iterable[Unit]) -> list[Unit]:
    return [unit for unit in units if unit.program.state != State.DRAFT]


def _known(*, seconds: float) -> tuple[list[Unit], tuple[tuple[int, int, str], ...]]:
    """Return all units and the versions of their programs; once they are so old the versions are read again."""
    memory = _memory.get().units
    read_at, units, known = memory.get("units", (None, [], ()))
    now = time.monotonic()
    if read_at is None or read_at + seconds <= now:
        rows = Unit.objects.using(write_db()).order_by("pk")
        named = rows.values_list("program_id", "program__version", "program__state")
        if read_at is None or tuple(named) != known:
            units = _load_units()
            known = tuple((unit.program_id, unit.program.version, unit.program.state) for unit in units)
        memory["units"] = now, units, known
    return units, known


def _load_units() -> list[Unit]:
    names = ("id", "state", "starts_at", "earning_ends_at", "spending_ends_at")
    first_terms = TermsVersion.objects.filter(program=OuterRef("program")).order_by("starts_at")
    rows = (
        Unit.objects.using(write_db())
        .select_related("program__excluded_set")
        .annotate(
            site_id=F("program__sites__site_id"),
            terms_from=Subquery(first_terms.values("starts_at")[:1]),
            has_rewards=Exists(Reward.objects.filter(program=OuterRef("program"))),
            **{f"has_{name}": Exists(rows_of_program()) for name, rows_of_program in known_rows.items()},
            **{f"phase_{name}": F(f"program__phases__{name}") for name in names},
        )
        .order_by("pk")
    )
    units: dict[int, Unit] = {}
    sites: dict[int, set[int]] = {}
    phases: dict[int, dict[int, Phase]] = {}
    for row in rows:
        units.setdefault(row.pk, row).program.known_terms_from = row.terms_from
        units[row.pk].program.known_rewards = row.has_rewards
        units[row.pk].program.known_rows = frozenset(name for name in known_rows if getattr(row, f"has_{name}"))
        phase = Phase(program=row.program, **{name: getattr(row, f"phase_{name}") for name in names})
        phases.setdefault(row.pk, {})[phase.pk] = phase
        sites.setdefault(row.pk, set()).add(row.site_id)
    for pk, unit in units.items():
        unit.program.known_sites = sites[pk] - {None}
        unit.program.known_phases = [phase for key, phase in phases[pk].items() if key is not None]
    return list(units.values())


def unit_for_site(*, site_id: int | None) -> Unit | None:
    """
    Return the unit (with its program) that serves a site, or None; as new as `begun_units`.

    The program of the site, else the default one. Draft and closed programs serve nobody.
    """
    return _serving(begun_units(), site_id)


def shown_unit(*, site_id: int | None) -> Unit | None:
    """Return the same for who shows, or only asks whether there is anything to do: as new as `shown_units`."""
    return _serving(shown_units(), site_id)


def _serving(units: Iterable[Unit], site_id: int | None) -> Unit | None:
    there = [unit for unit in units if unit.program.state != State.CLOSED]
    own = (unit for unit in there if site_id in unit.program.known_sites)
    return next(own, None) or next((unit for unit in there if unit.program.is_default), None)


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
    """Return what points buy, by currency (remembered)."""
    return remembered(
        key=("worth", program_id),
        version=version_of(program_id=program_id),
        load=lambda: {row.currency: row for row in PointWorth.objects.using(write_db()).filter(program_id=program_id)},
    )


def set_names() -> dict[str, str]:
    """Return the names of all product sets by code (remembered)."""
    return remembered(
        key="set-names", version=versions(), load=lambda: dict(ProductSet.objects.values_list("code", "name"))
    )


def has_terms(*, program: Program, at: datetime) -> bool:
    """Return whether a program that was read with its unit has terms in force; no query."""
    return program.known_terms_from is not None and program.known_terms_from <= at


def member_of(*, program_id: int, user_id: Any) -> Member | None:
    """Return this person's membership in the program, or None."""
    members = Member.objects.using(write_db())
    return members.filter(program_id=program_id, user_id=user_id, merged_into=None).first()


def goes_on_as(*, user_id: Any) -> QuerySet[Member]:
    """Return the members as whom a person goes on, one a program: who was merged is the one who stays."""
    mine = Member.objects.using(write_db()).filter(user_id=user_id)
    return Member.objects.using(write_db()).filter(pk__in=mine.values(goes_on=Coalesce("merged_into_id", "pk")))


def one_with(*, user_id: Any, program_ids: Iterable[int]) -> dict[int, set[Any]]:
    """
    Return by program the ids of the people who are one with a person there by merged members, that person among them:
    who is one in a program may be two in another. One query.
    """
    found = {program_id: {user_id} for program_id in program_ids}
    stays = goes_on_as(user_id=user_id).filter(program__in=list(found)).values("pk")
    rows = Member.objects.using(write_db()).filter(Q(pk__in=stays) | Q(merged_into__in=stays), user__isnull=False)
    for program_id, other in rows.values_list("program_id", "user_id"):
        found[program_id].add(other)
    return found


def are_one(*, user_id: Any, other_id: Any, program_id: int) -> bool:
    """Return whether two logins are one person in a program: the same, or of merged members. One query for two."""
    return user_id == other_id or other_id in one_with(user_id=user_id, program_ids=[program_id])[program_id]


def merged_at(*, member: Member, into: Member) -> datetime:
    """Return since when one member is merged into another. One query."""
    merges = Merge.objects.using(write_db()).filter(member=member, into=into, undone_at=None)
    return merges.latest("pk").at


def members_within(*, program_id: int, after: int, last: int) -> QuerySet[Member]:
    """Return the members of a program with their ids in (after, last] who are still there, for traits."""
    rows = Member.objects.using(write_db()).filter(program=program_id, pk__gt=after, pk__lte=last)
    return rows.filter(merged_into=None, user__isnull=False)


def joined_members(*, program_id: int, user_ids: Iterable[Any]) -> dict[Any, tuple[int, datetime]]:
    """
    Return the members among these people: user id -> member id and when they joined. Who was merged into another member
    orders for that one. One query.
    """
    rows = find_rows(rows=_joined(program_id, write_db()), column="user_id", keys=list(set(user_ids)))
    return {user_id: (pk, day) for user_id, pk, day in rows}


@lru_cache(maxsize=100)
def _joined(program_id: int, db: str) -> QuerySet[Any, Any]:
    rows = Member.objects.using(db).filter(program_id=program_id)
    goes_on = Coalesce("merged_into_id", "pk")
    return rows.annotate(goes_on=goes_on).values_list("user_id", "goes_on", "joined_at")


def count_members(*, program: Program) -> int:
    """Return how many people take part."""
    return program.members.using(write_db()).filter(merged_into=None, user__isnull=False).count()


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
