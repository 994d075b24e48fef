"""What staff read of points that were used: on Oscar's page of an order and the pages of member and program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import npgettext, pgettext
from oscar.core.loading import get_model

from loyalty_oscar.program import contributions, money, words
from loyalty_oscar.program.hooks import order_finders, program_warnings
from loyalty_oscar.program.models import Program
from loyalty_oscar.redemption.models import Redemption, UseTerms

from ..dashboard.links import admin_url, order_url
from .offer import is_in_its_dates, our_offers

Piece = tuple[str, Mapping[str, Any]]
NEWEST = 20


@contributions.register("dashboard:order", "redemption", order=30)
def used_for_order(*, subject: Any, request: Any) -> Piece | None:
    """Return the points and rewards that an order used, and what of them came back. One query."""
    rows = Redemption.objects.select_related("hold__account__unit__program", "claim__reward__program__unit")
    uses = list(rows.filter(order_id=subject.pk).order_by("pk"))
    if not uses:
        return None
    told = {
        "rows": [about(use) for use in uses if use.claim is None],
        "rewards": [about_reward(use) for use in uses if use.claim is not None],
    }
    return "loyalty/dashboard/used.html", told


@contributions.register("admin:member", "redemption", order=20)
def used_by_member(*, subject: Any, request: Any) -> Piece | None:
    """Return what a member used her points for, newest first."""
    uses = list(
        _uses().filter(hold__account__member=subject, order_id__isnull=False).order_by("-used_at", "-pk")[:NEWEST]
    )
    orders = get_model("order", "Order").objects.in_bulk([use.order_id for use in uses])
    rows = [{**about(use), "order": orders.get(use.order_id)} for use in uses]
    for row in rows:
        row["url"] = order_url(row["order"]) if row["order"] else ""
    return ("loyalty/admin/used.html", {"rows": rows}) if rows else None


@order_finders.register("orders")
def ids_of(*, number: str) -> list[int]:
    """Return the ids of orders with this number."""
    return list(get_model("order", "Order").objects.filter(number=number).values_list("pk", flat=True))


@program_warnings.register("using", order=60)
def offer_is_amiss(*, program: Program, at: datetime) -> Iterator[str]:
    """Say that members could use points, and the offer that takes them off a basket is missing or switched off."""
    if not UseTerms.objects.filter(program=program, is_on=True).exists():
        return
    offer = our_offers().first()
    if offer is None:
        yield pgettext(
            "loyalty",
            "Nobody can use anything: the offer that lowers the price is missing. Run manage.py loyalty_setup.",
        )
    elif not offer.is_open or not is_in_its_dates(offer, at):
        text = pgettext(
            "loyalty", "Nobody can use anything: the offer “%(offer)s” of the shop is switched off or over."
        )
        yield text % {"offer": offer.name}


def _uses() -> Any:
    return Redemption.objects.filter(claim=None).select_related("hold__account__unit__program")


def about(use: Redemption) -> dict[str, Any]:
    """Return a use in numbers and words: "500 paws used, €5.00 off; 221 paws came back"."""
    unit = use.hold.account.unit
    amount = money.in_words(minor=use.minor, currency=use.currency)
    said = pgettext("loyalty", "%(points)s used, %(amount)s off") % {
        "points": words.points(unit=unit, points=use.points),
        "amount": amount,
    }
    if use.returned:
        text = npgettext("loyalty", "%(points)s came back", "%(points)s came back", use.returned)
        said += "; " + text % {"points": words.points(unit=unit, points=use.returned)}
    return {
        "use": use,
        "unit": unit,
        "amount": amount,
        "day": words.day(use.used_at, zone=unit.program.time_zone) if use.used_at else "",
        "says": said,
    }


def about_reward(use: Redemption) -> dict[str, Any]:
    """Return the reward of an order in words: "Free mug: €9.90 off; it can be used again"."""
    reward = use.claim.reward
    amount = money.in_words(minor=use.minor, currency=use.currency)
    said = pgettext("loyalty", "%(reward)s: %(amount)s off") % {"reward": reward.name, "amount": amount}
    if use.claim.number > use.number:
        said += "; " + pgettext("loyalty", "the order came to nothing, so the reward went back")
    return {"claim": use.claim, "url": admin_url("loyalty_redemption_claim_change", use.claim_id), "says": said}
