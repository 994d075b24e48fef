"""Forms of the program's page: words for points instead of JSON, money instead of cents, and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from django import forms
from django.utils.text import slugify
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.kernel.rounding import to_major

from . import clock, money
from .countries import countries_field
from .languages import languages
from .levels import level_names
from .models import PointWorth, Program, Reward, Segment, State, TermsVersion, Unit
from .numbers import NumberField
from .queries import count_members
from .registries import grants
from .second_look import given_back, look_twice, meant_field, show_tick, tick, too_much_back

#: What the column of an amount holds (minor units).
MOST_MINOR = 2_147_483_647
#: So many digits every key of a row has at most.
LONGEST_KEY = 18
#: A program is closed at most so many days ahead.
FARTHEST_END = 3650
#: What is said to an end that has passed.
OVER = pgettext_lazy("loyalty", "That is over already. Choose a later day, or switch it off.")
#: Whole numbers that between them meet every plural category that points can have.
SAMPLES = (1, 2, 3, 5, 0, *range(4, 120), 1_000_000)


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


class Rows(forms.BaseInlineFormSet):
    """The rows of something on one page. What a browser cut short, or somebody tampered with, is said in words."""

    default_error_messages = {
        **forms.BaseInlineFormSet.default_error_messages,
        "missing_management_form": pgettext_lazy(
            "loyalty", "A part of this page did not arrive, so nothing is saved. Open it anew and type it again."
        ),
    }

    def clean(self) -> None:
        """Refuse a row that was sent twice: the second would be written over the first."""
        super().clean()
        if not 0 <= self.initial_form_count() <= self.total_form_count():
            raise forms.ValidationError(self.default_error_messages["missing_management_form"])
        sent = [form.instance.pk for form in self.initial_forms]
        if len(set(sent)) < len(sent):
            text = pgettext("loyalty", "One row came twice, so nothing is saved. Open the page anew and type it again.")
            raise forms.ValidationError(text)


class UnitFormBase(forms.ModelForm):
    """What members collect, with its word in each language: a field for each plural form, which money does not need."""

    is_meant = meant_field()

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
                if not word and not data.get("is_money"):
                    text = pgettext("loyalty", "Fill in every form of a language, or leave the language empty.")
                    self.add_error(word_field(language, category), text)
            kept = {category: word for category, word in names.get(language, {}).items() if category != "title"}
            typed = {category: word for category, word in given.items() if word}
            names[language] = {**kept, **typed, **({"title": title} if title else {})}
        self._check(names)
        self.instance.names = names
        return data

    def _check(self, names: dict[str, Any]) -> None:
        """Ask before what members have is called something else."""
        program = self.instance.program if self.instance.pk else None
        before = Unit.objects.filter(pk=self.instance.pk).values_list("names", flat=True).first()
        count = count_members(program=program) if program and program.earns_from and before != names else 0
        if not count:
            return
        text = npgettext(
            "loyalty",
            "%(count)s member reads the new words from now on, in old lines too.",
            "%(count)s members read the new words from now on, in old lines too.",
            count,
        )
        look_twice(form=self, questions=[tick(text % {"count": money.number(count)})])

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
            help_text=pgettext("loyalty", "Without a number, such as “Stars”. Empty: made from the form after 2."),
            max_length=40,
            required=False,
        )
    return type("UnitForm", (UnitFormBase,), {**fields, "__module__": __name__})


class AmountForm(forms.ModelForm):
    """A row that is an amount in a currency of its own, typed as money and kept in its smallest unit."""

    amount: NumberField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        currency = self.data.get(self.add_prefix("currency"), self.instance.currency)
        in_coins(form=self, name="amount", currency=currency)
        if self.instance.pk:
            places = money.exponent(currency=self.instance.currency)
            self.fields["amount"].initial = to_major(minor=self.instance.minor, exponent=places)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        amount, currency = data.get("amount"), data.get("currency")
        if amount and currency and (minor := minor_of(form=self, name="amount", currency=currency)) is not None:
            self.take(minor)
        return data

    def take(self, minor: int) -> None:
        """Keep the amount that was typed."""
        self.instance.minor = minor

    def currencies(self, name: str) -> tuple[str, str]:
        """Return in which money the amount of the row was and is."""
        if name != "amount":
            return "", ""
        return self.initial.get("currency", ""), self.cleaned_data.get("currency", "")


def minor_of(*, form: forms.BaseForm, name: str, currency: str) -> int | None:
    """Return what was typed as an amount in minor units; None with an error at its field where that is none."""
    amount = form.cleaned_data[name]
    minor = money.to_minor(amount=amount, currency=currency)
    if minor > MOST_MINOR:
        form.add_error(name, pgettext("loyalty", "That is more than can be stored."))
    elif to_major(minor=minor, exponent=money.exponent(currency=currency)) != amount:
        text = pgettext("loyalty", "%(currency)s has no such fraction. Write a whole amount.")
        form.add_error(name, text % {"currency": currency})
    else:
        return minor
    return None


class WorthForm(AmountForm):
    """What points buy. Asks before what members have is worth something else, and before much comes back."""

    amount = NumberField(
        label=pgettext_lazy("loyalty", "is worth"),
        min_value=Decimal("0.01"),
        max_digits=9,
        decimal_places=2,
        help_text=pgettext_lazy("loyalty", "Money of that currency: what so much takes off a basket."),
    )
    is_meant = meant_field()

    class Meta:
        model = PointWorth
        fields = ("currency", "points")

    def __init__(self, *args: Any, unit: Unit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unit = unit
        as_money(form=self, unit=unit, names=["points"])

    def take(self, minor: int) -> None:
        """Ask where what members have becomes worth something else, and where much comes back of each purchase."""
        row, points = self.instance, self.cleaned_data.get("points")
        own = self.unit.program.currency if self.unit and self.unit.is_money else ""
        if points and own == self.cleaned_data.get("currency") and points != minor:
            text = pgettext("loyalty", "An amount of this currency is worth itself. Write the same in both fields.")
            self.add_error("amount", text)
            return
        before = PointWorth.objects.filter(pk=row.pk).first() if row.pk else None
        row.minor = minor
        if not points or (before and before.points * minor == points * before.minor):
            return
        program, asked = getattr(row, "program", None), []
        if program is None:
            return
        if before and program.earns_from and (count := count_members(program=program)):
            text = npgettext(
                "loyalty",
                "What %(count)s member has is worth something else from this moment on.",
                "What %(count)s members have is worth something else from this moment on.",
                count,
            )
            asked.append(tick(text % {"count": money.number(count)}))
        if program.pk and self.cleaned_data.get("currency") == program.currency:
            back = given_back(program=program, at=clock.now(), points=points, minor=minor)
            asked += too_much_back(program=program, percent=back)
        look_twice(form=self, questions=asked)


class WorthRows(Rows):
    """The rows of what the unit of a program is worth, each of which knows that unit. Asks before one is deleted."""

    def clean(self) -> None:
        super().clean()
        program = self.instance
        count = count_members(program=program) if program.pk and program.earns_from else 0
        for form in self.initial_forms if count else ():
            if self._should_delete_form(form):  # type: ignore[attr-defined]  # Django has it, its stubs do not.
                self._ask(form, count)

    def _ask(self, form: Any, count: int) -> None:
        """Ask whether a row is meant to go, at its tick; the rows as a whole say it, as one that goes is not read."""
        show_tick(form=form)
        if form.cleaned_data.get("is_meant"):
            return
        text = npgettext(
            "loyalty",
            "What %(count)s member has would be worth nothing in %(currency)s from this moment on.",
            "What %(count)s members have would be worth nothing in %(currency)s from this moment on.",
            count,
        )
        asked = tick(text % {"count": money.number(count), "currency": form.instance.currency})
        form.add_error("is_meant", asked)
        raise forms.ValidationError(asked)

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Return what a row is told."""
        return {**super().get_form_kwargs(index), "unit": self.instance.unit_or_none}


