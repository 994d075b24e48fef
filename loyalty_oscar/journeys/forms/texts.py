"""The form of what a campaign says in a language, and of all its languages together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program.forms import Rows
from loyalty_oscar.program.languages import language_name, languages
from loyalty_oscar.program.registries import promise_of
from loyalty_oscar.program.second_look import look_twice, meant_field, tick

from ..models import CampaignText
from ..subjects import loud
from ..texts import PLACEHOLDERS, unknown

#: What each placeholder stands for.
MEANINGS = {
    "first_name": pgettext_lazy("loyalty", "the member’s first name; empty where nobody knows it"),
    "shop": pgettext_lazy("loyalty", "the name of your shop"),
    "program": pgettext_lazy("loyalty", "the name of the program"),
    "gift": pgettext_lazy("loyalty", "what the campaign gives, in words"),
    "product": pgettext_lazy("loyalty", "what was bought, where the occasion is an order, a review or a warranty"),
    "link": pgettext_lazy("loyalty", "the address of the page that the letter leads to"),
}


def placeholders() -> list[tuple[str, Any]]:
    """Return the placeholders as they are typed, each with what it stands for."""
    return [(f"{{{name}}}", MEANINGS[name]) for name in PLACEHOLDERS]


class CampaignTextForm(forms.ModelForm):
    """What a campaign says in a language. What stands in braces and is none of ours is refused."""

    is_meant = meant_field()

    class Meta:
        model = CampaignText
        fields = ("language", "subject", "body")
        help_texts = {
            "subject": pgettext_lazy("loyalty", "One thing, in few words. Filters throw away what shouts."),
            "body": pgettext_lazy("loyalty", "Plain text. An empty line begins a paragraph."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = dict.fromkeys([*languages(), *filter(None, [self.instance.language])])
        if "language" in self.fields:
            choices = [("", "---------"), *((code, language_name(code)) for code in codes)]
            self.fields["language"] = forms.ChoiceField(label=self.fields["language"].label, choices=choices)

    def clean_subject(self) -> str:
        return self._known(self.cleaned_data["subject"])

    def clean_body(self) -> str:
        return self._known(self.cleaned_data["body"])

    def _known(self, text: str) -> str:
        if wrong := unknown(text):
            known = ", ".join(name for name, _meaning in placeholders())
            said = pgettext("loyalty", "Nothing is known of %(wrong)s. There are: %(known)s.")
            raise forms.ValidationError(said % {"wrong": ", ".join(wrong), "known": known})
        return text

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        found["is_meant"] = found.get("is_meant", False)
        shouted = loud(found.get("subject") or "") if "subject" in self.changed_data else []
        look_twice(form=self, questions=_asked(shouted))
        return found


def _asked(shouted: list[str]) -> Iterable[str]:
    if shouted:
        text = pgettext("loyalty", "Filters for unwanted mail count this in a subject: %(words)s.")
        yield tick(text % {"words": ", ".join(shouted)})


class CampaignTexts(Rows):
    """What a campaign says in all languages. One that gives nothing has to say something."""

    def clean(self) -> None:
        super().clean()
        # Of a campaign whose own form is refused nobody knows what it gives.
        if any(self.errors) or not getattr(self.instance, "is_sound", True):
            return
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if not kept and self.instance.params.get("question"):
            text = pgettext("loyalty", "It asks something, and a question stands in a letter. Write a text.")
            raise forms.ValidationError(text)
        if promise_of(row=self.instance):
            return
        if not kept:
            text = pgettext("loyalty", "It gives nothing and says nothing. Choose a gift above, or write a text.")
            raise forms.ValidationError(text)
        if any("{gift}" in row[name] for row in kept for name in ("subject", "body")):
            text = pgettext("loyalty", "This campaign gives nothing, so {gift} stands for nothing.")
            raise forms.ValidationError(text)
