"""What each side gets and when, in words: the same on the landing page, the member's page and at checkout."""

from __future__ import annotations

from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import worth
from loyalty_oscar.referrals.models import Scheme


def promise(*, scheme: Scheme, unit: Unit) -> dict[str, Any]:
    """Return the points of both sides, with their worth, the least order, and when the points are ready."""
    days = scheme.program.hold_days
    when = npgettext(
        "loyalty",
        "On the way as soon as the order is placed, ready %(days)d day after it has arrived.",
        "On the way as soon as the order is placed, ready %(days)d days after it has arrived.",
        days,
    )
    at_once = pgettext("loyalty", "On the way as soon as the order is placed, ready when it has arrived.")
    least = max(1, scheme.least_minor)
    return {
        "giver": words.points(unit=unit, points=scheme.giver_points),
        "giver_worth": worth(unit=unit, points=scheme.giver_points),
        "newcomer": words.points(unit=unit, points=scheme.newcomer_points),
        "newcomer_worth": worth(unit=unit, points=scheme.newcomer_points),
        "values": {"giver": scheme.giver_points, "newcomer": scheme.newcomer_points},
        "least": money.in_words(minor=least, currency=scheme.program.currency),
        "when": when % {"days": days} if days else at_once,
        "per_month": scheme.per_month,
    }
