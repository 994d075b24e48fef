"""What the doctor knows of using points: the one offer among Oscar's, what points are worth, how long they wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from oscar.core.loading import get_model

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import State
from loyalty_oscar.redemption.models import UseTerms

from ..upkeep.doctor import Finding, Level, doctor_checks
from .offer import all_offers, is_in_its_dates, our_offers
from .prices import priced_in

ABOUT = "using points"
LOOK_BACK = timedelta(days=90)
#: What an offer of Oscar's may limit, and ours must not: it would close for everybody at once.
LIMITS = ("max_global_applications", "max_user_applications", "max_discount")


@doctor_checks.register("offer", order=41)
def offer(*, at: datetime) -> Iterator[Finding]:
    """Our offer is there once, open, unlimited and after all others; nothing is said where nobody can use points."""
    offers, wanted = list(our_offers()), UseTerms.objects.filter(is_on=True).exists()
    if not offers:
        if wanted:
            text, hint = "our offer is not among Oscar's: nobody can use points", "Run `manage.py loyalty_setup`."
            yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint=hint)
        return
    if not wanted:
        text, hint = "no program lets its members use points", "Say the limits on the program's page in the admin."
        yield Finding(level=Level.NOTE, about=ABOUT, text=text, hint=hint)
    found = [*_once(offers), *_as_made(offers[0], at), *_last(offers[0])]
    yield from found
    if not found:
        yield Finding(level=Level.OK, about=ABOUT, text=f"“{offers[0].name}” stands after all other offers")


def _once(offers: list[Any]) -> Iterator[Finding]:
    if len(offers) > 1:
        names = ", ".join(f"“{offer.name}”" for offer in offers)
        hint = "Keep the oldest, delete the others on the dashboard's page of offers."
        yield Finding(
            level=Level.WARNING, about=ABOUT, text=f"our offer is there {len(offers)} times: {names}", hint=hint
        )


def _as_made(offer: Any, at: datetime) -> Iterator[Finding]:
    """It is open now, for everybody, once a basket."""
    hint = "Change it on the dashboard's page of offers, or delete it there and run `manage.py loyalty_setup`."
    if not offer.is_open or not is_in_its_dates(offer, at):
        text = (
            f"“{offer.name}” is {'not in its dates' if offer.is_open else offer.status.lower()}: nobody can use points"
        )
        yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint=hint)
    if offer.offer_type != offer.SITE:
        text = f"“{offer.name}” is no site offer: it is not applied to baskets"
        yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint=hint)
    if limited := [name for name in LIMITS if getattr(offer, name) is not None]:
        text = f"“{offer.name}” is limited ({', '.join(limited)}): one day nobody can use points"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    if offer.max_basket_applications != 1 or offer.exclusive:
        text = f"“{offer.name}” must be applied once to a basket (max_basket_applications 1) and not be exclusive"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


def _last(offer: Any) -> Iterator[Finding]:
    """Points lie on top of every other offer, so they come last."""
    others = get_model("offer", "ConditionalOffer").objects.exclude(pk__in=all_offers().values("pk"))
    before = list(others.filter(priority__lte=offer.priority).exclude(offer_type="Voucher").order_by("pk")[:5])
    if before:
        names = ", ".join(f"“{other.name}” ({other.priority})" for other in before)
        text = f"offers come at or after ours (priority {offer.priority}), so points pay before they do: {names}"
        hint = "Give them a higher priority on the dashboard's page of offers."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


@doctor_checks.register("worth", order=42)
def worth(*, at: datetime) -> Iterator[Finding]:
    """Whoever can use points knows what they are worth, in every currency the shop sells in."""
    sold = currencies_sold(at=at)
    for terms in UseTerms.objects.filter(is_on=True).exclude(program__state=State.CLOSED).select_related("program"):
        known = set(terms.program.worths.values_list("currency", flat=True))
        if missing := sorted(sold - known):
            text = f"“{terms.program.name}” does not say what points are worth in {', '.join(missing)}"
            hint = "Nobody can use points in a basket of that currency. Add it on the program's page in the admin."
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


def currencies_sold(*, at: datetime) -> set[str]:
    """Return the currencies of prices and of the orders of the last 90 days."""
    orders = get_model("order", "Order").objects.using(write_db()).filter(date_placed__gte=at - LOOK_BACK)
    found = {*priced_in(), *orders.order_by().values_list("currency", flat=True).distinct()}
    return found or {getattr(settings, "OSCAR_DEFAULT_CURRENCY", "EUR")}


@doctor_checks.register("waiting", order=43)
def minutes(*, at: datetime) -> Iterator[Finding]:
    """A payment takes longer than looking at a basket, and neither takes a day."""
    if conf.GATEWAY_MINUTES < conf.HOLD_MINUTES:
        text = (
            f"LOYALTY_GATEWAY_MINUTES ({conf.GATEWAY_MINUTES}) is less than LOYALTY_HOLD_MINUTES ({conf.HOLD_MINUTES})"
        )
        hint = "Make it longer than the gateway waits for a payment, or points go back while a customer pays."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    if conf.HOLD_MINUTES < 10 or conf.HOLD_MINUTES > 24 * 60:
        text = f"points stay set aside for {conf.HOLD_MINUTES:,} minutes (LOYALTY_HOLD_MINUTES)"
        hint = "Less than 10 is too short to check out; more than a day keeps points from baskets that are meant."
        yield Finding(level=Level.NOTE, about=ABOUT, text=text, hint=hint)
