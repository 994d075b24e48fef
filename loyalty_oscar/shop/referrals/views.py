"""The pages of bringing a friend: where a link leads, the member's own page, and the door for a typed code."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import http
from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import pgettext
from django.views.decorators.cache import cache_control
from django.views.generic import TemplateView, View
from oscar.core.loading import get_class

from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.referrals.models import Code
from loyalty_oscar.referrals.operations import code_of
from loyalty_oscar.referrals.queries import scheme_of
from loyalty_oscar.referrals.rules import has_typo

from ..self_service.views import OwnPage
from ..storefront.views.account import WithProgram
from ..storefront.visit import joined, takes_part
from . import friends, links
from .pending_codes import take
from .terms_text import promise
from .typed_codes import FIELD, LONGEST, typo

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")
private = method_decorator(cache_control(private=True, no_store=True), name="dispatch")
#: Where a typed code may come from; an address in the request is never followed.
DOORS = {"checkout": "checkout:payment-details"}


class WithScheme(WithProgram):
    """A page that is there only where members can invite."""

    def find_unit(self, request: Any) -> Any:
        unit = super().find_unit(request)
        self.scheme = unit and scheme_of(program_id=unit.program_id)
        if self.scheme is None:
            raise Http404("nobody invites here")
        return unit

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(promise=promise(scheme=self.scheme, unit=self.unit), **kwargs)


@private
class InvitationView(WithScheme, TemplateView):
    """
    Where the link of an invitation leads: who invites, what each side gets, and when.

    It asks nothing of the code: the name comes with the link, and a typo shows by itself. So it is the same page, and
    takes as long, whether somebody has that code or not; no search engine and no other site hears of it.
    """

    template_name = "loyalty/invitation.html"

    def get(self, request: Any, *args: Any, **kwargs: Any) -> http.HttpResponse:
        name = links.name_of_link(code=kwargs["code"], text=request.GET.get(links.BY, ""))
        take(request=request, code=kwargs["code"], name=name)
        kwargs |= {"name": name, "has_typo": has_typo(text=kwargs["code"])}
        response = super().get(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "same-origin"
        return response


@private
class InviteView(OwnPage, WithScheme, PageTitleMixin, TemplateView):
    """How do I bring a friend? The first visit makes the link, by a button: looking changes nothing."""

    template_name = "loyalty/invite.html"
    active_tab = "loyalty-invite"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and request.loyalty.unit and not takes_part(visit=request.loyalty):
            return redirect("loyalty:join")
        return super().dispatch(request, *args, **kwargs)

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Invite a friend")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = super().get_context_data(css=conf.CSS, **kwargs)
        codes = Code.objects.filter(member__program=self.program, member__user=self.request.user)
        code = codes.filter(member__merged_into=None).select_related("member").first()
        if code is None:
            return found
        told = links.ways(code=code, program=self.program, request=self.request)
        return {**found, **told, **friends.friends(member=code.member, unit=self.unit, at=clock.now())}

    def post(self, request: Any, *args: Any, **kwargs: Any) -> http.HttpResponse:
        member = joined(visit=request.loyalty, at=clock.now())
        if member is None:
            return redirect("loyalty:join")
        code_of(member=member)
        return redirect("loyalty:invite")


@private
class UseCodeView(WithScheme, View):
    """
    Take a typed code. A typo is told, with what was typed; whoever has the code or has not, the answer is the same, and
    so is what it takes to get it.
    """

    http_method_names = ("post", "options")

    def post(self, request: Any) -> http.HttpResponse:
        typed, door = request.POST.get("code", "")[:LONGEST], DOORS.get(request.POST.get("from", ""))
        if has_typo(text=typed):
            if door:
                return redirect(f"{reverse(door)}?{urlencode({FIELD: typed})}#loyalty-code")
            messages.error(request, typo())
        else:
            take(request=request, code=typed, typed=True)
            messages.success(request, promise(scheme=self.scheme, unit=self.unit)["noted"])
        return redirect(door or "loyalty:overview")
