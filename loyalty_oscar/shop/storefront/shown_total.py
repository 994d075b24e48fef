"""
What a total was when it was shown: where a member price, a sale, a reward or an offer for a level made it lower, and
ends or takes less before the order is sent, nothing is paid that was not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import pgettext
from oscar.core.loading import get_class

from loyalty_oscar.program import contributions, money

from .request_hooks import checkout_guards

#: Steps before anybody has seen what is to be paid.
EARLY = {"index", "shipping-address", "shipping-method", "payment-method", "user-address-update", "user-address-delete"}
KEY, FIELD = "loyalty_total", "loyalty-total"


def total_of(*, basket: Any) -> int:
    """Return what the goods of a basket cost after all discounts, in minor units, as the customer sees prices."""
    total = basket.total_incl_tax if basket.is_tax_known else basket.total_excl_tax
    return money.to_minor(amount=total, currency=basket.currency)


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderCost:
    """What an order would cost in all and what of that is its delivery, in minor units, as the customer sees prices."""

    total: int
    delivery: int


def order_cost(*, basket: Any, request: Any) -> OrderCost:
    """Return what a basket would cost as an order, by the shop's own delivery, surcharges and total."""
    charge = delivery_charge(basket=basket, request=request)
    applicator = get_class("checkout.applicator", "SurchargeApplicator")(request)
    surcharges = applicator.get_applicable_surcharges(basket=basket, shipping_charge=charge)
    calculator = get_class("checkout.calculators", "OrderTotalCalculator")(request)
    total = calculator.calculate(basket, charge, surcharges=surcharges)
    return OrderCost(total=_shown_price(total), delivery=_shown_price(charge))


def delivery_charge(*, basket: Any, request: Any) -> Any:
    """
    Return what the delivery of a basket costs, as a price of Oscar's: by the method that the page shows
    (`visit.shipping_method`), else by the shop's first for this basket.

    Oscar puts no offer around a method that is free anyway. With points tried on the basket it may not be, so that the
    offer counts here as it will on the next page.
    """
    repository, method = get_class("shipping.repository", "Repository")(), request.loyalty.shipping_method
    if method is None:
        method = repository.get_default_shipping_method(basket=basket, user=request.user, request=request)
        request.loyalty.shipping_method = method
    if basket.has_shipping_discounts and not getattr(method, "is_discounted", False):
        (method,) = repository.apply_shipping_offers(basket, [method])
    return method.calculate(basket)


def _shown_price(price: Any) -> int:
    amount = price.incl_tax if price.is_tax_known else price.excl_tax
    return money.to_minor(amount=amount, currency=price.currency)


def is_lowered(*, basket: Any) -> bool:
    """Return whether a member price, a sale, a reward or an offer for a level lowers what a basket costs."""
    ours = ("loyalty_gives_rewards", "loyalty_for_level")
    if any(getattr(one["offer"], name, False) for one in basket.offer_applications for name in ours):
        return True
    return any(getattr(line.purchase_info.price, "loyalty_cut", None) for line in basket.all_lines())


def cheaper_delivery(*, basket: Any) -> list[int]:
    """Return the keys of the offers that lower the delivery of a basket for its owner's level."""
    return sorted(
        one["offer"].pk for one in basket.shipping_discounts if getattr(one["offer"], "loyalty_for_level", False)
    )


@checkout_guards.register("totals", order=30)
def checkpoint(*, request: Any) -> HttpResponse | None:
    """
    Send the customer back to the preview where the goods cost more than it said, or a level pays no more for delivery;
    nothing is ordered or paid.
    """
    shown, offers = _shown(request), set(_said(request).get("delivery", ()))
    if not (shown or offers) or request.resolver_match.url_name in EARLY or request.basket.is_empty:
        return None
    now, currency = total_of(basket=request.basket), request.basket.currency
    left = cheaper_delivery(basket=request.basket)
    text = pgettext("loyalty", "Please look at your total again.")
    if shown and now > shown:
        text = pgettext("loyalty", "Please look at your total again: your goods cost %(now)s now, no longer %(shown)s.")
        amounts = {"now": now, "shown": shown}
        text %= {name: money.in_words(minor=minor, currency=currency) for name, minor in amounts.items()}
    elif offers <= set(left):
        return None
    messages.warning(request, text, fail_silently=True)
    request.session[KEY] = {"basket": request.basket.pk, "minor": now, "delivery": left}
    return HttpResponseRedirect(reverse("checkout:preview"))


def sent(*, request: Any, field: str) -> int:
    """Return what a hidden field says that was shown (minor units, points); 0 where it is missing or no number."""
    value = request.POST.get(field, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0


def _shown(request: Any) -> int:
    """Return what the very form says that was sent (it may be of another tab), else what the last preview said."""
    return sent(request=request, field=FIELD) or _said(request).get("minor", 0)


def _said(request: Any) -> Mapping[str, Any]:
    """Return what the last preview said of this basket, or nothing."""
    said = request.session.get(KEY) or {}
    return said if said and said.get("basket") == request.basket.pk else {}


@contributions.register("checkout:preview", "totals", order=20)
def previewed(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Remember a lowered total that is shown, in the session and in the order's form; nobody else's is written."""
    if subject is None or subject.is_empty or not is_lowered(basket=subject):
        request.session.pop(KEY, None)
        return None
    said = {
        "basket": subject.pk,
        "minor": total_of(basket=subject),
        "delivery": cheaper_delivery(basket=subject),
    }
    if request.session.get(KEY) != said:
        request.session[KEY] = said
    return "loyalty/widgets/points_shown.html", {"name": FIELD, "minor": said["minor"]}
