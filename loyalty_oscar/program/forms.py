"""Forms of the program's page: words for points instead of JSON, money instead of cents, and the next step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from django import forms
from django.conf import global_settings, settings
from django.contrib.admin import site
from django.contrib.admin.widgets import ManyToManyRawIdWidget
from django.utils.translation import get_language_info, pgettext, pgettext_lazy

from loyalty_oscar.kernel.rounding import to_major

from . import money
from .models import Member, PointWorth, Program, Segment, SegmentMember, State, Unit
from .segments import members_of

#: What the column of an amount holds (minor units).
MOST_MINOR = 2_147_483_647
#: Whole numbers that between them meet every plural category that points can have.
SAMPLES = (1, 2, 3, 5, 0, *range(4, 120), 1_000_000)


def languages() -> list[str]:
    """
    Return the languages of the shop without their regions (`en` for `en-gb`), each once.

    A shop that chose none has Django's hundred; there its own language and those of the ready words are asked for.
    """
    chosen = [code for code, _name in settings.LANGUAGES]
    if chosen == [code for code, _name in global_settings.LANGUAGES]:
        chosen = [settings.LANGUAGE_CODE, "en", "de", "pl", "ru"]
    return list(dict.fromkeys(code.split("-")[0] for code in chosen))


def plural_samples(language: str) -> dict[str, int]:
    """Return the plural categories of a language (CLDR) that whole numbers have, each with an example."""
    try:
        category = Locale.parse(language).plural_form
    except (UnknownLocaleError, ValueError):
        return {"other": 2}
    found: dict[str, int] = {}
    for number in SAMPLES:
        found.setdefault(category(number), number)
    return found


def language_name(language: str) -> str:
    """Return the name of a language in the reader's words."""
    try:
        return str(get_language_info(language)["name_translated"])
    except KeyError:
        return language


class UnitFormBase(forms.ModelForm):
    """The kind of points with its word in each language, a field for each plural form."""

    class Meta:
        model = Unit
        fields = ("code", "is_money")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for language in languages():
            for category in plural_samples(language):
                word = self.instance.names.get(language, {}).get(category, "")
                self.fields[word_field(language, category)].initial = word
            self.fields[word_field(language, "title")].initial = self.instance.names.get(language, {}).get("title", "")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        names = dict(self.instance.names)
        for language in languages():
            given = {c: data.get(word_field(language, c), "").strip() for c in plural_samples(language)}
            title = data.get(word_field(language, "title"), "").strip()
            if not any((*given.values(), title)):
                names.pop(language, None)
                continue
            for category, word in given.items():
                if not word:
                    text = pgettext("loyalty", "Fill in every form of a language, or leave the language empty.")
                    self.add_error(word_field(language, category), text)
            kept = {category: word for category, word in names.get(language, {}).items() if category != "title"}
            names[language] = {**kept, **given, **({"title": title} if title else {})}
        self.instance.names = names
        return data

    def has_changed(self) -> bool:
        # A new program always gets its points, also where nobody typed a word for them.
        return self.instance.pk is None or super().has_changed()


def word_field(language: str, category: str) -> str:
    """Return the name of the field for one word."""
    return f"word_{language}_{category}"


def unit_form() -> type[UnitFormBase]:
    """Return the form with the fields that the shop's languages ask for."""
    fields: dict[str, forms.Field] = {}
    for language in languages():
        for category, sample in plural_samples(language).items():
            label = pgettext("loyalty", "after %(number)s") % {"number": money.number(sample)}
            fields[word_field(language, category)] = forms.CharField(label=label, max_length=40, required=False)
        fields[word_field(language, "title")] = forms.CharField(
            label=pgettext("loyalty", "at the beginning of a heading"),
            help_text=pgettext("loyalty", "Without a number, such as “Points”. Empty: made from the form after 2."),
            max_length=40,
            required=False,
        )
    return type("UnitForm", (UnitFormBase,), {**fields, "__module__": __name__})


class WorthForm(forms.ModelForm):
    """What points buy, typed as money."""

    amount = forms.DecimalField(
        label=pgettext_lazy("loyalty", "are worth"),
        min_value=Decimal("0.01"),
        max_digits=9,
        decimal_places=2,
        help_text=pgettext_lazy("loyalty", "Money of that currency: 100 points are worth 1.00, for example."),
    )

    class Meta:
        model = PointWorth
        fields = ("currency", "points")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            places = money.exponent(currency=self.instance.currency)
            self.fields["amount"].initial = to_major(minor=self.instance.minor, exponent=places)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        amount, currency = data.get("amount"), data.get("currency")
        if amount and currency:
            minor = money.to_minor(amount=amount, currency=currency)
            if minor > MOST_MINOR:
                self.add_error("amount", pgettext("loyalty", "That is more than can be stored."))
            elif to_major(minor=minor, exponent=money.exponent(currency=currency)) != amount:
                text = pgettext("loyalty", "%(currency)s has no such fraction. Write a whole amount.")
                self.add_error("amount", text % {"currency": currency})
            else:
                self.instance.minor = minor
        return data

    def currencies(self, name: str) -> tuple[str, str]:
        """Return in which money the amount of the row was and is."""
        if name != "amount":
            return "", ""
        return self.initial.get("currency", ""), self.cleaned_data.get("currency", "")


