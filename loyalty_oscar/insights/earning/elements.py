"""What each rule did in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import pgettext_lazy

from loyalty_oscar.earning.models import RuleVersion
from loyalty_oscar.earning.queries import version_at
from loyalty_oscar.program.db import write_db

from ..elements import ElementYear, YearOfUnit, elements


class RuleParts:
    """Rules that are in force, or brought something. Who ordered could, and who got something of an earlier order."""

    title = pgettext_lazy("loyalty", "Rule")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        versions: dict[int, list[RuleVersion]] = {}
        rows = (
            RuleVersion.objects.using(write_db())
            .filter(rule__unit=year.unit, valid_from__lt=year.until)
            .select_related("rule")
        )
        for version in rows.order_by("rule_id", "valid_from", "number"):
            versions.setdefault(version.rule_id, []).append(version)
        found = []
        for first, *later in versions.values():
            now, place = version_at(versions=[first, *later], moment=year.until), ("rules", f"rule:{first.rule.code}")
            if (now and now.is_on) or place in year.gave:
                found.append(
                    ElementYear(
                        item=first.rule.code,
                        name=first.rule.name,
                        since=year.day(first.valid_from),
                        cost=year.cost(place),
                        uptake=year.takers(place),
                        could=max(year.bought, year.takers(place)),
                    )
                )
        return found


elements.register("rules", order=10)(RuleParts())