class TermsForm(forms.ModelForm):
    """Terms of a program. They begin today or later, once somebody takes part."""

    class Meta:
        model = TermsVersion
        fields = ("version", "language", "starts_at", "text")

    def clean_starts_at(self) -> datetime:
        starts_at: datetime = self.cleaned_data["starts_at"]
        program = Program.objects.filter(pk=self.instance.program_id).first()
        if program is None or not count_members(program=program):
            return starts_at
        zone = program.time_zone
        if local_day(at=starts_at, zone=zone) < local_day(at=clock.now(), zone=zone):
            text = pgettext("loyalty", "Members joined without these terms, so they begin today or later.")
            raise forms.ValidationError(text)
        return starts_at


class ProgramForm(forms.ModelForm):
    """A program. What changes much for many, once it has begun, asks for its typed name."""

    much = NumberField(
        label=pgettext_lazy("loyalty", "Gift that asks for a second look"),
        min_value=Decimal("0.01"),
        max_digits=9,
        decimal_places=2,
        initial=Decimal(100),
        help_text=pgettext_lazy(
            "loyalty",
            "Money of the program’s currency: what is worth more for one member is only given after “Yes, I mean it”.",
        ),
    )
    typed_name = forms.CharField(
        label=pgettext_lazy("loyalty", "Type the name of the program"),
        required=False,
        max_length=100,
        widget=forms.HiddenInput,
    )

    class Meta:
        model = Program
        fields = ("name",)  # The page of the admin names the rest.

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            places = money.exponent(currency=self.instance.currency)
            self.initial["much"] = to_major(minor=self.instance.much_minor, exponent=places)
        for name in ("much", "much_percent"):
            if name in self.fields:
                self.fields[name].required = False
        if "existing_customers" in self.fields:
            self.fields["existing_customers"] = countries_field(
                chosen=self.instance.existing_customers,
                label=pgettext_lazy("loyalty", "Customers are written to without asking in"),
                help_text=pgettext_lazy(
                    "loyalty",
                    "Who has ordered and lives there gets letters without having said yes. Law allows that in some"
                    " countries only, for goods like those bought, and if customers could refuse as they gave their"
                    " address. Who refused gets none, wherever that is.",
                ),
            )
        if "much" in self.fields:
            currency = self.data.get(self.add_prefix("currency"), self.instance.currency)
            in_coins(form=self, name="much", currency=currency)

    def clean_much_percent(self) -> int:
        """Return what was typed, else what is usual."""
        return self.cleaned_data["much_percent"] or Program._meta.get_field("much_percent").default

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("much") is not None and data.get("currency"):
            minor = minor_of(form=self, name="much", currency=data["currency"])
            if minor is not None:
                self.instance.much_minor = minor
        self._check(data)
        return data

    def _check(self, data: dict[str, Any]) -> None:
        """Say what changes for how many, and take it only with the program's name beside it."""
        before = Program.objects.filter(pk=self.instance.pk).first() if self.instance.pk else None
        if before is None or before.earns_from is None or not (changes := self._does(before, data)):
            return
        self.fields["typed_name"].widget = forms.TextInput()
        if data.get("typed_name", "").strip() == before.name:
            return
        text = npgettext(
            "loyalty",
            "%(what)s That changes things for %(count)s member. Type “%(name)s” if you mean it.",
            "%(what)s That changes things for %(count)s members. Type “%(name)s” if you mean it.",
            count := count_members(program=before),
        )
        for what in changes:
            self.add_error("typed_name", text % {"what": what, "count": money.number(count), "name": before.name})

    def _does(self, before: Program, data: dict[str, Any]) -> list[str]:
        found = []
        if data.get("currency") and data["currency"] != before.currency:
            text = pgettext(
                "loyalty",
                "All amounts of this program will read %(after)s, rules in %(before)s no longer count, and levels begin"
                " to count anew.",
            )
            found.append(text % {"before": before.currency, "after": data["currency"]})
        if before.is_default and data.get("is_default") is False and not before.sites.exists():
            found.append(pgettext("loyalty", "The program will serve no site any more, and its pages will be gone."))
        return found