class PointsAsMoney(forms.DecimalField):
    """Points of a unit that is money: typed as an amount, cleaned to points."""

    def __init__(self, *, currency: str, min_value: int | None, max_value: int, **options: Any) -> None:
        self.currency, self.places = currency, money.exponent(currency=currency)
        super().__init__(
            min_value=None if min_value is None else to_major(minor=min_value, exponent=self.places),
            max_value=to_major(minor=max_value, exponent=self.places),
            decimal_places=self.places,
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        return to_major(minor=value, exponent=self.places) if type(value) is int else value

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        return None if amount is None else int(amount.scaleb(self.places))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def as_money(*, form: forms.BaseForm, unit: Unit | None, names: Iterable[str]) -> None:
    """Let these fields of a form, which hold points, be typed as amounts where the unit is money."""
    if unit is None or not unit.is_money:
        return
    for name in names:
        field: Any = form.fields.get(name)
        if field:
            form.fields[name] = PointsAsMoney(
                currency=unit.program.currency,
                min_value=field.min_value,
                max_value=field.max_value or MOST_MINOR,
                label=field.label,
                help_text=field.help_text,
                required=field.required,
                initial=field.initial,
            )


def chosen(*, form: forms.ModelForm, name: str) -> Any:
    """
    Return what the row of a form refers to in a field, which others of its fields go by: as stored, else as typed, else
    as it is offered first. None where that is nothing yet.
    """
    if getattr(form.instance, f"{name}_id"):
        return getattr(form.instance, name)
    field = form.fields.get(name)
    if field is None:
        return None
    offered = form.get_initial_for_field(field, name)
    try:
        return field.clean(form.data.get(form.add_prefix(name)) if form.is_bound else offered)
    except forms.ValidationError:
        return None


def unit_chosen(*, form: forms.ModelForm) -> Unit | None:
    """Return what the program of a form counts, where its program is chosen and counts something."""
    program = chosen(form=form, name="program")
    return program.unit_or_none if program else None


class SegmentForm(forms.ModelForm):
    """A segment with the members that somebody names."""

    people = forms.ModelMultipleChoiceField(
        label=pgettext_lazy("loyalty", "members"),
        queryset=Member.objects.all(),
        required=False,
        widget=ManyToManyRawIdWidget(
            SegmentMember._meta.get_field("member").remote_field,  # type: ignore[arg-type]  # A row each, not a table.
            site,
        ),
    )

    class Meta:
        model = Segment
        fields = ("program", "name", "code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "people" in self.fields:
            self.fields["people"].initial = sorted(members_of(segment=self.instance))

    def clean(self) -> dict[str, Any]:
        """Refuse members of another program."""
        data = super().clean() or {}
        program = data.get("program") or (self.instance.program if self.instance.program_id else None)
        if program and any(member.program_id != program.pk for member in data.get("people") or ()):
            self.add_error("people", pgettext("loyalty", "Some of them are members of another program."))
        return data


class StepForm(forms.Form):
    """The reason for a step in the life of a program, and for closing the last day that earns."""

    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text=pgettext_lazy("loyalty", "Stands in the history beside your name and the date."),
    )
    last_day = forms.DateField(
        label=pgettext_lazy("loyalty", "Orders earn until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=pgettext_lazy("loyalty", "This day included. Empty: earning stops at once."),
    )

    def __init__(self, *args: Any, program: Program, to: str, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone, self.at = ZoneInfo(program.time_zone), at
        if to != State.CLOSING:
            del self.fields["last_day"]

    def clean_last_day(self) -> Any:
        day = self.cleaned_data["last_day"]
        if day and day < self.at.astimezone(self.zone).date():
            raise forms.ValidationError(pgettext("loyalty", "Choose today or a later day."))
        return day

    def earning_ends_at(self) -> datetime | None:
        """Return the end of the last day that earns (UTC), or None for at once."""
        day = self.cleaned_data.get("last_day")
        return datetime.combine(day, time.max, tzinfo=self.zone).astimezone(UTC) if day else None
