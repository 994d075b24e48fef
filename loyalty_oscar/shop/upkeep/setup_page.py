"""Setting up without a terminal: one form in the admin, which makes what `loyalty_setup` makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from django import forms
from django.apps import apps
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
from loyalty_oscar.program.forms import plural_samples, word_field
from loyalty_oscar.program.hooks import program_pages
from loyalty_oscar.program.languages import language_name, languages
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.money import exponent
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.second_look import as_percent, look_twice, meant_field, too_much_back
from loyalty_oscar.program.zones import known_zones

from .presets import TIERS
from .setup import CREDIT, MOST_BACK, NAMES, RICHER, Choices, cashback, coin, make_ready, shop_currency

#: What nobody means who types it: more percent than this come back of each purchase.
MOST_TYPED = 50
STYLES = forms.Media(css={"all": ["loyalty/admin.css"]})


def may_set_up(user: Any) -> bool:
    """Return whether somebody may make a program, with its rule and the offer that takes points off."""
    return bool(user.has_perm("loyalty_program.add_program"))


class Beginning(forms.Form):
    """What every program needs to begin."""

    name = forms.CharField(
        label=pgettext_lazy("loyalty", "Name of the program"),
        max_length=100,
        help_text=pgettext_lazy("loyalty", "As customers read it after “the”, for example Paw Club."),
    )
    currency = forms.CharField(label=pgettext_lazy("loyalty", "Currency"), min_length=3, max_length=3)
    has_levels = forms.BooleanField(
        label=pgettext_lazy("loyalty", "Higher levels get more"),
        required=False,
        help_text=pgettext_lazy(
            "loyalty",
            "Everybody is Bronze. Where Bronze gets 2 %, Silver gets 3 % and Gold 5 %.",
        ),
    )
    hold_days = forms.IntegerField(
        label=pgettext_lazy("loyalty", "Return period in days"),
        min_value=0,
        max_value=365,
        initial=14,
        help_text=pgettext_lazy(
            "loyalty", "What an order brings is ready so many days after it reached its last status."
        ),
    )
    time_zone = forms.ChoiceField(label=pgettext_lazy("loyalty", "Time zone"))
    is_meant = meant_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not apps.is_installed(TIERS):
            del self.fields["has_levels"]
        self.fields["currency"].initial = shop_currency()
        self.fields["time_zone"].choices = [(zone, zone) for zone in sorted(known_zones())]
        self.fields["time_zone"].initial = settings.TIME_ZONE or "UTC"

    def _ask(self, language: str, form: str, label: str, initial: str) -> None:
        told = {"label": label, "initial": initial, "required": language == languages()[0]}
        self.fields[word_field(language, form)] = forms.CharField(max_length=40, **told)

    def clean_currency(self) -> str:
        code = self.cleaned_data["currency"].upper()
        money.check_currency(code)
        return code

    def _number(self, name: str) -> Decimal | None:
        try:
            return self.fields[name].clean(self[name].value())
        except forms.ValidationError:
            return None

    def rate(self) -> str:
        """Return what part of what members spend comes back, by what was typed or stands there to begin with."""
        raise NotImplementedError

    def choices(self) -> Choices:
        """Return what was chosen, checked."""
        raise NotImplementedError

    def _shared(self) -> dict[str, Any]:
        levels = RICHER if self.cleaned_data.get("has_levels") else ()
        return {"levels": levels, **{name: self.cleaned_data[name] for name in ("hold_days", "time_zone")}}


class SetUpForm(Beginning):
    """A program of points: the word for them, what earns them, and what they are worth."""

    spend = NumberField(
        label=pgettext_lazy("loyalty", "1 point for each"),
        min_value=Decimal("0.01"),
        max_value=Decimal("100000"),
        help_text=pgettext_lazy("loyalty", "So much has to be paid for goods."),
    )
    worth = NumberField(
        label=pgettext_lazy("loyalty", "100 points are worth"),
        min_value=Decimal("0.01"),
        max_value=Decimal("100000"),
        help_text=pgettext_lazy("loyalty", "So much they take off a basket."),
    )
    field_order = ("name", "currency", "spend", "worth")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        currency = self.fields["currency"].initial
        usual = money.number(coin(currency=currency)) if not exponent(currency=currency) else "1"
        for field in ("spend", "worth"):
            self.fields[field].initial = usual
        for language in languages():
            initial = NAMES.get(language, {})
            for category, sample in plural_samples(language).items():
                told = {"language": language_name(language), "number": money.number(sample)}
                label = pgettext("loyalty", "%(language)s: the word after %(number)s") % told
                self._ask(language, category, label, initial.get(category, ""))
            label = pgettext("loyalty", "%(language)s: the word without a number")
            self._ask(language, "title", label % {"language": language_name(language)}, initial.get("title", ""))

    def _words(self, language: str) -> dict[str, str]:
        """Return the words that were typed in a language, by their forms."""
        typed = (
            (one, self.cleaned_data.get(word_field(language, one))) for one in (*plural_samples(language), "title")
        )
        return {one: word for one, word in typed if word}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        currency = data.get("currency")
        for language in languages():
            missing = plural_samples(language).keys() - self._words(language).keys() if self._words(language) else ()
            for name in (word_field(language, one) for one in missing):
                if name not in self.errors:
                    text = pgettext("loyalty", "Fill in every form of a language, or leave the language empty.")
                    self.add_error(name, text)
        for name in ("spend", "worth"):
            if currency and data.get(name) is not None and self._minor(name) < 1:
                self.add_error(name, pgettext("loyalty", "That is less than the smallest coin of the currency."))
        if not self.errors and data["worth"] / data["spend"] > MOST_TYPED:
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
        """Return what part of what members spend comes back, to a tenth of a percent."""
        spend, worth = (self._number(name) for name in ("spend", "worth"))
        if not spend or worth is None:
            return ""
        percent = money.number((worth / spend).quantize(Decimal("0.1")), places=1)
        return pgettext("loyalty", "%(number)s %%") % {"number": percent}

    def choices(self) -> Choices:
        """Return what was chosen, checked. A language without any word keeps to the others."""
        names = {language: typed for language in languages() if (typed := self._words(language))}
        minor = {"step_minor": self._minor("spend"), "worth_minor": self._minor("worth")}
        return Choices(names=names, **minor, **self._shared())


class CashbackForm(Beginning):
    """A program of cashback: how much of what is paid comes back as money, and what that is called."""

    percent = NumberField(
        label=pgettext_lazy("loyalty", "Percent of what is paid"),
        min_value=Decimal("0.01"),
        max_value=MOST_BACK,
        decimal_places=2,
        initial=2,
        help_text=pgettext_lazy("loyalty", "Of the money paid for goods: 2 brings 1.60 for 80.00."),
    )
    field_order = ("name", "currency", "percent")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for language in languages():
            label = pgettext("loyalty", "%(language)s: what it is called at the beginning of a heading")
            initial = CREDIT.get(language, {}).get("title", "")
            self._ask(language, "title", label % {"language": language_name(language)}, initial)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("percent"):
            look_twice(form=self, questions=too_much_back(program=Program(), percent=as_percent(self._part() / 100)))
        return data

    def _part(self) -> Fraction:
        return Fraction(self.cleaned_data["percent"])

    def rate(self) -> str:
        """Return what part of what members spend comes back, as it was typed."""
        percent = self._number("percent")
        return "" if percent is None else pgettext("loyalty", "%(number)s %%") % {"number": money.number(percent)}

    def choices(self) -> Choices:
        """Return what was chosen, checked. A language without a word keeps to the others."""
        titles = {language: self.cleaned_data[word_field(language, "title")].strip() for language in languages()}
        names = {language: {"title": title} for language, title in titles.items() if title}
        return replace(cashback(percent=self._part()), names=names, **self._shared())


#: What members collect, as the address says it: the words for it, and its form. The first one is offered first.
KINDS: Mapping[str, tuple[Any, type[Beginning]]] = {
    "points": (pgettext_lazy("loyalty", "Points"), SetUpForm),
    "cashback": (pgettext_lazy("loyalty", "Cashback, shown as money"), CashbackForm),
}


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
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else next(iter(KINDS))
    form = None if is_there else KINDS[kind][1](request.POST or None)
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
        "kinds": [(code, label, code == kind) for code, (label, _form) in KINDS.items()],
        "cancel": front,
        "media": STYLES,
    }
    return TemplateResponse(request, "loyalty/admin/set_up.html", context)


def _make(form: Beginning | None) -> Program:
    data = form.cleaned_data if form else {}
    currency = data.get("currency") or shop_currency()
    return make_ready(
        code=None,
        name=data.get("name", ""),
        currency=currency,
        live=False,
        at=clock.now(),
        choices=form.choices() if form else None,
    ).program
