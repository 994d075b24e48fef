"""The forms of a reward and its partner's codes, and of the reason for which a member's reward is given back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.db.models import QuerySet
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.forms import (
    as_money,
    chosen,
    in_coins,
    make_code,
    minor_of,
    offer_code,
    offer_for_whom,
    offer_program,
    refuse_over,
)
from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.program.second_look import look_twice, meant_field, tell_cost

from ..claims import is_promised
from ..currencies import AMOUNTS, OTHERS, by_currency
from ..kinds import CODE, AmountField
from ..operations.claims import LONGEST_TEXT
from .deals import RewardDeal, RewardDeals, bad_deals, dear_cost

#: So long a code is at most, and so large a file of them (about a hundred thousand).
LONGEST_CODE, MOST_BYTES = 100, 5_000_000
#: How the fields of a kind's own parameters begin.
OWN = "p_"
#: The field of an amount in another currency than the program's: `p_CHF_amount`.
OTHER = re.compile(rf"{OWN}([A-Z]{{3}})_(\w+)")


def kind_name(*, kind: str) -> str:
    """Return what a kind of rewards is called; one whose app has left by its code."""
    return str(reward_kinds.get(kind).label) if kind in reward_kinds else kind


def own_fields(*, kind: str) -> Mapping[str, Any]:
    """Return the fields of a kind's own parameters; one whose app has left has none."""
    found = reward_kinds.get(kind).fields() if kind in reward_kinds else {}
    return {OWN + name: field for name, field in found.items()}


def other_fields(*, kind: str, currencies: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the fields of a kind's amounts in other currencies than the program's, by currency."""
    made = ((currency, own_fields(kind=kind)) for currency in currencies)
    return {
        currency: {
            f"{OWN}{currency}_{name.removeprefix(OWN)}": field
            for name, field in fields.items()
            if isinstance(field, AmountField)
        }
        for currency, fields in made
    }


def own_names(names: Iterable[str]) -> list[str]:
    """Return those of these names that are fields of a kind's own parameters."""
    return [name for name in names if name.startswith(OWN)]


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedCodes:
    """Codes as they were typed, one a line: each once, those that came `again`, and how many lines were `empty`."""

    codes: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    empty: int = 0

    def __str__(self) -> str:
        """Say how many there are: the codes themselves stand in no history."""
        text = npgettext("loyalty", "%(count)s code", "%(count)s codes", len(self.codes))
        return text % {"count": money.number(len(self.codes))}


def read_codes(text: str) -> TypedCodes:
    """Return the codes in a text; raises `ValidationError` that names the line in which none can stand."""
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text.strip())] if text.strip() else []
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_CODE or "\0" in line:
            wrong = pgettext("loyalty", "Line %(line)s is no code: a code has at most %(most)s letters.")
            told = {"line": money.number(number), "most": money.number(LONGEST_CODE)}
            raise forms.ValidationError(wrong % told)
    seen: dict[str, int] = {}
    for line in filter(None, lines):
        seen[line] = seen.get(line, 0) + 1
    again = [code for code, times in seen.items() for _more in range(times - 1)]
    return TypedCodes(codes=tuple(seen), again=tuple(again), empty=lines.count(""))


class CodesField(forms.CharField):
    """Codes that somebody types or pastes, one a line."""

    def clean(self, value: Any) -> Any:
        return read_codes(super().clean(value))


