"""The piece of the account page that says what brings points besides buying, with the forms for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import segno
from babel.dates import get_month_names
from django import forms
from django.contrib.sites.shortcuts import get_current_site
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.earning.models import Action, Birthday
from loyalty_oscar.earning.occasions import BIRTHDAY, REVIEW, SIGN_UP, WORD, in_time, is_day
from loyalty_oscar.earning.queries import actions_of, birthday_of, standing_awards
from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.models import ProgramSite, Unit
from loyalty_oscar.program.registries import panels

from ..notices.letters import absolute
from ..showing import takes_part
from .actions import joined_at
from .for_whom import is_confirmed


class BirthdayForm(forms.Form):
    """A day and a month, in the visitor's language. Nobody asks for the year."""

    day = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Day"), coerce=int)
    month = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Month"), coerce=int)

    def __init__(self, data: Any = None, *, told: Birthday | None = None) -> None:
        super().__init__(data, initial={"day": told.day, "month": told.month} if told else None)
        months = get_month_names("wide", context="stand-alone", locale=money.locale())
        self.fields["day"].choices = [("", ""), *((n, str(n)) for n in range(1, 32))]
        self.fields["month"].choices = [("", ""), *((n, months[n]) for n in range(1, 13))]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        if {"day", "month"} <= found.keys() and not is_day(day=found["day"], month=found["month"]):
            raise forms.ValidationError(pgettext("loyalty", "There is no such day."))
        return found


@panels.register("account:actions")
def ways(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what a member may do for points now; asks nothing more where no action is set up."""
    actions = actions_of(program_id=subject.program_id)
    if not actions or not request.loyalty.is_earning or not takes_part(visit=request.loyalty):
        return None
    at, member = clock.now(), request.loyalty.member
    done = standing_awards(member_id=member.pk) if member else set()
    best = {kind: most(actions, kind, at, request.user) for kind in (SIGN_UP, REVIEW, BIRTHDAY, WORD)}
    if SIGN_UP in done or not getattr(request.user, "email", ""):
        best[SIGN_UP] = None
    if not any(best.values()):
        return None
    told = birthday_of(member_id=member.pk) if member and best[BIRTHDAY] else None
    words_ask = [action for action in actions if action.kind == WORD and action.confirmed_only]
    return "loyalty/widgets/actions.html", {
        "points": {
            kind.replace("-", "_"): words.points(unit=subject, points=action.points)
            for kind, action in best.items()
            if action
        },
        "values": {kind.replace("-", "_"): action.points for kind, action in best.items() if action},
        "unit_name": words.title(unit=subject),
        "email": request.user.email,
        "limits": {kind.replace("-", "_"): asked(action) for kind, action in best.items() if action},
        "confirm_for_words": bool(best[WORD] and words_ask and not is_confirmed(user=request.user)),
        "birthday": told,
        "form": BirthdayForm(told=told) if best[BIRTHDAY] else None,
    }


def asked(action: Action) -> list[str]:
    """Return what an action asks of a member, in sentences."""
    found, orders = [], action.orders_wanted
    if action.kind == BIRTHDAY and action.told_days:
        text = npgettext(
            "loyalty",
            "Tell us at least %(days)s day before.",
            "Tell us at least %(days)s days before.",
            action.told_days,
        )
        found.append(text % {"days": money.number(action.told_days)})
    if orders:
        text = npgettext(
            "loyalty",
            "%(count)s order of yours must have arrived by then.",
            "%(count)s orders of yours must have arrived by then.",
            orders,
        )
        found.append(text % {"count": money.number(orders)})
    if action.confirmed_only:
        found.append(pgettext("loyalty", "Your e-mail address must be confirmed."))
    return found


@panels.register("action:word")
def address_of_word(*, subject: Action, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return, for the admin, the address of a code word and a QR code that holds it, drawn for print."""
    if not subject.word:
        return None
    site = ProgramSite.objects.filter(program_id=subject.program_id).select_related("site").order_by("pk").first()
    address = absolute(
        site=site.site if site else get_current_site(request), path=reverse("loyalty:word", args=[subject.word])
    )
    drawn = segno.make(address, error="m", micro=False).svg_inline(scale=5, border=4)
    return "loyalty/admin/word.html", {"address": address, "drawn": mark_safe(drawn)}


def most(actions: list[Action], kind: str, at: datetime, user: Any) -> Action | None:
    """Return the action of a kind that would give most now, as far as its budget was known a minute ago."""
    moment = joined_at(user=user) or at if kind == SIGN_UP else at
    found = [action for action in actions if action.kind == kind and in_time(action=action, at=moment)]
    left = [action for action in found if action.budget is None or action.given + action.points <= action.budget]
    return max(found if kind == WORD else left, key=lambda action: action.points, default=None)
