"""What each rule did in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import pgettext_lazy

from loyalty_oscar.earning.models import RuleVersion
from loyalty_oscar.earning.queries import versions_from
from loyalty_oscar.program.db import write_db

from ..elements import ElementYear, YearOfUnit, elements


class RuleParts:
    """Rules that are in force or planned, or brought something. Who ordered could use them."""

    title = pgettext_lazy("loyalty", "Rule")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        versions: dict[int, list[RuleVersion]] = {}
        rows = RuleVersion.objects.using(write_db()).filter(rule__unit=year.unit).select_related("rule")
        for version in rows.order_by("rule_id", "number"):
            versions.setdefault(version.rule_id, []).append(version)
        found = []
        for every in versions.values():
            rule, place = every[0].rule, ("rules", f"rule:{every[0].rule.code}")
            since_live, from_now = (versions_from(versions=every, moment=at) for at in (year.live_from, year.until))
            if any(version.is_on for version in from_now) or place in year.gave:
                found.append(
                    ElementYear(
                        item=rule.code,
                        name=rule.name,
                        since=year.begin(*[version.valid_from for version in since_live if version.is_on]),
                        cost=year.cost(place),
                        uptake=year.takers(place),
                        could=year.bought,
                    )
                )
        return found


elements.register("rules", order=10)(RuleParts())
