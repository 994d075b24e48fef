"""Where a review is asked for: beside delivered goods, and where it is written, with what it brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import REVIEW
from loyalty_oscar.program import clock, contributions, words

from ..orders.facts import gather_orders
from ..orders.statuses import final_statuses, is_dead
from ..storefront.visit import takes_part
from .storefront import asked, most
from .ways import promised_to

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("account:order", "journeys", order=20)
def beside_delivered(*, subject: Any, request: Any) -> Piece | None:
    """
    Return what of a delivered order was kept and can be reviewed for points, each with the way there.

    Six queries, and none where no campaign gives points for reviews now.
    """
    campaign = _campaign(request)
    if campaign is None or subject is None or not takes_part(visit=request.loyalty):
        return None
    if subject.status not in final_statuses() or is_dead(status=subject.status):
        return None
    lines = subject.lines.select_related("product__parent").filter(product__is_public=True, pk__in=_kept(subject))
    things = {_thing(line.product).pk: _thing(line.product) for line in lines}
    known = get_model("reviews", "ProductReview").objects.filter(user=request.user, product__in=things)
    open_ones = [thing for pk, thing in things.items() if pk not in set(known.values_list("product_id", flat=True))]
    if not open_ones:
        return None
    return "loyalty/widgets/review_prompt.html", {
        "value": campaign.points,
        "points": words.promised(unit=request.loyalty.unit, row=campaign),
        "rows": [{"title": thing.get_title(), "url": _form_of(thing)} for thing in open_ones],
    }


@contributions.register("product:write-review", "journeys")
def where_written(*, subject: Any, request: Any) -> Piece | None:
    """Return what a review of a product brings whoever bought it; asks nothing that is not remembered."""
    campaign = _campaign(request)
    if campaign is None or subject is None:
        return None
    points = words.promised(unit=request.loyalty.unit, row=campaign)
    return "loyalty/widgets/write_review.html", {
        "value": campaign.points,
        "points": points,
        "limits": asked(campaign),
    }


def _campaign(request: Any) -> Campaign | None:
    visit = request.loyalty
    if not visit.is_earning:
        return None
    at = clock.now()
    return most(promised_to(visit=visit, at=at), REVIEW, at, request.user)


def _kept(order: Any) -> set[int]:
    """Return the lines of an order on which pieces stand that did not go back."""
    found = gather_orders(order_ids=[order.pk], set_codes=(), at=clock.now())
    parts = [part for facts in found for part in facts.purchase.lines if part.gone < part.quantity]
    return {line_id for part in parts for line_id, _pieces in part.rows}


def _thing(product: Any) -> Any:
    """Return what is reviewed: the product itself, or what it is a variant of."""
    return product.parent or product


def _form_of(product: Any) -> str:
    address = reverse("catalogue:reviews-add", kwargs={"product_slug": product.slug, "product_pk": product.pk})
    return f"{address}#addreview"
