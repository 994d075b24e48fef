"""Where the button of a mail leads: to the page that it is about, through login where that is needed."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.generic import View

from .letters import page_of


@method_decorator(cache_control(private=True, no_store=True), name="dispatch")
class GoView(View):
    """Lead a member on to a page of this shop that a mail names and we signed; everybody else to the account page."""

    def get(self, request: Any) -> HttpResponse:
        page = page_of(signed=request.GET.get("to", "")) or reverse("loyalty:overview")
        if request.user.is_authenticated:
            return redirect(page)
        return redirect_to_login(page, login_url=reverse("customer:login"))
