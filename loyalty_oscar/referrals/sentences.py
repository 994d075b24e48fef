"""A scheme as a sentence, and the evidence of a referral in words."""

from __future__ import annotations

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit

from .models import Referral, Scheme


def sentence(*, scheme: Scheme, unit: Unit) -> str:
    """Return who gets what, when, how often a month, and whether somebody looks first."""
    said = _who_gets_what(scheme) % {
        "giver": words.promised(unit=unit, row=scheme, prefix="giver_"),
        "newcomer": words.promised(unit=unit, row=scheme, prefix="newcomer_"),
        "least": from_least(minor=scheme.least_minor, currency=scheme.program.currency),
        "count": money.number(scheme.per_month),
    }
    if scheme.is_approved:
        said += " " + pgettext("loyalty", "Somebody of the shop approves every friend first.")
    off = pgettext("loyalty", "Switched off: nobody new can be invited; who came before keeps what was promised.")
    return said if scheme.is_on else f"{off} {said}"


def from_least(*, minor: int, currency: str) -> str:
    """Return "from €20.00", what a first order must come to."""
    if not minor:
        return pgettext("loyalty", "of any amount")
    return pgettext("loyalty", "from %(least)s") % {"least": money.in_words(minor=minor, currency=currency)}


def _who_gets_what(scheme: Scheme) -> str:
    if not scheme.promise("giver"):
        return pgettext(
            "loyalty",
            "The newcomer gets %(newcomer)s for a first order %(least)s, ready when its return period is over; who"
            " invites gets nothing.",
        )
    if not scheme.promise("newcomer"):
        return npgettext(
            "loyalty",
            "Who invites gets %(giver)s for a newcomer’s first order %(least)s, ready when its return period is"
            " over; up to %(count)s friend a month. The newcomer gets nothing.",
            "Who invites gets %(giver)s for a newcomer’s first order %(least)s, ready when its return period is"
            " over; up to %(count)s friends a month. The newcomer gets nothing.",
            scheme.per_month,
        )
    return npgettext(
        "loyalty",
        "Who invites gets %(giver)s and the newcomer %(newcomer)s for a first order %(least)s, ready when its"
        " return period is over; up to %(count)s friend a month.",
        "Who invites gets %(giver)s and the newcomer %(newcomer)s for a first order %(least)s, ready when its"
        " return period is over; up to %(count)s friends a month.",
        scheme.per_month,
    )


def evidence(*, referral: Referral) -> list[str]:
    """Return what the checks found, each in words with what it asks for."""
    asks = {
        "allow": pgettext("loyalty", "nothing against it"),
        "review": pgettext("loyalty", "asks for a look"),
        "block": pgettext("loyalty", "speaks against it"),
    }
    return [f"{words.why(one['because'])} ({asks[one['verdict']]})" for one in referral.findings]


def nothing_found(*, referral: Referral) -> str:
    """Return what there is to say of checks that found nothing: what happened, or what they wait for."""
    if referral.state == Referral.State.REWARDED:
        return pgettext("loyalty", "They found nothing against it. What was promised is given.")
    if referral.state == Referral.State.REVERSED:
        return pgettext("loyalty", "They found nothing against it. What was given went back with the order.")
    if referral.state == Referral.State.REVIEW:
        return pgettext("loyalty", "They found nothing. Somebody has to decide.")
    if referral.decision == Referral.Decision.BLOCK:
        return pgettext("loyalty", "Nothing. Somebody of the shop decided that nobody is rewarded.")
    if referral.decision == Referral.Decision.ALLOW:
        return pgettext("loyalty", "Nothing so far. Somebody of the shop decided that the first order brings it.")
    if referral.state == Referral.State.BLOCKED:
        return pgettext("loyalty", "Nothing. Nobody is rewarded.")
    return pgettext("loyalty", "Nothing so far. They look when the first order comes.")
