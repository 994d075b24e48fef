"""Reading rules and awards."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache, partial
from itertools import zip_longest
from typing import Any

from django.db.models import Count, Prefetch, QuerySet, prefetch_related_objects

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.queries import remembered, shown_units, terms_now
from loyalty_oscar.program.registries import facts, order_facts
from loyalty_oscar.program.rows import find_rows

from .models import Award, AwardLine, Rule, RuleVersion
from .rules import RuleInForce, Terms, build, conditions, earning_rules

logger = logging.getLogger("loyalty_oscar")


def version_at(*, versions: Iterable[RuleVersion], moment: datetime) -> RuleVersion | None:
    """Return the version of a rule that is in force at a moment: of those that have begun, the one that began last."""
    begun = (version for version in versions if version.valid_from <= moment)
    return max(begun, key=lambda version: (version.valid_from, version.number), default=None)


def planned_after(*, versions: Iterable[RuleVersion], moment: datetime) -> list[RuleVersion]:
    """Return the versions of a rule that have not begun at a moment, the next one first."""
    coming = (version for version in versions if version.valid_from > moment)
    return sorted(coming, key=lambda version: (version.valid_from, version.number))


def versions_from(*, versions: Iterable[RuleVersion], moment: datetime) -> list[RuleVersion]:
    """Return the version of a rule that is in force at a moment, if one has begun, and those planned then, in order."""
    there = list(versions)
    now = version_at(versions=there, moment=moment)
    return [*([now] if now else ()), *planned_after(versions=there, moment=moment)]


def version_shown(*, versions: Iterable[RuleVersion], moment: datetime) -> RuleVersion | None:
    """Return the version that a page of the rule is about: the one in force, or of a rule that comes the first."""
    return next(iter(versions_from(versions=versions, moment=moment)), None)


class RuleBook:
    """All versions of the rules of some units, from which those in force at any moment are read."""

    def __init__(self, versions: Iterable[RuleVersion]) -> None:
        self._by_unit: dict[int, dict[int, list[RuleVersion]]] = {}
        self._built: dict[int, RuleInForce | None] = {}
        for version in versions:
            self._by_unit.setdefault(version.rule.unit_id, {}).setdefault(version.rule_id, []).append(version)

    def at(self, *, unit_id: int, moment: datetime) -> list[RuleInForce]:
        """
        Return the rules of a unit that were in force at a moment, in order of their codes.

        Without those whose code, or that of a condition, has left: `missing_at` names them.
        """
        built = (self._build(version) for version in self._newest(unit_id, moment))
        return sorted((rule for rule in built if rule), key=lambda rule: rule.code)

    def missing_at(self, *, unit_id: int, moment: datetime) -> list[str]:
        """Return the codes of the rules that were in force at a moment and that nobody can count any more."""
        return sorted(v.rule.code for v in self._newest(unit_id, moment) if self._build(v) is None)

    def broken_at(self, *, moment: datetime) -> dict[Rule, str]:
        """
        Return the rules that are switched on at a moment, or planned then to be, and no longer build, with what is
        wrong: a code that left, a number beyond what is allowed.
        """
        wrong: dict[Rule, str] = {}
        for rules in self._by_unit.values():
            for versions in rules.values():
                for version in versions_from(versions=versions, moment=moment):
                    try:
                        in_force(version=version)
                    except LoyaltyError as error:
                        if version.is_on:
                            wrong.setdefault(version.rule, str(error))
        return wrong

    def is_ended(self, *, code: str, unit_id: int) -> bool:
        """Return whether a rule is switched off by now, or gone."""
        versions = [v for v in self._all(unit_id) if v.rule.code == code]
        return not versions or not max(versions, key=lambda version: (version.valid_from, version.number)).is_on

    def _all(self, unit_id: int) -> Iterable[RuleVersion]:
        return (version for versions in self._by_unit.get(unit_id, {}).values() for version in versions)

    def _newest(self, unit_id: int, moment: datetime) -> Iterable[RuleVersion]:
        for versions in self._by_unit.get(unit_id, {}).values():
            newest = version_at(versions=versions, moment=moment)
            if newest and newest.is_on:
                yield newest

    def coming(self, *, unit_id: int, moment: datetime) -> list[tuple[datetime, RuleInForce]]:
        """Return the versions of a unit's rules that are planned at a moment, with when they begin; the next first."""
        planned = [
            version
            for versions in self._by_unit.get(unit_id, {}).values()
            for version in planned_after(versions=versions, moment=moment)
            if version.is_on
        ]
        planned.sort(key=lambda version: (version.valid_from, version.rule.code))
        return [(version.valid_from, rule) for version in planned if (rule := self._build(version))]

    def spans(
        self, *, unit_id: int, moment: datetime
    ) -> Iterator[tuple[RuleInForce, datetime | None, datetime | None]]:
        """
        Yield the versions of a unit's rules that are in force at a moment or planned then, with when each begins
        (None: it has begun) and when the next one takes its place (None: none is planned).
        """
        for versions in self._by_unit.get(unit_id, {}).values():
            there = versions_from(versions=versions, moment=moment)
            for version, after in zip_longest(there, there[1:]):
                if version.is_on and (rule := self._build(version)):
                    begins = version.valid_from if version.valid_from > moment else None
                    yield rule, begins, after.valid_from if after else None

    def _build(self, version: RuleVersion) -> RuleInForce | None:
        if version.pk not in self._built:
            try:
                self._built[version.pk] = in_force(version=version)
            except LoyaltyError as error:
                logger.warning("the rule %s counts nothing: %s", version.rule.code, error)
                self._built[version.pk] = None
        return self._built[version.pk]

    def budgeted(self) -> set[int]:
        """Return the ids of the rules that have a budget in any version."""
        return {
            rule_id
            for rules in self._by_unit.values()
            for rule_id, versions in rules.items()
            if any(condition.get("code") == "budget" for version in versions for condition in version.conditions)
        }

    def sets(self) -> set[str]:
        """Return the codes of the product sets that any version names."""
        return {
            code
            for rules in self._by_unit.values()
            for versions in rules.values()
            for version in versions
            for condition in version.conditions
            for code in condition.get("params", {}).get("sets", ())
        }


