"""Where members allow and refuse: a piece of the page of their mails, its door, and where the mail's link leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import pgettext
from django.views.decorators.cache import cache_control
from django.views.generic import FormView, TemplateView
from oscar.core.loading import get_class

from loyalty_oscar.people.consents import confirm, withdraw
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program import clock, contributions, words

from ..storefront.views.mails import MailsPage
from ..storefront.visit import joined
from .consents import NotAsked, allow, asked_by, choices

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")
YES, NO = "yes", "no"


@contributions.register("account:mails", "consents", order=10)
def offered(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what the visitor may allow or refuse, if there is anything; `subject` is a unit."""
    program = subject.program
    found = choices(member=request.loyalty.member, program=program, at=clock.now())
    rows = [{"choice": one, "day": words.day(one.since, zone=program.time_zone) if one.since else ""} for one in found]
    email = getattr(request.user, "email", "")
    return ("loyalty/people/consents.html", {"rows": rows, "email": email}) if rows else None


class ConsentForm(forms.Form):
    """Yes or no to a purpose, with the words that were shown."""

    purpose = forms.ChoiceField(choices=Consent.Purpose.choices)
    answer = forms.ChoiceField(choices=[(YES, YES), (NO, NO)])
    words = forms.CharField(required=False, max_length=1000, strip=False)


class ChooseConsentView(MailsPage, FormView):
    """Take a member's yes or no, and say what comes of it."""

    http_method_names = ("post", "options")
    form_class = ConsentForm

    def form_invalid(self, form: ConsentForm) -> HttpResponse:
        text = pgettext("loyalty", "Your choice did not arrive whole, so nothing has changed. Please choose again.")
        messages.error(self.request, text, fail_silently=True)
        return redirect("loyalty:mails")

    def form_valid(self, form: ConsentForm) -> HttpResponse:
        member = joined(visit=self.request.loyalty, at=clock.now())
        if member is None:
            return redirect("loyalty:join")
        level, text = self.choose(member, **form.cleaned_data)
        messages.add_message(self.request, level, text, fail_silently=True)
        return redirect("loyalty:mails")

    def choose(self, member: Any, *, purpose: str, answer: str, words: str) -> tuple[int, str]:
        """Do what was chosen; returns a message about it, and of what kind."""
        at = clock.now()
        if answer == NO:
            withdraw(member_id=member.pk, purpose=purpose, at=at)
            return messages.SUCCESS, pgettext("loyalty", "Done: you said no.")
        site = get_current_site(self.request)
        try:
            is_allowed = allow(member=member, purpose=purpose, words=words, program=self.program, site=site, at=at)
        except NotAsked as error:
            return messages.WARNING, str(error)
        if purpose == Consent.Purpose.LETTERS and not is_allowed:
            text = pgettext("loyalty", "A mail is on its way to you. Press the button in it, and letters may come.")
            return messages.SUCCESS, text
        return messages.SUCCESS, pgettext("loyalty", "Done: you said yes.")


@method_decorator(cache_control(private=True, no_store=True), name="dispatch")
class ConfirmConsentView(PageTitleMixin, TemplateView):
    """
    Where the link of the mail leads, signed in or not: who can read the mailbox decides.

    A button, because mail programs open links by themselves.
    """

    template_name = "loyalty/people/confirm_letters.html"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Letters")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(consent=asked_by(token=self.kwargs["token"]), **kwargs)

    def post(self, request: Any, token: str) -> HttpResponse:
        row = asked_by(token=token)
        is_done = row is not None and confirm(consent_id=row.pk, email=row.member.user.email, at=clock.now())
        return self.render_to_response(self.get_context_data(is_done=is_done))
