"""Using points on the launch checklist: the offer that takes points off is there, and open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import pgettext

from loyalty_oscar.program.models import Program
from loyalty_oscar.redemption.models import UseTerms

from ..front.checklist import Tick, launch_checks
from .offer import is_in_its_dates, our_offers


@launch_checks.register("offer", order=50)
def offer_is_open(*, program: Program, at: datetime) -> Iterator[Tick]:
    """Say whether points can be used in the basket, where the program means them to be."""
    offers = [one for one in our_offers() if one.is_open and is_in_its_dates(one, at)]
    is_meant = UseTerms.objects.filter(program=program, is_on=True).exists()
    yield Tick(
        text=pgettext("loyalty", "Customers can use points in the basket"),
        done=bool(offers) and is_meant,
        todo=pgettext(
            "loyalty",
            "The limits of using points, or the offer that takes them off, are missing or switched off. Set up the "
            "program once more: it makes what is missing and leaves the rest.",
        ),
    )
