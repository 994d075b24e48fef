"""Where links of mails lead: to the page that one is about, through login where that is needed, and out of letters."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView, View

from loyalty_oscar.program import clock

from .letters import page_of
from .stopping import stop, stopped_by


@method_decorator(cache_control(private=True, no_store=True), name="dispatch")
class GoView(View):
    """Lead a member on to a page of this shop that a mail names and we signed; everybody else to the account page."""

    def get(self, request: Any) -> HttpResponse:
        page = page_of(signed=request.GET.get("to", "")) or reverse("loyalty:overview")
        if request.user.is_authenticated:
            return redirect(page)
        return redirect_to_login(page, login_url=reverse("customer:login"))


@method_decorator(cache_control(private=True, no_store=True), name="dispatch")
@method_decorator(csrf_exempt, name="dispatch")
class StopView(TemplateView):
    """
    Stop letters, without signing in: the signed address is proof enough, and mail programs post to it by themselves.

    Looking changes nothing, because whatever scans mails opens their links.
    """

    template_name = "loyalty/stop.html"

    def get(self, request: Any, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.answer(stopped_by(token=token))

    def post(self, request: Any, token: str) -> HttpResponse:
        found = stopped_by(token=token)
        if found and (member := found[1]):
            stop(member=member, purpose=found[0], at=clock.now())
        return self.answer(found, is_done=True)

    def answer(self, found: Any, *, is_done: bool = False) -> HttpResponse:
        member = found and found[1]
        program = member.program if member else None
        told = {"is_known": found is not None, "is_done": is_done, "program": program}
        return self.render_to_response(self.get_context_data(**told), status=200 if found else 404)
