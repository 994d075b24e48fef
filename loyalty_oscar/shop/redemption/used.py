"""What pages and mails say of points that were used: account, thank-you page, order and its confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.program import contributions, money, words
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.redemption.queries import has_terms, terms_of, use_in_force

from ..orders.receivers import is_just_written
from .discount import applied_to, used_in_words

Piece = tuple[str, Mapping[str, Any]]


@receiver(pre_save, sender=get_model("order", "OrderDiscount"), dispatch_uid="loyalty_points_used")
@harmless(later="an order says the name of our offer")
def call_by_its_name(sender: Any, instance: Any, **_signal: Any) -> None:
    """
    Let the order say "500 paws used", or the name of a reward, once: Oscar's pages show the name of the offer, and some
    the message too.
    """
    order = instance._state.fields_cache.get("order")
    if instance.message and instance.message in getattr(order, "_loyalty_names", ()):
        instance.offer_name, instance.message = instance.message[:128], ""


@contributions.register("basket:used", "redemption")
def in_totals(*, subject: Any, request: Any) -> Piece | None:
    """Return what points take off a basket, and what its goods cost before where nothing else lowers them."""
    applied = applied_to(basket=subject) if subject is not None else None
    if not applied or not applied.minor:
        return None
    currency, others = applied.redemption.currency, _other_discounts(subject)
    before = subject.total_incl_tax_excl_discounts if subject.is_tax_known else subject.total_excl_tax_excl_discounts
    told = {"amount": applied.minor, "before": money.to_minor(amount=before, currency=currency)}
    told = {name: money.in_words(minor=minor, currency=currency) for name, minor in told.items()}
    amount = f"\N{MINUS SIGN}{told['amount']}"
    return "loyalty/widgets/points_row.html", {
        "value": applied.points,
        "text": used_in_words(applied=applied),
        "amount": amount,
        "before": "" if others else told["before"],
    }


def _other_discounts(basket: Any) -> bool:
    """Return whether Oscar's totals list a discount beside ours, and with it what the goods cost before."""
    return any(
        one["discount"] > 0 and not hasattr(one["offer"], "loyalty_takes_points") for one in basket.offer_applications
    )


@contributions.register("thank-you:used", "redemption")
def thank_you(*, subject: Any, request: Any) -> Piece | None:
    """Return what a member's order used."""
    unit = request.loyalty.unit
    use = _use_of(subject) if has_terms(program_id=unit.program_id) else None
    if use is None or request.loyalty.account is None:
        return None
    ready = request.loyalty.account.available
    text = pgettext("loyalty", "That took %(amount)s off your goods. You still have %(points)s ready.")
    if _is_amount(use):
        text = pgettext("loyalty", "You still have %(points)s ready.")
    return "loyalty/widgets/thank_you_used.html", {
        "value": use.points,
        "points": words.points(unit=use.hold.account.unit, points=use.points),
        "more": text % {"amount": _saved(use), "points": words.points(unit=unit, points=ready)},
    }


@contributions.register("mail:order", "redemption")
def in_mail(*, subject: Any, request: Any = None) -> Piece | None:
    """Return what the confirmation of an order says of the points that it used."""
    use = _use_of(subject)
    if use is None:
        return None
    points = words.points(unit=use.hold.account.unit, points=use.points)
    text = pgettext("loyalty", "%(points)s used: %(amount)s, taken off the prices above.")
    if _is_amount(use):
        text = pgettext("loyalty", "%(points)s used, taken off the prices above.")
    return "loyalty/mail/used.txt", {"text": text % {"points": points, "amount": f"\N{MINUS SIGN}{_saved(use)}"}}


@contributions.register("account:ready", "redemption")
def account(*, subject: Any, request: Any) -> Piece | None:
    """Return what is set aside, and the way to the basket, for the number of what is ready."""
    visit, basket = request.loyalty, getattr(request, "basket", None)
    found = visit.account
    if found is None or terms_of(program_id=found.unit.program_id) is None:
        return None
    reserved = words.points(unit=found.unit, points=found.reserved) if found.reserved else ""
    can_use = visit.is_spending and not found.debt and found.available + found.reserved > 0
    text = pgettext("loyalty", "%(points)s set aside for your basket")
    return "loyalty/widgets/use_in_basket.html", {
        "reserved": found.reserved,
        "text": text % {"points": reserved} if reserved else "",
        "can_use": can_use and basket is not None and not basket.is_empty,
        "goes_on": bool(found.seq),
    }


def _use_of(order: Any) -> Redemption | None:
    """Return the use that an order's discount stands for, or None. No query where this instance was just written."""
    if order is None or not order.user_id:
        return None
    if is_just_written(order=order):
        return getattr(order, "_loyalty_use", None)
    return use_in_force(order_id=order.pk)


def _is_amount(use: Redemption) -> bool:
    """Return whether what was used is the very amount that it took off."""
    unit = use.hold.account.unit
    return unit.is_money and use.currency == unit.program.currency and use.points == use.minor


def _saved(use: Redemption) -> str:
    return money.in_words(minor=use.minor, currency=use.currency)
