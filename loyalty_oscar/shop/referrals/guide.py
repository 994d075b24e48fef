"""What bringing a friend brings, in plain words: a part of the page "how it works"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import contributions, money
from loyalty_oscar.program.models import Unit
from loyalty_oscar.referrals.queries import scheme_of

from .terms_text import promise


@contributions.register("how-it-works:parts", "referrals", order=30)
def bringing_friends(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what both sides get, and how often a month."""
    scheme = scheme_of(program_id=subject.program_id)
    if scheme is None:
        return None
    told = promise(scheme=scheme, unit=subject)
    often = npgettext(
        "loyalty",
        "Up to %(count)s friend a month brings you a reward.",
        "Up to %(count)s friends a month bring you a reward.",
        scheme.per_month,
    )
    lines = [told["rule"], told["when"], told["checked"]]
    if scheme.promise("giver"):
        lines.append(often % {"count": money.number(scheme.per_month)})
    title = pgettext("loyalty", "Inviting friends")
    return "loyalty/widgets/guide.html", {"id": "friends", "title": title, "lines": [line for line in lines if line]}
