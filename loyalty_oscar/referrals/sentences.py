"""A scheme as a sentence, and the evidence of a referral in words."""

from __future__ import annotations

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit

from .models import Referral, Scheme


def sentence(*, scheme: Scheme, unit: Unit) -> str:
    """Return who gets what, when, and how often a month."""
    text = npgettext(
        "loyalty",
        "Who invites gets %(giver)s and the newcomer %(newcomer)s for a first order from %(least)s, ready when its"
        " return period is over; up to %(count)d friend a month.",
        "Who invites gets %(giver)s and the newcomer %(newcomer)s for a first order from %(least)s, ready when its"
        " return period is over; up to %(count)d friends a month.",
        scheme.per_month,
    )
    said = text % {
        "giver": words.points(unit=unit, points=scheme.giver_points),
        "newcomer": words.points(unit=unit, points=scheme.newcomer_points),
        "least": money.in_words(minor=max(1, scheme.least_minor), currency=scheme.program.currency),
        "count": scheme.per_month,
    }
    off = pgettext("loyalty", "Switched off: nobody new can be invited; who came before keeps what was promised.")
    return said if scheme.is_on else f"{off} {said}"


def evidence(*, referral: Referral) -> list[str]:
    """Return what the checks found, each in words with what it asks for."""
    asks = {
        "allow": pgettext("loyalty", "nothing against it"),
        "review": pgettext("loyalty", "asks for a look"),
        "block": pgettext("loyalty", "speaks against it"),
    }
    return [f"{words.why(one['because'])} ({asks[one['verdict']]})" for one in referral.findings]
