"""Using points in the basket: one POST, answered by going back to the page it came from."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import pgettext
from django.views import View

from loyalty_oscar.program import clock, words

from . import session_state
from .discount import applied_to
from .use_points import Refused, use_in_request

NUMBER = re.compile(r"[0-9]{1,9}")


def page_before(*, request: Any) -> str:
    """Return the page of this shop that a form came from (`next`), else the basket."""
    wanted = request.POST.get("next", "").partition("#")[0]
    hosts, is_secure = {request.get_host()}, request.is_secure()
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=is_secure)
    return wanted if safe else reverse("basket:summary")


class UsePointsView(View):
    """`use` (a button: all, none or a number) or `points` (typed), and `next`: the page to go back to."""

    http_method_names = ("post", "options")

    def post(self, request: Any) -> HttpResponseRedirect:
        if not request.user.is_authenticated:
            return redirect_to_login(self.back(), reverse("customer:login"))
        basket = request.basket
        if request.loyalty.account is None:
            raise Http404("no member")
        told = {"account": request.loyalty.account, "unit": request.loyalty.unit}
        pressed = request.POST.get("use", "")
        typed = pressed or request.POST.get("points", "").strip()
        before = applied_to(basket=basket)
        said = {"minor": before.minor if before else 0, "asked": before.redemption.hold.asked if before else 0}
        try:
            asked = self.pressed(pressed) if pressed else self.asked(typed)
            held = use_in_request(request=request, basket=basket, points=asked, at=clock.now(), **told)
            now = applied_to(basket=basket)
            said = {"minor": now.minor if now else 0, "asked": held.hold.asked if held else 0}
        except Refused as error:
            said |= {"error": error.text, "typed": typed[:20]}
        session_state.remember(request=request, basket=basket, **said)
        return HttpResponseRedirect(f"{self.back()}#points")

    def pressed(self, value: str) -> int | None:
        """Return the points that a button stands for, None for all."""
        if value == "all":
            return None
        return 0 if value == "none" else int(value) if NUMBER.fullmatch(value) else self.asked(value)

    def asked(self, typed: str) -> int:
        """Return the points that were typed; raises `Refused` for what is not a number."""
        unit = self.request.loyalty.unit
        points = words.parse(unit=unit, text=typed)
        if points is None:
            text = pgettext("loyalty", "Enter a whole number, 0 for none.")
            if unit.is_money:
                text = pgettext("loyalty", "Enter an amount such as %(amount)s, 0 for none.")
                text %= {"amount": words.typed(unit=unit, points=1250)}
            raise Refused(code="no_number", text=text)
        return points

    def back(self) -> str:
        return page_before(request=self.request)
