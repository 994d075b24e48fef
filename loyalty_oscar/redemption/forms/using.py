"""The form of what points may pay for: limits that fit each other, and amounts typed as money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_POINTS
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import money, words
from loyalty_oscar.program.forms import AmountForm, Rows, SeveralField, as_money, unit_chosen
from loyalty_oscar.program.models import ProductSet, Program
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.queries import count_members
from loyalty_oscar.program.reward_worth import price_minor
from loyalty_oscar.program.second_look import look_twice, meant_field, tell_cost, tick

from ..models import LeastOrder, UseTerms


class UseTermsForm(forms.ModelForm):
    """The limits of one program; each that does not fit is said beside its field."""

    excluded_sets = SeveralField(
        ProductSet.objects.order_by("name"),
        label=pgettext_lazy("loyalty", "Products that are never paid this way"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    is_meant = meant_field()

    class Meta:
        model = UseTerms
        fields = (
            *("program", "is_on", "minimum", "step", "per_day", "share", "excluded_sets"),
            *("not_with_vouchers", "not_on_discounted", "not_on_exclusive"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "program" in self.fields:
            free = Program.objects.filter(use_terms=None)
            asked: Any = self.fields["program"]
            asked.queryset = free
            if free.count() == 1:
                self.fields["program"].initial = free.get()
        self.unit = unit_chosen(form=self)
        as_money(form=self, unit=self.unit, names=["minimum", "step", "per_day"])
        tell_cost(form=self, unit=self.unit, names=["minimum", "per_day"])
        for name in ("minimum", "step", "per_day"):
            if name in self.fields:
                self.fields[name].validators.append(MaxValueValidator(MOST_POINTS))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        minimum, step, per_day = data.get("minimum"), data.get("step"), data.get("per_day")
        if minimum and step and minimum % step:
            text = pgettext("loyalty", "In steps of %(step)s this must be %(less)s or %(more)s.")
            less, more = minimum // step * step, (minimum // step + 1) * step
            if not less:
                text = pgettext("loyalty", "In steps of %(step)s this must be %(more)s or another multiple.")
            said = {"step": step, "less": less, "more": more}
            self.add_error("minimum", text % {name: self._number(points) for name, points in said.items()})
        if per_day and minimum and per_day < minimum:
            text = pgettext(
                "loyalty", "Nobody could use anything: the least at once is %(minimum)s. Write that or more."
            )
            self.add_error("per_day", text % {"minimum": self._number(minimum)})
        asked = self._out_of_reach(minimum)
        if self.initial.get("is_on") and self.instance.pk and data.get("is_on") is False:
            text = npgettext(
                "loyalty",
                "%(count)s member could not use anything any more.",
                "%(count)s members could not use anything any more.",
                count := count_members(program=self.instance.program),
            )
            if count:
                asked.append(tick(text % {"count": money.number(count)}))
        look_twice(form=self, questions=asked)
        return data

    def _out_of_reach(self, minimum: int | None) -> list[str]:
        """Return the question about a least at once that is a lot and that no member has."""
        if self.unit is None or minimum is None or minimum <= (self.initial.get("minimum") or 0):
            return []
        program = self.unit.program
        if (price_minor(program=program, price=minimum) or 0) <= program.much_minor:
            return []
        if Account.objects.filter(unit=self.unit, available__gte=minimum).exists():
            return []
        text = pgettext("loyalty", "Nobody could use anything: no member has %(points)s.")
        return [tick(text % {"points": words.points(unit=self.unit, points=minimum)})]

    def _number(self, points: int) -> str:
        return words.number(unit=self.unit, points=points) if self.unit else money.number(points)


class LeastOrderForm(AmountForm):
    """From which amount of goods on points can be used, in a currency in which they are worth something."""

    amount = NumberField(
        label=pgettext_lazy("loyalty", "Goods for at least"),
        min_value=Decimal("0.01"),
        max_digits=9,
        decimal_places=2,
        help_text=pgettext_lazy("loyalty", "After all other discounts, without delivery."),
    )

    class Meta:
        model = LeastOrder
        fields = ("currency",)


class LeastOrderFormSet(Rows):
    """All least orders of one program."""

    def clean(self) -> None:
        super().clean()
        program = Program.objects.filter(pk=self.instance.program_id).first()
        known = set(program.worths.values_list("currency", flat=True)) if program else None
        for form in self.forms:
            currency = getattr(form, "cleaned_data", {}).get("currency")
            if known is not None and currency and currency not in known and not form.cleaned_data.get("DELETE"):
                text = pgettext(
                    "loyalty", "What members have is worth nothing in %(currency)s yet. Add it to the program."
                )
                form.add_error("currency", text % {"currency": currency})