class CodesFileField(forms.FileField):
    """A text file of codes, one a line."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        file = super().clean(data, initial)
        if not file:
            return TypedCodes()
        if file.size > MOST_BYTES:
            raise forms.ValidationError(pgettext("loyalty", "This file is too large. Add its codes in several parts."))
        try:
            return read_codes(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            wrong = pgettext("loyalty", "This is no text file. Save the codes as plain text (UTF-8), one a line.")
            raise forms.ValidationError(wrong) from error


class RewardFormBase(forms.ModelForm):
    """A reward as a merchant sets it up; `reward_form` adds what its kind asks."""

    kind = ""

    cost = NumberField(
        label=pgettext_lazy("loyalty", "One costs you"),
        help_text=pgettext_lazy("loyalty", "Money of the program’s currency. Members don’t see it. Empty: nothing."),
        min_value=0,
        max_digits=9,
        decimal_places=2,
        required=False,
    )
    rank = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "From level"),
        help_text=pgettext_lazy("loyalty", "The lowest level that can have it; whoever stands higher can have it too."),
        coerce=int,
        initial=0,
    )
    is_meant = meant_field()

    class Meta:
        model = Reward
        fields = (
            *("program", "name", "code", "text", "picture", "price", "rank", "segment", "quota", "per_member"),
            *("valid_days", "starts_at", "ends_at", "is_on"),
        )
        help_texts = {
            "price": pgettext_lazy("loyalty", "Empty: it is not in the catalogue."),
            "quota": pgettext_lazy("loyalty", "Taken from the catalogue, all members together. Empty: no end."),
            "per_member": pgettext_lazy("loyalty", "Empty: as often as somebody can pay for it."),
            "valid_days": pgettext_lazy("loyalty", "From the day it is taken; then it is gone. Empty: no end."),
            "starts_at": pgettext_lazy("loyalty", "Empty: at once."),
            "ends_at": pgettext_lazy("loyalty", "The first moment that is too late. Empty: no end."),
            "is_on": pgettext_lazy("loyalty", "Switched off nobody can take it; who has it keeps it."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            self.instance.kind = self.kind
        offer_program(form=self)
        offer_code(form=self)
        self.program = chosen(form=self, name="program")
        self.stored_deals = self._stored_deals()
        for name in own_names(self.fields):
            if self.instance.pk:
                self.initial[name] = self._stored(name)
        self._know_the_program()

    def _know_the_program(self) -> None:
        """Offer the levels and groups of the program, and have points and money typed as it counts them."""
        unit = self.program.unit_or_none if self.program else None
        fields: Any = self.fields
        offer_for_whom(form=self, program=self.program)
        if "price" in fields:
            fields["price"].min_value = 1
        as_money(form=self, unit=unit, names=["price"])
        tell_cost(form=self, unit=unit, names=["price"])
        for name in ["cost", *own_names(fields)]:
            if name in fields and (currency := self.currencies(name)[0]):
                in_coins(form=self, name=name, currency=currency)
        if self.program and self.instance.cost_minor:
            places = money.exponent(currency=self.program.currency)
            self.initial["cost"] = to_major(minor=self.instance.cost_minor, exponent=places)

    def _stored_deals(self) -> RewardDeals:
        """Return what members pay and get as it is stored."""
        row = self.instance
        if not row.pk or self.program is None:
            return {}
        return RewardDeal.of(
            program=self.program, kind=row.kind, params=row.params, price=row.price, cost=row.cost_minor
        )

    def _stored(self, name: str) -> Any:
        """Return a parameter of the kind as it is typed: amounts in whole money."""
        params, (currency, param) = self.instance.params, self._place(name)
        if OTHER.fullmatch(name):
            params = (params.get(OTHERS) or {}).get(currency, {})
        found = params.get(param)
        if not isinstance(self.fields[name], AmountField) or not found or not currency:
            return found
        return to_major(minor=found, exponent=money.exponent(currency=currency))

    def _place(self, name: str) -> tuple[str, str]:
        """Return the currency and the parameter of a field; "" without a program that would say the currency."""
        if other := OTHER.fullmatch(name):
            return other[1], other[2]
        return self.program.currency if self.program else "", name.removeprefix(OWN)

    def currencies(self, name: str) -> tuple[str, str]:
        """Return in which money an amount was and is typed."""
        is_money = name == "cost" or isinstance(self.fields.get(name), AmountField)
        currency = self._place(name)[0] if is_money else ""
        return currency, currency

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if "code" in self.fields and "code" not in self.errors and found.get("name"):
            self._make_code(found)
        refuse_over(form=self)
        self._look_at_what_is_taken(found.get("quota"))
        if own := own_names(self.fields):
            self._take_params(own, found)
        self._take_cost(found)
        return found

    def _take_params(self, own: list[str], found: dict[str, Any]) -> None:
        """Keep what the kind asks; amounts in minor units, and of things that were picked their keys."""
        params, others = dict(self.instance.params), dict[str, dict[str, Any]]()
        for name in own:
            value, (currency, param) = found.get(name), self._place(name)
            if isinstance(self.fields[name], AmountField):
                value = minor_of(form=self, name=name, currency=currency) if value and currency else None
            elif isinstance(value, QuerySet | list):
                value = [one.pk for one in value]
            if not OTHER.fullmatch(name):
                params[param] = value
            elif value:
                others.setdefault(currency, {})[param] = value
        params.pop(OTHERS, None)
        self.instance.params = {**params, OTHERS: others} if others else params
        if not self.errors and self.instance.kind in reward_kinds:
            self._say_what_is_wrong()

    def _say_what_is_wrong(self) -> None:
        """Say at its field what is wrong with the parameters together, and so in each currency."""
        kind, params, own = reward_kinds.get(self.instance.kind), self.instance.params, self._place("")[0]
        if own in params.get(OTHERS, ()):
            name = next(iter(params[OTHERS][own]))
            text = pgettext("loyalty", "That is the currency of the program itself. Write it above.")
            self.add_error(f"{OWN}{own}_{name}", text)
            return
        for name, text in kind.wrong(params=params).items():
            self.add_error(OWN + name, text)
        for currency, there in by_currency(params=params, own=own).items():
            for name, text in kind.wrong(params=there).items() if currency != own else ():
                if name in AMOUNTS:
                    self.add_error(f"{OWN}{currency}_{name}", text)

    def _make_code(self, found: dict[str, Any]) -> None:
        """Make the code from the name where none was typed; what is there already is said at the field."""
        rows = Reward.objects.using(write_db()).filter(program=self.program)
        if make_code(form=self, found=found) and rows.filter(code=found["code"]).exists():
            text = pgettext("loyalty", "There is a reward with this code already. Choose another code.")
            self.add_error("code", text)

    def _look_at_what_is_taken(self, quota: int | None) -> None:
        """Refuse what does not fit what members have; nobody takes one more until the page is saved."""
        own = own_names(self.changed_data)
        if not self.instance.pk or not (own or "quota" in self.changed_data):
            return
        stored = Reward.objects.using(write_db()).select_for_update().get(pk=self.instance.pk)
        if own and is_promised(reward=stored):
            self.add_error(own[0], pgettext("loyalty", "Somebody took it meanwhile, so this stays as it was."))
        if quota is not None and quota < stored.taken:
            text = npgettext(
                "loyalty",
                "%(count)s is taken already. Write that or more.",
                "%(count)s are taken already. Write that or more.",
                stored.taken,
            )
            self.add_error("quota", text % {"count": money.number(stored.taken)})

    def _take_cost(self, found: dict[str, Any]) -> None:
        """Keep what one costs; asks before that is more than usual for a gift, or far more than members pay."""
        if "cost" in self.errors or self.program is None:
            return
        currency, cost = self.program.currency, found.get("cost")
        minor = minor_of(form=self, name="cost", currency=currency) if cost else 0
        if minor is None:
            return
        before, self.instance.cost_minor = self.instance.cost_minor, minor
        if self.errors:
            return
        price = found["price"] if "price" in self.fields else self.instance.price
        now = RewardDeal.of(
            program=self.program, kind=self.instance.kind, params=self.instance.params, price=price, cost=minor
        )
        asked = dear_cost(program=self.program, minor=minor, before=before)
        look_twice(form=self, questions=asked + bad_deals(now=now, before=self.stored_deals))


def reward_form(*, kind: str, is_had: bool, currencies: Iterable[str]) -> type[RewardFormBase]:
    """
    Return the form for rewards of one kind, with amounts in `currencies` beside the program's own; of one that somebody
    has, what the kind asks stands still.
    """
    fields: dict[str, Any] = {}
    if not is_had:
        fields.update(own_fields(kind=kind))
        for some in other_fields(kind=kind, currencies=currencies).values():
            fields.update(some)
    if kind == CODE:
        fields["codes"] = CodesField(
            label=pgettext("loyalty", "Add codes"),
            help_text=pgettext("loyalty", "One a line; those that are there already stay."),
            widget=AdminTextareaWidget,
            required=False,
        )
        fields["codes_file"] = CodesFileField(
            label=pgettext("loyalty", "Add codes from a file"),
            help_text=pgettext("loyalty", "A text file, one code a line."),
            required=False,
        )
    for field in fields.values():
        if type(field.widget) is forms.TextInput:
            field.widget = AdminTextInputWidget(attrs=field.widget.attrs)
    form: Any = forms.models.ModelFormMetaclass(
        "RewardForm", (RewardFormBase,), {**fields, "kind": kind, "__module__": __name__}
    )
    return form


class GiveBackForm(forms.Form):
    """The reason for which rewards of members are given back."""

    note = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        help_text=pgettext_lazy("loyalty", "Stands beside your name and the date."),
        max_length=LONGEST_TEXT,
        widget=AdminTextInputWidget,
    )
