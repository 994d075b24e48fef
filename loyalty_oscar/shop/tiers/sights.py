"""The level of a test member, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.translation import pgettext

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.tiers.models import Standing
from loyalty_oscar.tiers.queries import ladder_of, standing_of, tier_name

from ..testclock.sights import test_sights


class Levels:
    """Levels on the test clock."""

    def says(self, *, program_id: int, member_ids: Sequence[int], at: datetime) -> Mapping[int, list[str]]:
        """Return on which level members stand. One query a member, of whom there are a few."""
        ladder, found = ladder_of(program_id=program_id), {}
        for member_id in member_ids if ladder else ():
            standing = standing_of(ladder=ladder, member_id=member_id, at=at)
            text = pgettext("loyalty", "No level")
            if standing and standing.tier:
                text = pgettext("loyalty", "Level: %(level)s") % {"level": tier_name(tier=standing.tier)}
            found[member_id] = [text]
        return found

    def due(self, *, program_id: int, member_ids: Sequence[int]) -> Iterator[datetime]:
        """Yield when the ends of levels are announced, and when they come. One query."""
        ladder = ladder_of(program_id=program_id)
        rows = Standing.objects.using(write_db()).filter(is_current=True, member_id__in=member_ids)
        for ends_at in rows.filter(kept_until__isnull=False).values_list("kept_until", flat=True) if ladder else ():
            yield from (ends_at - timedelta(days=days) for days in (*conf.LEVEL_NOTICE_DAYS, 0, -ladder.grace_days))


test_sights.register("tiers")(Levels())
