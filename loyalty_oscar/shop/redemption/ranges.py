"""A range of products that points cannot pay for stays: without it nobody can use points at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.utils.translation import pgettext

from loyalty_oscar.program.models import State
from loyalty_oscar.redemption.models import UseTerms

from ..orders.range_guard import ClosedSet, closings


@closings.register("using", order=20)
def not_for_points(*, set_ids: Collection[int], using: str) -> Iterator[ClosedSet]:
    """Products that points cannot pay for, where members use points."""
    rows = UseTerms.objects.using(using).filter(is_on=True, excluded_sets__in=set_ids)
    text = pgettext(
        "loyalty",
        "“%(range)s” holds products that are never paid from a balance of “%(program)s”: take their set out on the "
        "program's page first, or give it another range.",
    )
    shut = pgettext("loyalty", "Until it has one, nobody can use anything in “%(program)s”.")
    for terms in rows.exclude(program__state=State.CLOSED).select_related("program").distinct().order_by("pk"):
        names = {"program": terms.program.name}
        yield ClosedSet(row=terms, text=text, names=names, shut=shut % names)
