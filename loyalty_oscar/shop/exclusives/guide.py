"""Which sales there are, in plain words: a part of the page "how it works"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loyalty_oscar.exclusives import rules
from loyalty_oscar.program import clock, contributions
from loyalty_oscar.program.models import Unit

from .showing import SaleRow
from .visitors import NOBODY, sales_of_visit


@contributions.register("how-it-works:parts", "exclusives", order=35)
def member_sales(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the sales that everybody may know of, with who gets in when."""
    at, rows = clock.now(), []
    for sale in sales_of_visit(visit=request.loyalty):
        answer = rules.admission(sale=sale.dates, who=NOBODY, at=at)
        if answer.sees and not rules.is_over(sale=sale.dates, at=at):
            rows.append(SaleRow(sale=sale, admission=answer, at=at))
    return ("loyalty/widgets/guide_sales.html", {"rows": rows}) if rows else None
