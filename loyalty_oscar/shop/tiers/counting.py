"""Orders of before count too: when a ladder is saved, those that it may count are looked at again by the sweep."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.program import clock
from loyalty_oscar.tiers.models import Ladder, Score
from loyalty_oscar.tiers.rules import CALENDAR_YEAR, span
from loyalty_oscar.tiers.signals import ladder_saved

from ..models import OrderSync
from ..sync import LOOK_AGAIN


def count_past(*, ladder: Ladder, **_signal: Any) -> int:
    """Mark the orders that a new ladder may count; returns how many. Once it has counted any, nothing."""
    program, at = ladder.program, clock.now()
    if program.earns_from is None or Score.objects.filter(member__program_id=program.pk).exists():
        return 0
    start, _end = span(window=ladder.window, at=at, zone=program.time_zone)
    if start and ladder.window == CALENDAR_YEAR:
        # The year before may still carry a level.
        start, _end = span(window=ladder.window, at=start - timedelta(days=1), zone=program.time_zone)
    since = max(filter(None, (start, program.earns_from)))
    orders = get_model("order", "Order").objects.filter(date_placed__gte=since, user__isnull=False)
    marks = OrderSync.objects.filter(order_id__in=orders.values("pk"))
    return marks.update(is_dirty=True, dirty_since=at, fingerprint=LOOK_AGAIN)


ladder_saved.connect(count_past, dispatch_uid="loyalty-tier-count-past")