class PointsAsMoney(NumberField):
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


def in_coins(*, form: forms.BaseForm, name: str, currency: str) -> None:
    """Let an amount be typed to the smallest coin of its currency, where that takes more than two decimals (KWD)."""
    field: Any = form.fields[name]
    places = money.exponent(currency=currency)
    if places > getattr(field, "decimal_places", places):
        form.fields[name] = type(field)(
            min_value=field.min_value,
            max_value=field.max_value,
            max_digits=field.max_digits + places - field.decimal_places,
            decimal_places=places,
            label=field.label,
            help_text=field.help_text,
            required=field.required,
            initial=field.initial,
        )


def reward_fields(*names: str) -> tuple[str, ...]:
    """Return these names of fields for a reward, where there is any and something gives it; else a form has none."""
    return names if "claim" in grants and Reward.objects.exists() else ()


def offer_promise(*, form: forms.ModelForm, program: Program | None, prefix: str = "") -> None:
    """
    Let the fields of a promise be points or a reward: points may be left empty, and the rewards are those of a program
    (all, where none is chosen yet). Called before points become amounts.
    """
    points, reward = form.fields.get(f"{prefix}points"), form.fields.get(f"{prefix}reward")
    if points is not None:
        points.required = False
    if reward is not None:
        rows = Reward.objects.filter(program=program) if program else Reward.objects.all()
        asked: Any = reward
        asked.queryset = rows.order_by("name")
        reward.error_messages["invalid_choice"] = pgettext("loyalty", "That reward is of another program.")


