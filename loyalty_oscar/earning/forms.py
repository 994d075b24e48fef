"""The form of one rule: what it gives, on which products, when. Saving it writes the next version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.text import slugify
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.limits import MOST_BUDGET, MOST_POINTS
from loyalty_oscar.program import clock, money
from loyalty_oscar.program.forms import OVER, as_money, chosen, offer_code
from loyalty_oscar.program.hooks import product_pickers
from loyalty_oscar.program.levels import level_names, levels
from loyalty_oscar.program.models import ProductSet, Unit
from loyalty_oscar.program.second_look import dear, look_twice, meant_field, tell_cost, too_much_back
from loyalty_oscar.program.segments import segment_names
from loyalty_oscar.program.words import number as number_in_words
from loyalty_oscar.program.zones import DayField

from . import params as p
from .give_back import SHARES, give_back
from .models import Rule, RuleBudget, RuleVersion
from .queries import in_force, version_shown
from .rules import MOST_PIECES, RuleInForce, build, conditions, earning_rules
from .words import WEEKDAYS, money_back

#: Conditions that are one number or one choice: the field that it is typed in, and its parameter.
ONE_FIELD = {
    "tier": ("level", "rank"),
    "order-pieces": ("order_pieces", "pieces"),
    "line-pieces": ("line_pieces", "pieces"),
    "cap-per-order": ("cap", "points"),
    "cap-per-day": ("cap_day", "points"),
    "cap-per-month": ("cap_month", "points"),
    "cap-per-member": ("cap_member", "points"),
    "budget": ("budget", "points"),
    "segment": ("segment", "segment"),
}
#: Conditions that have fields of their own here, with those fields and what each holds, in the order in which they are
#: stored; any other that is registered gets fields from its dataclass.
OWN: dict[str, dict[str, str]] = {
    "product-set": {"inside": "sets", "outside": "outside"},
    "minimum-spend": {"minimum": "minimum_minor"},
    "tier": {"level": "rank"},
    "dates": {"last": "last", "first": "first"},
    "weekdays": {"days": "days"},
    "hours": {"end": "end", "start": "start"},
    **{code: {field: param} for code, (field, param) in ONE_FIELD.items()},
}
#: A version that begins later than that is a slip of the hand.
MOST_YEARS_AHEAD = 5
#: Where products are picked, with what stands before the kind of thing.
PLACES = {
    "inside": pgettext_lazy("loyalty", "Only on: %(what)s"),
    "outside": pgettext_lazy("loyalty", "Not on: %(what)s"),
}
#: Those that say how much a rule gives at most.
MOSTS = ("cap", "cap_day", "cap_month", "cap_member", "budget")


class DayInput(forms.DateInput):
    """A date as the browser asks for it."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class TimeInput(forms.TimeInput):
    """A time of day as the browser asks for it."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


def most_field(**kwargs: Any) -> forms.IntegerField:
    """Return a field for the most that a rule gives, over many orders."""
    said = {"max_value": pgettext_lazy("loyalty", "That is more than can be counted. Leave it empty for no limit.")}
    return forms.IntegerField(required=False, min_value=1, max_value=MOST_BUDGET, error_messages=said, **kwargs)


class RuleFormBase(forms.ModelForm):
    """What every rule has; `rule_form` adds the parameters of its type."""

    type: ClassVar[str] = ""
    params: ClassVar[list[p.Param]] = []
    others: ClassVar[dict[str, list[p.Param]]] = {}
    #: The rule that a new one is a copy of.
    source: ClassVar[Rule | None] = None
    #: Whether what it gives is typed as a percentage.
    is_share: ClassVar[bool] = False

    inside = p.sets_field(
        label=pgettext_lazy("loyalty", "Only on"), help_text=pgettext_lazy("loyalty", "Nothing ticked: all products.")
    )
    outside = p.sets_field(label=pgettext_lazy("loyalty", "Not on"))
    level = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "From level"),
        required=False,
        coerce=int,
        empty_value=None,
        help_text=pgettext_lazy("loyalty", "The lowest level it counts for; whoever stands higher gets it too."),
    )
    order_pieces = forms.IntegerField(
        label=pgettext_lazy("loyalty", "Orders with at least so many pieces"),
        required=False,
        min_value=1,
        max_value=MOST_PIECES,
        help_text=pgettext_lazy("loyalty", "All pieces that money is paid for. Empty: any number."),
    )
    line_pieces = forms.IntegerField(
        label=pgettext_lazy("loyalty", "Only products bought so many times"),
        required=False,
        min_value=1,
        max_value=MOST_PIECES,
        help_text=pgettext_lazy("loyalty", "At least so many pieces of one product in the order. Empty: any number."),
    )
    cap = forms.IntegerField(
        label=pgettext_lazy("loyalty", "At most, for one order"),
        required=False,
        min_value=1,
        max_value=MOST_POINTS,
        help_text=pgettext_lazy(
            "loyalty",
            "The most that this rule gives one order, with what multiplies it. Empty: as much as it comes to.",
        ),
    )
    cap_day = most_field(
        label=pgettext_lazy("loyalty", "At most, for each member a day"),
        help_text=pgettext_lazy("loyalty", "By the program’s calendar. Empty: no limit."),
    )
    cap_month = most_field(
        label=pgettext_lazy("loyalty", "At most, for each member a calendar month"),
        help_text=pgettext_lazy("loyalty", "By the program’s calendar. Empty: no limit."),
    )
    cap_member = most_field(
        label=pgettext_lazy("loyalty", "At most, for each member in all"),
        help_text=pgettext_lazy("loyalty", "Orders count from the moment you save this. Empty: no limit."),
    )
    budget = most_field(
        label=pgettext_lazy("loyalty", "At most, for all members together"),
        help_text=pgettext_lazy(
            "loyalty",
            "The last order gets what is left. What is returned or cancelled can be given again. Empty: no limit.",
        ),
    )
    segment = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "Only for a group of members"),
        required=False,
        coerce=int,
        empty_value=None,
        help_text=pgettext_lazy("loyalty", "Who was in the group when the order was placed."),
    )
    is_meant = meant_field()
    first = DayField(label=pgettext_lazy("loyalty", "From"), required=False, widget=DayInput)
    last = DayField(label=pgettext_lazy("loyalty", "To, this day included"), required=False, widget=DayInput)
    days = forms.TypedMultipleChoiceField(
        label=pgettext_lazy("loyalty", "On these days"),
        required=False,
        coerce=int,
        choices=list(WEEKDAYS.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=pgettext_lazy("loyalty", "Nothing ticked: every day."),
    )
    start = forms.TimeField(
        label=pgettext_lazy("loyalty", "From this time of day"),
        required=False,
        widget=TimeInput,
        input_formats=["%H:%M"],
        help_text=pgettext_lazy("loyalty", "By the clocks of the program’s time zone. Empty: from midnight."),
    )
    end = forms.TimeField(
        label=pgettext_lazy("loyalty", "Before this time of day"),
        required=False,
        widget=TimeInput,
        input_formats=["%H:%M"],
        help_text=pgettext_lazy("loyalty", "Orders placed at this minute don’t count any more. Empty: until midnight."),
    )
    counts_from = forms.DateField(
        label=pgettext_lazy("loyalty", "Counts from"),
        required=False,
        widget=DayInput,
        help_text=pgettext_lazy(
            "loyalty", "A day ahead, from midnight on; until then the rule stays as it is. Empty: from now on."
        ),
    )
    is_on = forms.BooleanField(
        label=pgettext_lazy("loyalty", "In force"),
        required=False,
        initial=True,
        help_text=pgettext_lazy(
            "loyalty", "A rule that was in force is never deleted, only switched off: orders keep its terms."
        ),
    )

    class Meta:
        model = Rule
        fields = ("name", "code", "unit")
        help_texts = {"name": pgettext_lazy("loyalty", "Members read this name in their “why”.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept: list[dict[str, Any]] = []
        self.stored_picks: dict[str, tuple[str, Mapping[str, Sequence[Any]]]] = {}
        self.picks: list[dict[str, Any]] = []
        offer_code(form=self)
        if "unit" in self.fields and Unit.objects.count() == 1:
            self.fields["unit"].initial = Unit.objects.get()
        now, there = clock.now(), self.instance.versions.all() if self.instance.pk else ()
        self.newest = version_shown(versions=there, moment=now)
        if self.newest:
            self._show(self.newest)
            if self.newest.valid_from > now:
                zone = self.instance.program.time_zone
                self.initial["counts_from"] = periods.local_day(at=self.newest.valid_from, zone=zone)
        elif self.source and (copied := version_shown(versions=self.source.versions.all(), moment=now)):
            self._show(copied)
            name = pgettext("loyalty", "Copy of %(rule)s") % {"rule": self.source}
            self.initial.update({"name": name[:100], "unit": self.source.unit_id, "is_on": False})
        counted = chosen(form=self, name="unit")
        as_money(form=self, unit=counted, names=["p_points", *MOSTS])
        if self.type in earning_rules and earning_rules.get(self.type).stage not in SHARES:
            tell_cost(form=self, unit=counted, names=["p_points"])
        level: Any = self.fields["level"]
        level.choices = level_choices(rule=self.instance, stored=self.initial.get("level"))
        segment: Any = self.fields["segment"]
        segment.choices = segment_choices(rule=self.instance, stored=self.initial.get("segment"))

    def _show(self, version: RuleVersion) -> None:
        currency = version.rule.unit.program.currency
        self.initial["is_on"] = version.is_on
        values = version.params
        if self.is_share:
            values = {**values, "percent": p.percent_of(values=values)}
        self.initial.update(p.shown(params=self.params, values=values, prefix="p_", currency=currency))
        taken: set[str] = set()
        for row in version.conditions:
            values = row.get("params", {})
            place = "outside" if values.get("outside") and row["code"] == "product-set" else row["code"]
            if place in taken or row["code"] not in (*OWN, *self.others):
                self.kept.append(row)
                continue
            taken.add(place)
            if row["code"] == "product-set":
                self._show_sets("outside" if place == "outside" else "inside", values["sets"])
            elif row["code"] == "dates":
                days = {key: values.get(key) for key in ("first", "last")}
                self.initial.update({key: date.fromisoformat(day) for key, day in days.items() if day})
            elif row["code"] == "minimum-spend":
                self.initial["minimum_currency"] = values["currency"]
                self.initial["minimum"] = p.from_minor(values["minimum_minor"], values["currency"])
            elif row["code"] == "weekdays":
                self.initial["days"] = values["days"]
            elif row["code"] == "hours":
                told = {key: values.get(key) for key in ("start", "end")}
                self.initial.update({key: time.fromisoformat(value) for key, value in told.items() if value})
            elif row["code"] in ONE_FIELD:
                field, param = ONE_FIELD[row["code"]]
                self.initial[field] = values[param]
            else:
                prefix = f"c_{row['code']}_"
                found = p.shown(params=self.others[row["code"]], values=values, prefix=prefix, currency=currency)
                self.initial.update({f"use_{row['code']}": True, **found})

    def _show_sets(self, place: str, codes: list[str]) -> None:
        """Tick product sets; one that was picked is shown by what is in it."""
        picker = product_pickers.first()
        for code in codes:
            found = picker.picked(code=code) if picker and place not in self.stored_picks else None
            if found is not None:
                self.stored_picks[place] = code, found
                self.initial.update({f"{place}_{kind}": keys for kind, keys in found.items()})
        shown = [code for code in codes if code != self.stored_picks.get(place, ("",))[0]]
        self.initial[place] = shown
        field: Any = self.fields[place]
        field.choices = p.set_choices(but_picked=shown)

    def is_valid(self) -> bool:
        # A preview answers with the page again: nothing is saved, whatever was typed.
        return super().is_valid() and "_preview" not in self.data

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        unit = self.instance.unit if self.instance.pk else data.get("unit")
        if unit is None:
            return data
        self.unit = unit
        self._clean_code(data)
        self._clean_level(data)
        self._clean_times(data)
        self._clean_start(data)
        if "_draft" in self.data:
            data["is_on"] = False
        self._refuse_over(data)
        self._clean_budget(data)
        self.rule = self._built(data)
        if self.rule and not self.errors:
            self._look_twice(self.rule)
        return data

    def _look_twice(self, rule: RuleInForce) -> None:
        """Ask whether it is meant where a rule gives back a lot, or a lot at once, and more than it does already."""
        asked: list[str] = []
        if rule.rule.stage in SHARES:
            back = give_back(rule=rule, unit=self.unit, at=clock.now())
            if back is not None and back > self._given_back():
                asked = too_much_back(program=self.unit.program, percent=back)
        elif type(gift := self.params_typed.get("points")) is int:
            stored = self.newest.params if self.newest and self.newest.is_on else {}
            asked = dear(unit=self.unit, points=gift, before=stored.get("points") or 0, by_orders=True)
        look_twice(form=self, questions=asked)

    def _given_back(self) -> Decimal:
        """Return what the rule gives back as it is stored and in force; 0 for a new one and one that is off."""
        try:
            stored = in_force(version=self.newest) if self.newest and self.newest.is_on else None
        except LoyaltyError:
            stored = None
        found = give_back(rule=stored, unit=self.unit, at=clock.now()) if stored else None
        return found or Decimal(0)

    def _stored(self, name: str) -> Any:
        """Return what a rule stores of a field already; nothing of a new one, though it is a copy."""
        return self.initial.get(name) if self.instance.pk else None

    def _clean_code(self, data: dict[str, Any]) -> None:
        if self.instance.pk:
            return
        code = data.get("code") or slugify(data.get("name") or "")
        data["code"] = self.instance.code = code
        if Rule.objects.filter(program=self.unit.program, code=code).exists():
            text = pgettext("loyalty", "There is a rule “%(code)s” already. Choose another code.")
            self.add_error("code", text % {"code": code})
        elif not code and "name" not in self.errors:
            self.add_error("code", pgettext("loyalty", "The name has no letters for a code. Write one here."))

    def _clean_times(self, data: dict[str, Any]) -> None:
        """Refuse days and hours that end before they begin."""
        if data.get("first") and data.get("last") and data["first"] > data["last"]:
            self.add_error("last", pgettext("loyalty", "The last day lies before the first."))
        start, end = data.get("start"), data.get("end")
        if end == time(0):
            self.add_error("end", pgettext("loyalty", "Leave this empty for until midnight."))
        elif start is not None and end is not None and start >= end:
            text = pgettext("loyalty", "This time lies before the start. For hours over midnight make two rules.")
            self.add_error("end", text)

    def _refuse_over(self, data: dict[str, Any]) -> None:
        """Refuse a last day that has passed of a rule in force; one that is stored already stays."""
        last, today = data.get("last"), periods.local_day(at=clock.now(), zone=self.unit.program.time_zone)
        if data.get("is_on") and last and last < today and last != self._stored("last"):
            self.add_error("last", OVER)

    def _clean_start(self, data: dict[str, Any]) -> None:
        """Work out from when what is typed counts (`starts_at`, None = now), and refuse a day that is not ahead."""
        self.starts_at: datetime | None = None
        first, zone = data.get("counts_from"), self.unit.program.time_zone
        if first is None:
            return
        today = periods.local_day(at=clock.now(), zone=zone)
        if first == self.initial.get("counts_from") and self.newest:
            self.starts_at = self.newest.valid_from
        elif first <= today:
            text = pgettext("loyalty", "This day is not ahead. Leave it empty to have the rule count from now on.")
            self.add_error("counts_from", text)
        elif first.year > today.year + MOST_YEARS_AHEAD:
            text = pgettext("loyalty", "This is more than %(years)s years ahead.")
            self.add_error("counts_from", text % {"years": money.number(MOST_YEARS_AHEAD)})
        else:
            self.starts_at = periods.start_of_day(day=first, zone=zone)

    def _clean_budget(self, data: dict[str, Any]) -> None:
        """Refuse a budget of which more is given already."""
        counted = RuleBudget.objects.filter(rule=self.instance.pk).first() if data.get("budget") else None
        if counted and data["budget"] < counted.taken:
            given = number_in_words(unit=self.unit, points=counted.taken)
            self.add_error("budget", pgettext("loyalty", "%(given)s have been given already.") % {"given": given})

    def _clean_level(self, data: dict[str, Any]) -> None:
        level = data.get("level")
        if level and level != self._stored("level") and level not in levels(program_id=self.unit.program_id):
            text = pgettext("loyalty", "“%(program)s” has no such level.") % {"program": self.unit.program}
            self.add_error("level", text)
        segment = data.get("segment")
        if (
            segment
            and segment != self._stored("segment")
            and segment not in segment_names(program_id=self.unit.program_id)
        ):
            text = pgettext("loyalty", "“%(program)s” has no such group of members.") % {"program": self.unit.program}
            self.add_error("segment", text)

    def _built(self, data: dict[str, Any]) -> RuleInForce | None:
        """Return the rule as typed, or None with an error on the field that is wrong."""
        currency = self.unit.program.currency
        try:
            self.params_typed = self._params_of(data, currency)
            self.narrowed = [*self._typed(data, currency), *self.kept]
        except forms.ValidationError as error:
            self.add_error(None, error)
            return None
        fields = {"p_" + param.name: param.name for param in self.params}
        if any(name in self.errors for name in [*fields, *(name for own in OWN.values() for name in own)]):
            return None
        rule = self._try(fields, registry=earning_rules, code=self.type, params=self.params_typed)
        narrow = [self._try(_fields_of(row, self.others), registry=conditions, **row) for row in self.narrowed]
        if rule is None or None in narrow:
            return None
        code = self.instance.code or data.get("code", "")
        name = data.get("name") or self.instance.name
        return RuleInForce(
            code=code, name=name, version_id=0, rule=rule, conditions=tuple(narrow), rule_id=self.instance.pk or 0
        )

    def _params_of(self, data: dict[str, Any], currency: str) -> dict[str, Any]:
        """Return the parameters as typed; a percentage that was left alone stays in the numbers it is stored in."""
        found = p.stored(params=self.params, data=data, prefix="p_", currency=currency)
        if not self.is_share:
            return found
        stored = self.newest.params if self.newest and "p_percent" not in self.changed_data else {}
        kept = {name: stored[name] for name in ("currency", "points", "step_minor") if name in stored}
        return {**p.with_rate(values=found, currency=currency), **kept}

    def _try(self, fields: dict[str, str], **what: Any) -> Any:
        """Return what is built; a refusal lands on the field whose parameter it names, else on the first."""
        try:
            return build(**what)
        except LoyaltyError as error:
            named = [field for field, param in fields.items() if param in str(error)]
            self.add_error(next(iter([*named, *fields]), None), str(error))
            return None

    def _typed(self, data: dict[str, Any], currency: str) -> list[dict[str, Any]]:
        found = []
        for place, more in (("inside", {}), ("outside", {"outside": True})):
            if sets := self._sets_of(place, data):
                found.append({"code": "product-set", "params": {"sets": sets, **more}})
        if data.get("minimum"):
            own = data.get("minimum_currency") or currency
            try:
                least = p.to_minor(data["minimum"], own)
            except forms.ValidationError as error:
                raise forms.ValidationError({"minimum": error}) from error
            found.append({"code": "minimum-spend", "params": {"currency": own, "minimum_minor": least}})
        days = {key: data[key].isoformat() for key in ("first", "last") if data.get(key)}
        if days:
            found.append({"code": "dates", "params": days})
        if data.get("days"):
            found.append({"code": "weekdays", "params": {"days": sorted(data["days"])}})
        times = {key: data[key].strftime("%H:%M") for key in ("start", "end") if data.get(key) is not None}
        if times:
            found.append({"code": "hours", "params": times})
        for code, (field, param) in ONE_FIELD.items():
            if data.get(field):
                found.append({"code": code, "params": {param: data[field]}})
        places = {code: place for place, code in enumerate(OWN)}
        found.sort(key=lambda row: places[str(row["code"])])
        for code, params in self.others.items():
            if values := self._typed_of(code, params, data, currency):
                found.append({"code": code, "params": values})
            elif data.get(f"use_{code}"):
                found.append({"code": code, "params": {}})
        return found

    def _sets_of(self, place: str, data: dict[str, Any]) -> list[str]:
        """Return the product sets that are ticked, and the one of what is picked; it is made when the rule is saved."""
        sets, picker = list(data.get(place) or ()), product_pickers.first()
        if picker is None:
            return sets
        picked = {kind: list(data.get(f"{place}_{kind}") or ()) for kind in picker.fields()}
        stored, keys = self.stored_picks.get(place, ("", {}))
        if stored and {kind: sorted(row.pk for row in rows) for kind, rows in picked.items()} == {
            kind: sorted(found) for kind, found in keys.items()
        }:
            return self._in_order(place, [*sets, stored])
        if code := picker.code(picked=picked):
            self.picks.append(picked)
            sets.append(code)
        return sets

    def _in_order(self, place: str, sets: list[str]) -> list[str]:
        """Return sets as they are stored where they are the same ones."""
        for row in self.newest.conditions if self.newest else ():
            values = row.get("params", {})
            if bool(values.get("outside")) == (place == "outside") and set(values.get("sets", ())) == set(sets):
                return list(values["sets"])
        return sets

    def make_picked(self) -> None:
        """Make the product sets of what was picked."""
        for picked in self.picks:
            product_pickers.tell("make", picked=picked)

    def set_names(self) -> dict[str, str]:
        """Return the names of the product sets by code, of those too that are made when this is saved."""
        found = dict(ProductSet.objects.values_list("code", "name"))
        picker = product_pickers.first()
        picked = {picker.code(picked=one): picker.name(picked=one) for one in self.picks} if picker else {}
        return picked | found

    def _typed_of(self, code: str, params: list[p.Param], data: dict[str, Any], currency: str) -> dict[str, Any]:
        """
        Return what was typed for a condition of the store's own; refuse what is not whole.

        Nothing that stands on the page is dropped silently: parameters without the tick are refused too, unless the
        tick was just taken away.
        """
        prefix, is_ticked = f"c_{code}_", data.get(f"use_{code}")
        if not is_ticked:
            if p.is_typed(params=params, data=data, prefix=prefix) and not self.initial.get(f"use_{code}"):
                text = pgettext("loyalty", "Tick this too, or leave the fields below it empty.")
                raise forms.ValidationError({f"use_{code}": text})
            return {}
        values = p.stored(params=params, data=data, prefix=prefix, currency=currency)
        missing = [prefix + param.name for param in params if param.is_needed and param.name not in values]
        # What was typed and makes no sense says so itself.
        if missing := [name for name in missing if name not in self.errors]:
            text = pgettext("loyalty", "Fill this in, or take the tick away above it.")
            raise forms.ValidationError(dict.fromkeys(missing, text))
        return values


def _fields_of(row: dict[str, Any], others: dict[str, list[p.Param]]) -> dict[str, str]:
    """Return the fields that a stored condition was typed in, with the parameter that each holds."""
    generated = {f"c_{row['code']}_{param.name}": param.name for param in others.get(row["code"], ())}
    return OWN.get(row["code"], generated)


def level_choices(*, rule: Rule | None, stored: int | None = None) -> list[tuple[Any, str]]:
    """
    Return the levels that a rule may count from, by name, "everybody" first; empty where there are none.

    Those of the rule's program, or before it is chosen of all; `stored` is offered though it is not there any more.
    """
    found = level_names(program_id=rule.program_id if rule and rule.pk else None)
    if stored and stored not in found:
        text = pgettext("loyalty", "level %(rank)s, which is not there")
        found = {**found, stored: text % {"rank": money.number(stored)}}
    return [("", pgettext("loyalty", "everybody")), *sorted(found.items())] if found else []


def segment_choices(*, rule: Rule | None, stored: int | None = None) -> list[tuple[Any, str]]:
    """Return the groups of members that a rule may be for, "everybody" first; empty where there are none."""
    found = segment_names(program_id=rule.program_id if rule and rule.pk else None)
    if stored and stored not in found:
        found = {**found, stored: pgettext("loyalty", "a group that is not there")}
    return [("", pgettext("loyalty", "everybody")), *found.items()] if found else []


def gives_share(*, unit: Unit | None, rule: Rule | None) -> bool:
    """
    Return whether what a rule for money paid gives, or a new one, is typed as a percentage: it gives money of the
    currency that is paid, and two decimals say how much.
    """
    if unit is None or not unit.is_money:
        return False
    own = unit.program.currency
    version = version_shown(versions=rule.versions.all(), moment=clock.now()) if rule else None
    if version is None and p.currencies([unit.program]) != [own]:
        return False  # The currency has to be chosen.
    values: dict[str, Any] = version.params if version else {"points": 1, "step_minor": 100, "currency": own}
    rate: dict[str, Any] = {name: values[name] for name in ("points", "step_minor", "currency")}
    return p.percent_of(values=values) is not None and bool(money_back(unit=unit, **rate))


def rule_form(*, type: str, codes: list[str], source: Rule | None = None, is_share: bool = False) -> type[RuleFormBase]:
    """
    Return the form for rules of one type (an unknown one has no fields); `codes` are currencies to choose from, and a
    new rule is a copy of `source`. What one that `is_share` gives is typed as a percentage.
    """
    params = p.params_of(code=type, kind=earning_rules.get(type), codes=codes) if type in earning_rules else []
    if is_share:
        params = p.as_share(params)
    others = {
        code: p.params_of(code=code, kind=kind, codes=codes, optional=True)
        for code, kind in conditions.items()
        if code not in OWN
    }
    fields: dict[str, Any] = {"p_" + param.name: param.field for param in params}
    fields["minimum"] = p.money_field(
        codes=codes,
        label=pgettext("loyalty", "Orders of at least"),
        required=False,
        help_text=pgettext("loyalty", "Money paid for goods. Empty: every order."),
    )
    fields["minimum_currency"] = p.currency_field(codes, label=pgettext("loyalty", "Currency"), required=False)
    for code, found in others.items():
        name = code.replace("-", " ").capitalize()
        fields[f"use_{code}"] = forms.BooleanField(label=name, required=False)
        fields.update({f"c_{code}_{param.name}": param.field for param in found})
    if picker := product_pickers.first():
        for place, text in PLACES.items():
            for kind, field in picker.fields().items():
                field.label = text % {"what": field.label}
                fields[f"{place}_{kind}"] = field
    about = {
        "type": type,
        "params": params,
        "others": others,
        "source": source,
        "is_share": is_share,
        "__module__": __name__,
    }
    form: Any = forms.models.ModelFormMetaclass("RuleForm", (RuleFormBase,), {**fields, **about})
    return form
