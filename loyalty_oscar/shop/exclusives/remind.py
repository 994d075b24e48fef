"""The door where a member asks to be told once when a sale opens, and takes that back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import pgettext
from django.views.decorators.cache import cache_control
from django.views.generic import View

from loyalty_oscar.exclusives import reminders
from loyalty_oscar.program import clock

from ..self_service.views import OwnPage
from ..storefront.visit import joined
from .letters import consent
from .views import OfSale


@method_decorator(cache_control(private=True, no_store=True), name="dispatch")
class RemindView(OwnPage, OfSale, View):
    """Ask for one message when a sale opens, or take that back: by POST, signed in. Looking leads to the sale."""

    http_method_names = ("get", "post", "options")

    def get(self, request: Any, **kwargs: Any) -> HttpResponse:
        return redirect("loyalty:sale", code=self.sale.code)

    def post(self, request: Any, **kwargs: Any) -> HttpResponse:
        sale, at = self.sale, clock.now()
        member = joined(visit=request.loyalty, at=at)
        if member is None:
            return redirect("loyalty:join")
        if "forget" in request.POST:
            reminders.forget(sale=sale, member=member)
            messages.success(request, pgettext("loyalty", "Done: we will not remind you."))
        elif not self.is_over(sale) and not self.admission_to(sale).buys:
            text = consent(email=getattr(request.user, "email", ""))
            reminders.ask(sale=sale, member=member, words=text, at=at)
            messages.success(request, pgettext("loyalty", "We will tell you once, when this sale opens for you."))
        return redirect("loyalty:sale", code=sale.code)