def in_force(*, version: RuleVersion) -> RuleInForce:
    """Return a stored version as a rule that decides. Raises `BadRule` or `UnknownCode` where it no longer builds."""
    rule = build(registry=earning_rules, code=version.rule.type, params=version.params)
    narrowed = tuple(
        build(registry=conditions, code=row["code"], params=row.get("params", {})) for row in version.conditions
    )
    return RuleInForce(
        code=version.rule.code,
        name=version.rule.name,
        version_id=version.pk,
        rule=rule,
        conditions=narrowed,
        rule_id=version.rule_id,
    )


def not_over(*, rules: Iterable[RuleInForce], unit: Unit, at: datetime) -> list[RuleInForce]:
    """Return those of some rules in force that have a day left on which they count."""
    today = local_day(at=at, zone=unit.program.time_zone).isoformat()
    return [rule for rule in rules if not rule.is_over(day=today)]


def rule_book(*, unit_ids: Iterable[int]) -> RuleBook:
    """Return the rules of these units with all their versions. One query."""
    versions = RuleVersion.objects.using(write_db()).filter(rule__unit_id__in=list(unit_ids))
    return RuleBook(versions.select_related("rule").order_by("rule_id", "number"))


def book_of(*, unit: Unit) -> RuleBook:
    """Return the rules of a unit, remembered for the version of the program that comes with it."""
    load = partial(rule_book, unit_ids=[unit.pk])
    return remembered(key=("rules", unit.pk), version=unit.program.version, load=load)


def facts_wanted(*, rules: Iterable[RuleInForce]) -> list[str]:
    """Return the names of the facts that decide: a member's level, and what the rules' conditions need."""
    needed = (getattr(one, "needs", ()) for rule in rules for one in rule.conditions)
    return sorted({"tier"}.union(*needed) & {*facts, *order_facts})


def terms_of(*, program: Program) -> Terms:
    """Return what the program says about counting now."""
    return terms_from(stored=terms_now(program=program))


def terms_from(*, stored: Mapping[str, Any]) -> Terms:
    """Return what was written down about counting when an order was placed."""
    return Terms(
        rounding=stored["rounding"], stage=stored["stage"], zone=stored["zone"], excluded_set=stored["excluded"]
    )


def awards_of(*, source_kind: str, source_ids: Iterable[int]) -> dict[int, Award]:
    """Return the awards of these sources with their lines, accounts and units, by source id. Alone where none is."""
    wanted = list(source_ids)
    if not wanted:
        return {}
    db = write_db()
    found = Award.objects.using(db).filter(source_kind=source_kind, source_id__in=wanted)
    found = found.select_related("account", "unit__program").prefetch_related(_lines(db))
    return {award.source_id: award for award in found}


def read_lines(*, award: Award) -> None:
    """Read the lines of an award, where they are written: some were a moment ago. One query."""
    vars(award).get("_prefetched_objects_cache", {}).pop("lines", None)
    prefetch_related_objects([award], _lines(write_db()))


def _lines(db: str) -> Prefetch[Any]:
    return Prefetch("lines", AwardLine.objects.using(db))


def award_of_order(*, order_id: int) -> Award | None:
    """Return what an order was found to bring, with account and unit, or None where nobody looked yet. One query."""
    award = next(iter(find_rows(rows=_awards(write_db()), column="source_id", keys=[order_id])), None)
    if award is not None and (unit := next((one for one in shown_units() if one.pk == award.unit_id), None)):
        award.unit = unit  # With its program that is half of the statement's columns, on every confirmation.
    return award


@lru_cache(maxsize=10)
def _awards(db: str) -> QuerySet[Award]:
    return Award.objects.using(db).filter(source_kind="order").select_related("account")


def orders_without(*, unit: Unit, since: datetime) -> Mapping[str, int]:
    """Return how many orders since a moment go without a rule that nobody could count for them, by its code."""
    awards = Award.objects.filter(unit=unit, placed_at__gte=since).exclude(missed=[])
    rows = awards.order_by().values("missed").annotate(orders=Count("pk"))
    found: dict[str, int] = {}
    for row in rows:
        for code in row["missed"]:
            found[code] = found.get(code, 0) + row["orders"]
    return found