def check_promise(*, form: forms.ModelForm, prefix: str = "") -> None:
    """
    Read empty points as none, and refuse points beside a reward. A reward that nothing gives any more has no field, and
    makes room.
    """
    data, points, reward = form.cleaned_data, f"{prefix}points", f"{prefix}reward"
    if points not in data:
        return
    data[points] = data[points] or 0
    if data[points] and data.get(reward):
        form.add_error(reward, pgettext("loyalty", "Say how much or choose a reward, not both."))
    elif data[points] and reward not in form.fields:
        setattr(form.instance, reward, None)


def offer_for_whom(*, form: forms.ModelForm, program: Program | None) -> None:
    """
    Offer the levels and groups of a program (of all, where none is chosen yet) to say for whom something is; a level
    that is stored and not there any more stays what it is.
    """
    program_id, stored, fields = program.pk if program else None, form.instance.rank, form.fields
    ranks = {0: pgettext("loyalty", "every member"), **level_names(program_id=program_id)}
    if stored not in ranks:
        ranks[stored] = pgettext("loyalty", "level %(rank)s, which is not there") % {"rank": money.number(stored)}
    rank, segment = cast("Any", fields.get("rank")), cast("Any", fields.get("segment"))
    if rank is not None:
        rank.choices = sorted(ranks.items())
    if segment is not None and program_id:
        segment.queryset = Segment.objects.filter(program=program_id).order_by("name")


def refuse_over(*, form: forms.ModelForm) -> None:
    """Refuse an end that has passed of what is in force; where it is stored already, the rest can still be saved."""
    data = form.cleaned_data
    ends_at = data.get("ends_at")
    if data.get("is_on") and ends_at and "ends_at" in form.changed_data and ends_at <= clock.now():
        form.add_error("ends_at", OVER)


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


def offer_program(*, form: forms.ModelForm) -> None:
    """Choose the program beforehand where there is one alone to choose."""
    field: Any = form.fields.get("program")
    if field is not None and field.queryset.count() == 1:
        field.initial = field.queryset.get()


#: What is read of a choice that was not offered.
NOT_OFFERED = pgettext_lazy("loyalty", "There is nothing of that name. Choose from the list.")


