"""At checkout: points stay set aside while the customer is at work, and nothing is paid that was not shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program import clock, contributions
from loyalty_oscar.program.conf import conf

from ..storefront.request_hooks import checkout_guards
from ..storefront.shown_total import EARLY, sent
from . import session_state
from .discount import applied_to
from .promise import is_seen_again
from .storefront import standing_of

#: Oscar's pages that show it; whatever else posts at checkout goes back to the preview.
SHOWING = {"preview", "payment-details"}
FIELD = "loyalty-shown"


@checkout_guards.register("redemption", order=20)
def checkpoint(*, request: Any) -> HttpResponse | None:
    """
    Renew what is set aside, or send the customer back to look where points take less off than was shown.

    What was shown is what the session remembers and what the very form says that was sent: in another tab fewer
    points may have been chosen since.
    """
    typed = sent(request=request, field=FIELD)
    if session_state.KEY not in request.session and not typed:
        return None
    basket, name = request.basket, request.resolver_match.url_name
    is_seen_again(basket=basket)
    said = session_state.recall(request=request, basket=basket)
    if not said and not typed:
        return None
    applied = applied_to(basket=basket)
    if applied:
        _keep(applied.redemption.hold)
    now, shown = applied.minor if applied else 0, max(said.get("minor", 0), typed)
    if now >= shown or name in EARLY:
        return None
    session_state.remember(request=request, basket=basket, asked=said.get("asked", 0), minor=now, was=shown)
    if standing_of(basket=basket, request=request) is None:
        # Nobody can use points any more, so no control says it there.
        messages.warning(request, pgettext("loyalty", "Please look at your total again."), fail_silently=True)
    back = request.get_full_path() if name in SHOWING else reverse("checkout:preview")
    return HttpResponseRedirect(f"{back}#points")


def _keep(hold: Hold) -> None:
    at = clock.now()
    until = at + timedelta(minutes=conf.HOLD_MINUTES)
    if hold.expires_at < until - timedelta(minutes=1):
        ledger.renew(hold_id=hold.pk, until=until)


@contributions.register("checkout:preview", "redemption", order=10)
def shown(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the hidden field of the order's form that says what points took off when it was shown."""
    applied = applied_to(basket=subject) if subject is not None else None
    if not applied or not applied.minor:
        return None
    return "loyalty/widgets/points_shown.html", {"name": FIELD, "minor": applied.minor}
