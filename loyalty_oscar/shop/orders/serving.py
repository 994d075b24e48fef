"""Which orders a program serves: those of its sites, and of the default program all that no other has."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, ProgramSite


def orders_of(*, program: Program) -> QuerySet[Any]:
    """Return the orders that a program serves, whoever placed them and whenever."""
    sites = ProgramSite.objects.using(write_db())
    own = Q(site_id__in=list(sites.filter(program=program).values_list("site_id", flat=True)))
    if program.is_default:
        others = sites.exclude(program=program).values_list("site_id", flat=True)
        own |= Q(site_id=None) | ~Q(site_id__in=list(others))
    return get_model("order", "Order").objects.using(write_db()).filter(own)
