"""The field for a friend's code: what its script needs, and a registration that waits until a typo is mended."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import pgettext

from loyalty_oscar.referrals.queries import scheme_of
from loyalty_oscar.referrals.rules import CONSONANTS, LONGEST_LINK, VOWELS, WEIGHTS, has_typo

from ..storefront.request_hooks import page_guards

#: The field of a registration form, and what holds a mistyped code on the way back to the checkout.
FIELD = "loyalty_code"
LONGEST = LONGEST_LINK  # Many paste what they were sent.


def typo() -> str:
    """Return what is said of a code with a typo."""
    return pgettext("loyalty", "That code has a typo. Please check it.")


def field(*, name: str, value: str) -> dict[str, Any]:
    """Return what the widget of the field is told: its name and value, whether that has a typo, and how to find one."""
    told = {"name": name, "value": value, "has_typo": has_typo(text=value), "typo": typo()}
    return {
        **told,
        "consonants": CONSONANTS,
        "vowels": VOWELS,
        "weights": ",".join(map(str, WEIGHTS)),
        "longest": LONGEST,
    }


class Waiting:
    """Mixed into a form that registers while the code beside it has a typo: nothing of it is saved."""

    def is_valid(self) -> bool:
        """Check the form, whose own errors show too, and answer no."""
        super().is_valid()  # type: ignore[misc]
        return False


class CodesWithTypos:
    """Looks at what is sent to Oscar's two pages that register."""

    #: A page, and what its view calls the form that registers.
    FORMS = {"customer:login": "registration_form_class", "customer:register": "form_class"}
    pages = frozenset(FORMS)

    def __call__(self, *, request: Any) -> HttpResponseBase | None:
        """Answer by the page's own view with a form that waits, where a code was typed that has a typo."""
        match = request.resolver_match
        logs_in = match.view_name == "customer:login" and "registration_submit" not in request.POST
        if logs_in or not has_typo(text=request.POST.get(FIELD, "")):
            return None
        unit, view, form = request.loyalty.unit, getattr(match.func, "view_class", None), self.FORMS[match.view_name]
        kind = getattr(view, form, None)
        if kind is None or unit is None or scheme_of(program_id=unit.program_id) is None:
            return None
        waiting = view.as_view(**{**match.func.view_initkwargs, form: type(kind.__name__, (Waiting, kind), {})})
        return waiting(request, *match.args, **match.kwargs)


page_guards.register("referrals")(CodesWithTypos())
