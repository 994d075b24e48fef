"""Setting up without a terminal: one form in the admin, which makes what `loyalty_setup` makes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from babel.numbers import is_currency
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program import clock, money
from loyalty_oscar.program.forms import language_name, languages, plural_samples, word_field
from loyalty_oscar.program.hooks import program_pages
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.money import exponent
from loyalty_oscar.program.second_look import as_percent, look_twice, meant_field, too_much_back
from loyalty_oscar.program.zones import known_zones

from .setup import NAMES, Choices, coin, make_ready

#: What nobody means who types it: more than this comes back of each purchase.
MOST_BACK = 50
STYLES = forms.Media(css={"all": ["loyalty/admin.css"]})


def may_set_up(user: Any) -> bool:
    """Return whether somebody may make a program, with its rule and the offer that takes points off."""
    return bool(user.has_perm("loyalty_program.add_program"))


class SetUpForm(forms.Form):
    """What a program needs to begin: its name, the word for its points, what earns them, and what they are worth."""

    name = forms.CharField(
        label=pgettext_lazy("loyalty", "Name of the program"),
        max_length=100,
        help_text=pgettext_lazy("loyalty", "As customers read it after “the”, for example Paw Club."),
    )
    currency = forms.CharField(label=pgettext_lazy("loyalty", "Currency"), min_length=3, max_length=3)
    spend = forms.DecimalField(
        label=pgettext_lazy("loyalty", "1 point for each"),
        min_value=Decimal("0.01"),
        max_value=Decimal("100000"),
        help_text=pgettext_lazy("loyalty", "So much has to be paid for goods."),
    )
    worth = forms.DecimalField(
        label=pgettext_lazy("loyalty", "100 points are worth"),
        min_value=Decimal("0.01"),
        max_value=Decimal("100000"),
        help_text=pgettext_lazy("loyalty", "So much they take off a basket."),
    )
    hold_days = forms.IntegerField(
        label=pgettext_lazy("loyalty", "Return period in days"),
        min_value=0,
        max_value=365,
        initial=14,
        help_text=pgettext_lazy("loyalty", "Points are ready so many days after the order reached its last status."),
    )
    time_zone = forms.ChoiceField(label=pgettext_lazy("loyalty", "Time zone"))
    is_meant = meant_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        currency = getattr(settings, "OSCAR_DEFAULT_CURRENCY", "EUR")
        usual = money.number(coin(currency=currency)) if not exponent(currency=currency) else "1"
        for field, initial in {"currency": currency, "spend": usual, "worth": usual}.items():
            self.fields[field].initial = initial
        self.fields["time_zone"].choices = [(zone, zone) for zone in sorted(known_zones())]
        self.fields["time_zone"].initial = settings.TIME_ZONE or "UTC"
        for language in languages():
            for category, sample in plural_samples(language).items():
                told = {"language": language_name(language), "number": money.number(sample)}
                label = pgettext("loyalty", "%(language)s: the word after %(number)s") % told
                self._ask(language, category, label)
            label = pgettext("loyalty", "%(language)s: the word without a number")
            self._ask(language, "title", label % {"language": language_name(language)})

    def _ask(self, language: str, form: str, label: str) -> None:
        initial = NAMES.get(language, {}).get(form, "")
        self.fields[word_field(language, form)] = forms.CharField(
            label=label, max_length=40, initial=initial, required=language == languages()[0]
        )

    def clean_currency(self) -> str:
        code = self.cleaned_data["currency"].upper()
        if not is_currency(code):
            raise forms.ValidationError(pgettext("loyalty", "Write a currency as three letters, for example EUR."))
        return code

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        currency = data.get("currency")
        for name in ("spend", "worth"):
            if currency and data.get(name) is not None and self._minor(name) < 1:
                self.add_error(name, pgettext("loyalty", "That is less than the smallest coin of the currency."))
        if not self.errors and data["worth"] / data["spend"] > MOST_BACK:
            text = pgettext(
                "loyalty", "You would give back %(rate)s of what members spend. Is a comma in the wrong place?"
            )
            self.add_error("worth", text % {"rate": self.rate()})
        if not self.errors:
            back = as_percent(Fraction(data["worth"]) / Fraction(data["spend"]) / 100)
            look_twice(form=self, questions=too_much_back(program=Program(), percent=back))
        return data

    def _minor(self, name: str) -> int:
        return money.to_minor(amount=self.cleaned_data[name], currency=self.cleaned_data["currency"])

    def rate(self) -> str:
        """Return what part of what members spend comes back, by what was typed or stands there to begin with."""
        spend, worth = (self._number(name) for name in ("spend", "worth"))
        if not spend or worth is None:
            return ""
        percent = money.number((worth / spend).quantize(Decimal("0.1")), places=1)
        return pgettext("loyalty", "%(number)s %%") % {"number": percent}

    def _number(self, name: str) -> Decimal | None:
        try:
            return self.fields[name].clean(self[name].value())
        except forms.ValidationError:
            return None

    def choices(self) -> Choices:
        """Return what was chosen, checked. A language without any word keeps to the others."""
        names = {}
        for language in languages():
            forms_of = (*plural_samples(language), "title")
            given = {one: self.cleaned_data[word_field(language, one)].strip() for one in forms_of}
            if all(given.values()):
                names[language] = given
        data = self.cleaned_data
        return Choices(
            names=names,
            step_minor=self._minor("spend"),
            worth_minor=self._minor("worth"),
            hold_days=data["hold_days"],
            time_zone=data["time_zone"],
        )


@program_pages.register("set-up")
def pages(*, admin_site: AdminSite) -> Iterator[URLPattern]:
    """Add the page that sets a program up."""
    view = admin_site.admin_view(partial(set_up, admin_site=admin_site))
    yield path("set-up/", view, name="loyalty_program_program_set_up")


def set_up(request: HttpRequest, *, admin_site: AdminSite) -> HttpResponse:
    """Ask what a new program is like, and make it; where there is one, make what it lacks and leave the rest."""
    if not may_set_up(request.user):
        raise PermissionDenied
    is_there = Program.objects.exists()
    form = None if is_there else SetUpForm(request.POST or None)
    front = reverse("admin:app_list", args=["loyalty_program"])
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            made = _make(form)
        except LoyaltyError as error:
            messages.error(request, str(error), fail_silently=True)
        else:
            text = pgettext(
                "loyalty", "The program is set up, as a draft that no customer sees. Have a look, then go live."
            )
            if is_there:
                text = pgettext("loyalty", "What was missing is there now. Nothing else was changed.")
            messages.success(request, text, fail_silently=True)
            return redirect("admin:loyalty_program_program_change", made.pk)
    context = {
        **admin_site.each_context(request),
        "title": pgettext("loyalty", "Set up the program"),
        "opts": Program._meta,
        "form": form,
        "cancel": front,
        "media": STYLES,
    }
    return TemplateResponse(request, "loyalty/admin/set_up.html", context)


def _make(form: SetUpForm | None) -> Program:
    data = form.cleaned_data if form else {}
    currency = data.get("currency") or getattr(settings, "OSCAR_DEFAULT_CURRENCY", "EUR")
    return make_ready(
        code=None,
        name=data.get("name", ""),
        currency=currency,
        live=False,
        at=clock.now(),
        choices=form.choices() if form else None,
    ).program
