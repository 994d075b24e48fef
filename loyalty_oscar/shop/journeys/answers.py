"""Where a question of a letter is answered: by a signed link that works without login."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.sites.models import Site
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import pgettext_lazy
from django.views.decorators.cache import cache_control
from django.views.generic import FormView

from loyalty_oscar.journeys.answers import save_answer
from loyalty_oscar.journeys.cases import LONGEST_TEXT
from loyalty_oscar.journeys.questions import Question, questions
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.lines import LinesFormField
from loyalty_oscar.program.models import Member

from ..notices.letters import absolute, first_name

#: What leads from a letter to a question is signed under this name.
SALT = "loyalty_oscar.shop.journeys.answers"
#: So long a link is good: whoever finds a letter months later is heard.
LINK_AGE = timedelta(days=180)
#: Behind the question mark: which choice is filled in, and which was answered.
CHOICE, SAID = "choice", "said"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Who was asked what about what: what a link carries."""

    member: Member
    question: str
    source: str
    order_id: int | None


def answer_link(
    *, member: Member, question: str, source: str, order_id: int | None, choice: str | None = None, site: Site
) -> str:
    """
    Return the full address at which a member answers a question about something (`source`), with a choice filled in.

    It is good for half a year, without login. Nothing is kept by following it: that takes a press of the button.
    """
    questions.get(question)
    told = {"m": member.pk, "q": question, "s": source, "o": order_id}
    path = reverse("loyalty:answer", args=[signing.dumps(told, salt=SALT)])
    return absolute(site=site, path=f"{path}?{urlencode({CHOICE: choice})}" if choice else path)


def asked_by(*, token: str) -> Asked | None:
    """
    Return what a link asks; None for one that we did not sign or that is too old, for a question that has left, and
    where nobody is there any more. Who was merged into another member answers as that one.
    """
    try:
        told = signing.loads(token, salt=SALT, max_age=LINK_AGE)
    except signing.BadSignature:
        return None
    members = Member.objects.select_related("user", "merged_into__user")
    member = members.filter(pk=told["m"]).first()
    member = member.merged_into if member and member.merged_into_id is not None else member
    if member is None or member.user is None or told["q"] not in questions:
        return None
    return Asked(member=member, question=told["q"], source=told["s"], order_id=told["o"])


class AnswerForm(forms.Form):
    """A choice, and a few words where the question asks for them."""

    choice = forms.ChoiceField(
        widget=forms.RadioSelect, error_messages={"required": pgettext_lazy("loyalty", "Choose an answer.")}
    )
    text = LinesFormField(
        label=pgettext_lazy("loyalty", "Tell us more (if you like)"),
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 5, "class": "form-control"}),
    )

    def __init__(self, *args: Any, question: Question, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["choice"]
        chosen.label = question.text
        chosen.choices = [(code, choice.text) for code, choice in question.choices.items()]
        if not question.asks_text:
            del self.fields["text"]


@method_decorator(cache_control(private=True, no_store=True), name="dispatch")
class AnswerView(FormView):
    """
    A question and its choices. Looking keeps nothing, because mail programs follow links by themselves; whoever has the
    link reads a first name here, and nothing of what was answered or bought.
    """

    template_name = "loyalty/answer.html"
    form_class = AnswerForm

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        self.asked = asked_by(token=kwargs["token"])
        if self.asked is None:
            response = self.response_class(request, "loyalty/answer_gone.html", {"view": self}, status=404)
        else:
            self.question = questions.get(self.asked.question)
            response = super().dispatch(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "same-origin"
        return response

    def get_initial(self) -> dict[str, Any]:
        return {"choice": self.request.GET.get(CHOICE, "")}

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "question": self.question}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        told = {"css": conf.CSS, "question": self.question, "first_name": first_name(user=self.asked.member.user)}
        said = self.question.choices.get(self.request.GET.get(SAID, ""))
        return super().get_context_data(**told, said=said, again=self.request.path, **kwargs)

    def form_valid(self, form: AnswerForm) -> HttpResponse:
        data, asked = form.cleaned_data, self.asked
        about = {"question": asked.question, "source": asked.source, "order_id": asked.order_id}
        save_answer(member=asked.member, **about, choice=data["choice"], text=data.get("text", ""), at=clock.now())
        return redirect(f"{self.request.path}?{urlencode({SAID: data['choice']})}")
