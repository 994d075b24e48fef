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

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import BIRTHDAY, REVIEW, SIGN_UP, WORD, in_time
from loyalty_oscar.journeys.queries import standing_sources
from loyalty_oscar.people.models import Birthday
from loyalty_oscar.people.queries import birthday_of
from loyalty_oscar.people.rules import is_day
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.models import ProgramSite, Unit

from ..notices.letters import absolute
from ..storefront.newcomers import Step, first_steps
from ..storefront.visit import takes_part
from .for_whom import is_confirmed
from .listeners import joined_at
from .ways import promised_to

#: Where the session keeps what was wrong with a form of the account page, up to the next page.
SLIP = "loyalty_slip"


class BirthdayForm(forms.Form):
    """A day and a month, in the visitor's language. Nobody asks for the year."""

    day = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Day"), coerce=int)
    month = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Month"), coerce=int)

    def __init__(
        self, data: Any = None, *, told: Birthday | None = None, slip: Mapping[str, Any] | None = None
    ) -> None:
        known = {"day": told.day, "month": told.month} if told else None
        super().__init__(data, initial=slip["typed"] if slip else known)
        months = get_month_names("wide", context="stand-alone", locale=money.locale())
        self.fields["day"].choices = [("", ""), *((n, str(n)) for n in range(1, 32))]
        self.fields["month"].choices = [("", ""), *((n, months[n]) for n in range(1, 13))]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"
            if slip:
                field.widget.attrs |= {"aria-invalid": "true", "aria-describedby": "loyalty-birthday-error"}

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        if {"day", "month"} <= found.keys() and not is_day(day=found["day"], month=found["month"]):
            raise forms.ValidationError(pgettext("loyalty", "That day doesn’t exist."))
        return found


