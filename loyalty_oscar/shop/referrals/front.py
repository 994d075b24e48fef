"""Bring a friend on the front page of loyalty: whether it is on, and who waits for a look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import contributions
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.referrals.models import Referral, Scheme

from ..front.links import list_url
from ..front.planned import Planned, planned_lists


@planned_lists.register("friends", order=40)
def schemes(*, program: Program, at: datetime) -> Iterator[Planned]:
    """Yield the program's scheme where members can invite friends; it has no dates."""
    for scheme in Scheme.objects.select_related("program").filter(program=program, is_on=True):
        yield Planned(kind=pgettext_lazy("loyalty", "Friends"), row=scheme)


@contributions.register("front:program", "friends", order=30)
def waiting(*, subject: Unit, request: Any) -> tuple[str, dict[str, Any]] | None:
    """Return how many invitations wait for somebody to decide."""
    count = Referral.objects.filter(program_id=subject.program_id, state=Referral.State.REVIEW).count()
    if not count:
        return None
    text = npgettext(
        "loyalty",
        "%(count)d invited friend waits for your decision.",
        "%(count)d invited friends wait for your decision.",
        count,
    )
    url = list_url(request.user, Referral)
    told = {"text": text % {"count": count}, "label": pgettext("loyalty", "Decide")}
    return "loyalty/front/waiting.html", {**told, "url": url and f"{url}?state__exact=review"}
