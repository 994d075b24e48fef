"""What each side gets and when, in words: the same on the landing page, the member's page and at checkout."""

from __future__ import annotations

from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import worth
from loyalty_oscar.referrals.models import Scheme


def promise(*, scheme: Scheme, unit: Unit) -> dict[str, Any]:
    """Return what both sides get, with the worth of points, the least order, and when it is ready."""
    days = scheme.program.hold_days
    when = npgettext(
        "loyalty",
        "On the way as soon as the order is placed, ready %(days)d day after it has arrived.",
        "On the way as soon as the order is placed, ready %(days)d days after it has arrived.",
        days,
    )
    at_once = pgettext("loyalty", "On the way as soon as the order is placed, ready when it has arrived.")
    least = max(1, scheme.least_minor)
    found = {
        "giver": words.promised(unit=unit, row=scheme, prefix="giver_"),
        "giver_worth": worth(unit=unit, points=scheme.giver_points) if scheme.giver_points else "",
        "newcomer": words.promised(unit=unit, row=scheme, prefix="newcomer_"),
        "newcomer_worth": worth(unit=unit, points=scheme.newcomer_points) if scheme.newcomer_points else "",
        "gets": {side: bool(scheme.promise(side)) for side in ("giver", "newcomer")},
        "values": {"giver": scheme.giver_points, "newcomer": scheme.newcomer_points},
        "least": money.in_words(minor=least, currency=scheme.program.currency),
        "when": when % {"days": days} if days else at_once,
        # Who gets nothing for it reads of no most.
        "per_month": scheme.per_month if scheme.promise("giver") else 0,
        "checked": pgettext("loyalty", "We look at every invitation before it brings anything.")
        if scheme.is_approved
        else "",
    }
    return found | _sentences(scheme, found)


def _sentences(scheme: Scheme, told: dict[str, Any]) -> dict[str, str]:
    """Return what pages say of a scheme: of each side, only where it gets something."""
    if not scheme.promise("giver"):
        texts = {
            "lead": pgettext("loyalty", "Your friend gets %(newcomer)s with a first order from %(least)s."),
            "rule": pgettext("loyalty", "Your friend gets %(newcomer)s with a first order from %(least)s."),
            "ask": pgettext("loyalty", "Do you know somebody who would like it here? Your friend gets %(newcomer)s."),
            "step": pgettext("loyalty", "Invite a friend: %(newcomer)s for your friend"),
            "noted": pgettext(
                "loyalty", "We noted the code. If it is a friend’s and this is your first order, you get a reward."
            ),
        }
    elif not scheme.promise("newcomer"):
        texts = {
            "lead": pgettext(
                "loyalty",
                "You get %(giver)s for a friend’s first order from %(least)s, when the return period of that order is"
                " over.",
            ),
            "rule": pgettext("loyalty", "You get %(giver)s for a friend’s first order from %(least)s."),
            "ask": pgettext("loyalty", "Do you know somebody who would like it here? You get %(giver)s."),
            "step": pgettext("loyalty", "Invite a friend: %(giver)s for you"),
            "noted": pgettext(
                "loyalty",
                "We noted the code. If it is a friend’s and this is your first order, your friend gets a reward.",
            ),
        }
    else:
        texts = {
            "lead": pgettext(
                "loyalty",
                "Your friend gets %(newcomer)s with a first order from %(least)s. You get %(giver)s when the return"
                " period of that order is over.",
            ),
            "rule": pgettext(
                "loyalty", "Your friend gets %(newcomer)s with a first order from %(least)s, and you get %(giver)s."
            ),
            "ask": pgettext(
                "loyalty",
                "Do you know somebody who would like it here? You get %(giver)s, your friend gets %(newcomer)s.",
            ),
            "step": pgettext("loyalty", "Invite a friend: %(giver)s for you, %(newcomer)s for your friend"),
            "noted": pgettext(
                "loyalty", "We noted the code. If it is a friend’s and this is your first order, you both get a reward."
            ),
        }
    return {name: text % told for name, text in texts.items()}
