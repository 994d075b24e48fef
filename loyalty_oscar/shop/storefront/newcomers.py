"""The first steps of a newcomer: what there is to do, told by the features, and the way there after registering."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import npgettext, pgettext
from oscar.apps.customer.signals import user_registered

from loyalty_oscar.program import money
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.hooks import SKIP, Hook
from loyalty_oscar.program.models import Unit

from .request_hooks import response_hooks
from .visit import Visit

#: So long after joining one is a newcomer; and so long one need not see what was closed.
NEW_FOR = timedelta(days=30)
#: Set on the visitor's own machine by the button that closes the first steps.
COOKIE = "loyalty_welcome"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing to do: a sentence, the words and the address of its button, and whether it is done."""

    text: str
    button: str
    url: str
    is_done: bool = False


class FirstStep(Protocol):
    """Tells a newcomer one thing to do."""

    def __call__(self, *, request: Any, unit: Unit) -> Step | None:
        """Return it, done or not; None where this shop has nothing of the kind."""
        ...


first_steps: Hook[FirstStep] = Hook("first_steps", FirstStep, on_error=SKIP)


def welcome_of(*, request: Any, unit: Unit, at: datetime) -> dict[str, Any] | None:
    """
    Return the first steps as their card shows them; None for who is no newcomer, has done or closed them, or where
    there is but one.
    """
    visit = request.loyalty
    if not conf.WELCOME or COOKIE in request.COOKIES or not visit.is_earning or not _is_newcomer(visit, at):
        return None
    steps = [step for step in first_steps.answers(request=request, unit=unit) if step]
    done, first = sum(step.is_done for step in steps), next((step for step in steps if not step.is_done), None)
    if len(steps) < 2 or first is None:
        return None
    text = npgettext("loyalty", "%(done)s of %(all)s step done", "%(done)s of %(all)s steps done", len(steps))
    return {
        "steps": steps,
        "first": first,
        "done": done,
        "all": len(steps),
        "progress": text % {"done": money.number(done), "all": money.number(len(steps))},
    }


def _is_newcomer(visit: Visit, at: datetime) -> bool:
    joined = visit.member.joined_at if visit.member else getattr(visit.user, "date_joined", None)
    return joined is not None and at < joined + NEW_FOR


class Landing:
    """Leads who has just registered to the account page, or says where the first steps are."""

    def is_due(self, *, request: Any) -> bool:
        """Return whether somebody registered with this request."""
        visit = getattr(request, "loyalty", None)
        return visit is not None and (visit.has_registered or bool(visit.welcomes))

    def act(self, *, request: Any, response: HttpResponse) -> None:
        """
        Lead there instead of Oscar's profile. Where the shop leads elsewhere, or the newcomer was on the way to
        something, there are messages instead: that page does not tell what our own does.
        """
        visit, address = request.loyalty, reverse("loyalty:overview")
        target = response["Location"] if response.status_code == 302 else ""
        if visit.has_registered and target in (reverse("customer:summary"), reverse("customer:profile-view")):
            response["Location"] = address
            return
        for text in visit.welcomes:
            messages.success(request, text, fail_silently=True)
        if visit.has_registered and target and target != reverse("checkout:thank-you"):
            text = pgettext("loyalty", "Welcome to the %(program)s.") % {"program": visit.unit.program.name}
            link = format_html('<a href="{}">{}</a>', address, pgettext("loyalty", "See your first steps"))
            messages.success(request, format_html("{} {}", text, link), extra_tags="safe noicon", fail_silently=True)


@harmless(later="the newcomer lands on Oscar's own page")
def registered(sender: Any, request: Any = None, user: Any = None, **kwargs: Any) -> None:
    """Remember for the answer to this request that somebody registered, where a program serves the site."""
    visit = getattr(request, "loyalty", None)
    if conf.WELCOME and visit is not None and visit.unit is not None and visit.is_earning:
        visit.has_registered = True


response_hooks.register("newcomers")(Landing())
user_registered.connect(registered, dispatch_uid="loyalty_oscar.shop.newcomers.registered")