def offer_choices(*, form: forms.BaseForm, choices: Mapping[str, Sequence[tuple[Any, str]]]) -> None:
    """Offer these choices, by field, to staff who choose what a page shows; where there is one program, do not ask."""
    for name, offered in choices.items():
        field: Any = form.fields[name]
        field.choices = offered
        field.error_messages["invalid_choice"] = NOT_OFFERED
    if len(choices["program"]) == 1:
        form.fields["program"].widget = forms.HiddenInput()


def offer_code(*, form: forms.ModelForm) -> None:
    """Let the code of something new be left empty, to be made from its name (`make_code`)."""
    if "code" in form.fields and not form.instance.pk:
        form.fields["code"].required = False
        form.fields["code"].help_text = pgettext("loyalty", "Empty: made from the name. Stays for ever.")


def make_code(*, form: forms.ModelForm, found: dict[str, Any]) -> bool:
    """Make the code from the name where none was typed; returns whether there is one, else its field says why."""
    if "code" not in form.fields or "code" in form.errors or not found.get("name"):
        return False
    longest = form._meta.model._meta.get_field("code").max_length
    if code := found.get("code") or slugify(found["name"])[:longest]:
        found["code"] = code
        return True
    form.add_error("code", pgettext("loyalty", "None can be made from this name. Write one."))
    return False


def unit_chosen(*, form: forms.ModelForm) -> Unit | None:
    """Return what the program of a form counts, where its program is chosen and counts something."""
    program = chosen(form=form, name="program")
    return program.unit_or_none if program else None


def is_key(value: Any) -> bool:
    """Return whether something typed can be the key of a row: digits, and no more than a column holds."""
    return str(value).isdecimal() and len(str(value)) <= LONGEST_KEY


class SeveralField(forms.ModelMultipleChoiceField):
    """Some rows by their keys. A number that no key can be is said here; the database would break at it."""

    def _check_values(self, value: Any) -> Any:
        if not all(is_key(key) for key in value):
            text = pgettext("loyalty", "One of them is not there. Choose them anew.")
            raise forms.ValidationError(text, code="invalid_pk_value")
        return super()._check_values(value)  # type: ignore[misc]  # Django has it, its stubs do not.


class TypedName(forms.CharField):
    """The name of what cannot be brought back, typed by hand."""

    def __init__(self, *, name: str) -> None:
        self.name = name
        super().__init__(
            label=pgettext("loyalty", "Type the name of the program"),
            max_length=100,
            help_text=pgettext("loyalty", "There is no way back from this. Type “%(name)s” to go on.") % {"name": name},
        )

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        if typed and typed != self.name:
            text = pgettext("loyalty", "That is not the name. Type “%(name)s”, or leave this page.")
            raise forms.ValidationError(text % {"name": self.name})
        return typed


class StepForm(forms.Form):
    """The reason for a step in the life of a program, for closing the last day that earns, and its typed name."""

    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text=pgettext_lazy("loyalty", "Stands in the history beside your name and the date."),
    )
    last_day = forms.DateField(
        label=pgettext_lazy("loyalty", "Orders earn until"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=pgettext_lazy("loyalty", "This day included: choose today for an end this very day."),
    )

    def __init__(self, *args: Any, program: Program, to: str, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone, self.at = ZoneInfo(program.time_zone), at
        if to != State.CLOSING:
            del self.fields["last_day"]
        if to in (State.CLOSING, State.CLOSED):
            self.fields["typed_name"] = TypedName(name=program.name)

    def clean_last_day(self) -> Any:
        day = self.cleaned_data["last_day"]
        today = self.at.astimezone(self.zone).date()
        if day < today:
            raise forms.ValidationError(pgettext("loyalty", "Choose today or a later day."))
        if day > today + timedelta(days=FARTHEST_END):
            raise forms.ValidationError(pgettext("loyalty", "Choose a day within the next ten years."))
        return day

    def earning_ends_at(self) -> datetime | None:
        """Return the end of the last day that earns (UTC), or None for at once."""
        day = self.cleaned_data.get("last_day")
        return datetime.combine(day, time.max, tzinfo=self.zone).astimezone(UTC) if day else None