@contributions.register("account:more", "journeys", order=10)
def ways(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what a member may do for points now; asks nothing more where no campaign is set up."""
    at = clock.now()
    campaigns = promised_to(visit=request.loyalty, at=at)
    if not campaigns or not request.loyalty.is_earning or not takes_part(visit=request.loyalty):
        return None
    member = request.loyalty.member
    done = sources_of_visit(request=request)
    best = {name: most(campaigns, name, at, request.user) for name in (SIGN_UP, REVIEW, BIRTHDAY, WORD)}
    if SIGN_UP in done or not getattr(request.user, "email", ""):
        best[SIGN_UP] = None
    if not any(best.values()):
        return None
    told = birthday_of_visit(request=request) if member and best[BIRTHDAY] else None
    slip = request.session.pop(SLIP, None) if SLIP in request.session else None
    of_birthday = slip if slip and slip["of"] == "birthday" else None
    words_ask = [campaign for campaign in campaigns if campaign.occasion == WORD and campaign.confirmed_only]
    confirm_for_words = bool(best[WORD] and words_ask and not is_confirmed(user=request.user))
    request.loyalty.sends_link = bool(best[SIGN_UP] or confirm_for_words)
    return "loyalty/widgets/campaigns.html", {
        "points": {
            name.replace("-", "_"): words.promised(unit=subject, row=campaign)
            for name, campaign in best.items()
            if campaign
        },
        "values": {name.replace("-", "_"): campaign.points for name, campaign in best.items() if campaign},
        "email": request.user.email,
        "limits": {name.replace("-", "_"): asked(campaign) for name, campaign in best.items() if campaign},
        "confirm_for_words": confirm_for_words,
        "birthday": told,
        "form": BirthdayForm(told=told, slip=of_birthday) if best[BIRTHDAY] else None,
        "slip": slip,
    }


def sources_of_visit(*, request: Any) -> set[str]:
    """Return what the visitor has points for already; asked once a visit."""
    member = request.loyalty.member
    if member is None:
        return set()
    return request.loyalty.once(key="standing-sources", load=lambda: standing_sources(member_id=member.pk))


def birthday_of_visit(*, request: Any) -> Birthday | None:
    """Return the visitor's birthday; asked once a visit."""
    member = request.loyalty.member
    if member is None:
        return None
    return request.loyalty.once(key="birthday", load=lambda: birthday_of(member_id=member.pk))


@first_steps.register("sign-up", order=10)
def confirm_step(*, request: Any, unit: Unit) -> Step | None:
    """Return what confirming one's address brings, where that brings points."""
    at = clock.now()
    campaign = most(promised_to(visit=request.loyalty, at=at), SIGN_UP, at, request.user)
    is_done = SIGN_UP in sources_of_visit(request=request)
    if not is_done and (campaign is None or not getattr(request.user, "email", "")):
        return None
    text = pgettext("loyalty", "Your e-mail address is confirmed")
    if campaign and not is_done:
        points = words.promised(unit=unit, row=campaign)
        text = pgettext("loyalty", "Confirm your e-mail address: %(points)s") % {"points": points}
    return Step(text=text, button=pgettext("loyalty", "Confirm"), url="#confirm", is_done=is_done)


@first_steps.register("birthday", order=20)
def birthday_step(*, request: Any, unit: Unit) -> Step | None:
    """Return what telling one's birthday brings, where that brings points."""
    at = clock.now()
    campaign = most(promised_to(visit=request.loyalty, at=at), BIRTHDAY, at, request.user)
    if campaign is None:
        return None
    points = words.promised(unit=unit, row=campaign)
    return Step(
        text=pgettext("loyalty", "Tell us your birthday: %(points)s each year") % {"points": points},
        button=pgettext("loyalty", "Choose the day"),
        url="#birthday",
        is_done=birthday_of_visit(request=request) is not None,
    )


def shows_word(*, unit: Unit, request: Any) -> bool:
    """Return whether the account page has the field for a code word now; asks nothing that is not remembered."""
    if not request.loyalty.is_earning or not takes_part(visit=request.loyalty):
        return False
    at = clock.now()
    return most(promised_to(visit=request.loyalty, at=at), WORD, at, request.user) is not None


def asked(campaign: Campaign) -> list[str]:
    """Return what a campaign asks of a member, in sentences."""
    found, orders = [], campaign.orders_wanted
    if campaign.told_days:
        text = npgettext(
            "loyalty",
            "Tell us at least %(days)s day before.",
            "Tell us at least %(days)s days before.",
            campaign.told_days,
        )
        found.append(text % {"days": money.number(campaign.told_days)})
    if orders:
        text = npgettext(
            "loyalty",
            "%(count)s order of yours must have arrived by then.",
            "%(count)s orders of yours must have arrived by then.",
            orders,
        )
        found.append(text % {"count": money.number(orders)})
    if campaign.confirmed_only:
        found.append(pgettext("loyalty", "Your e-mail address must be confirmed."))
    return found


@contributions.register("admin:campaign", "word")
def address_of_word(*, subject: Campaign, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return, for the admin, the address of a code word and a QR code that holds it, drawn for print."""
    if not subject.word:
        return None
    site = ProgramSite.objects.filter(program_id=subject.program_id).select_related("site").order_by("pk").first()
    address = absolute(
        site=site.site if site else get_current_site(request), path=reverse("loyalty:word", args=[subject.word])
    )
    drawn = segno.make(address, error="m", micro=False).svg_inline(scale=5, border=4)
    return "loyalty/admin/word.html", {"address": address, "drawn": mark_safe(drawn)}


def most(campaigns: list[Campaign], occasion: str, at: datetime, user: Any) -> Campaign | None:
    """Return the campaign of an occasion that would give most now, as far as its budget was known a minute ago."""
    moment = joined_at(user=user) or at if occasion == SIGN_UP else at
    found = [one for one in campaigns if one.occasion == occasion and in_time(dated=one, at=moment)]
    left = [campaign for campaign in found if campaign.has_left]
    return max(found if occasion == WORD else left, key=lambda campaign: campaign.weight, default=None)
