"""On the front page of loyalty: whether the offer that takes points off is open, and which rewards wait for staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import contributions, money
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.redemption.models import Claim, UseTerms

from ..front.checklist import Tick, launch_checks
from ..front.links import list_url
from .offer import is_in_its_dates, our_offers


@launch_checks.register("offer", order=50)
def offer_is_open(*, program: Program, at: datetime) -> Iterator[Tick]:
    """Say whether points can be used in the basket, where the program means them to be."""
    offers = [one for one in our_offers() if one.is_open and is_in_its_dates(one, at)]
    is_meant = UseTerms.objects.filter(program=program, is_on=True).exists()
    yield Tick(
        text=pgettext("loyalty", "Customers can use what they have in the basket"),
        done=bool(offers) and is_meant,
        todo=pgettext(
            "loyalty",
            "The limits of use, or the offer that takes them off, are missing or switched off. Set up the "
            "program once more: it makes what is missing and leaves the rest.",
        ),
    )


@contributions.register("front:program", "rewards", order=25)
def waiting(*, subject: Unit, request: Any) -> tuple[str, dict[str, Any]] | None:
    """Return how many rewards of members wait to be handed out."""
    state = Claim.State.ASKED
    count = Claim.objects.filter(reward__program_id=subject.program_id, state=state).count()
    if not count:
        return None
    text = npgettext(
        "loyalty", "%(count)s reward waits to be handed out.", "%(count)s rewards wait to be handed out.", count
    )
    url = list_url(request.user, Claim)
    told = {"text": text % {"count": money.number(count)}, "label": pgettext("loyalty", "Hand out")}
    return "loyalty/front/waiting.html", {**told, "url": url and f"{url}?state__exact={state}"}
