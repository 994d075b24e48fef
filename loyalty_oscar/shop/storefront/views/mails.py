"""The page on which a member chooses which mails to get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import pgettext, pgettext_lazy
from django.views.generic import FormView

from loyalty_oscar.people.operations import choose_mails
from loyalty_oscar.people.queries import unwanted_mails
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf

from ...notices.letters import mail_kinds
from ..visit import joined, takes_part
from .account import MembersPage


class MailsForm(forms.Form):
    """Which mails a member wants, of those that may be refused."""

    wanted = forms.MultipleChoiceField(
        label=pgettext_lazy("loyalty", "Mail me about"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, offered: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wanted"].choices = list(offered.items())


class MailsPage(MembersPage):
    """A page about what a member is written; who does not take part is asked to join."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and request.loyalty.unit and not takes_part(visit=request.loyalty):
            return redirect("loyalty:join")
        return super().dispatch(request, *args, **kwargs)


class MailsView(MailsPage, FormView):
    """Choose which mails one wants. What has to be told always comes, and the page names it."""

    template_name = "loyalty/mails.html"
    form_class = MailsForm
    success_url = reverse_lazy("loyalty:mails")

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Your mails")

    def kinds(self, *, optional: bool) -> dict[str, str]:
        """Return the program's kinds of mail that may be refused, or always come: topics with what each tells of."""
        found = [(topic, kind) for topic, kind in mail_kinds.items() if topic not in conf.UNTOLD_TOPICS]
        mine = [(topic, kind) for topic, kind in found if kind.belongs(self.program)]
        return {topic: kind.text() for topic, kind in mine if kind.is_optional is optional}

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"offered": self.kinds(optional=True)}

    def get_initial(self) -> dict[str, Any]:
        member = self.request.loyalty.member
        unwanted = unwanted_mails(member_id=member.pk) if member else {}
        return {"wanted": [topic for topic in self.kinds(optional=True) if topic not in unwanted]}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        always = sorted(set(self.kinds(optional=False).values()))
        return super().get_context_data(always=always, email=getattr(self.request.user, "email", ""), **kwargs)

    def form_valid(self, form: MailsForm) -> HttpResponse:
        at, offered = clock.now(), self.kinds(optional=True)
        member = joined(visit=self.request.loyalty, at=at)
        if member is None:
            return redirect("loyalty:join")
        unwanted = set(offered).difference(form.cleaned_data["wanted"])
        choose_mails(member=member, unwanted=unwanted, offered=offered, at=at)
        messages.success(self.request, pgettext("loyalty", "Your choice is saved."), fail_silently=True)
        return super().form_valid(form)
