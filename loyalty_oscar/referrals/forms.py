"""The forms of bringing a friend: the least first order typed as money, and the reason of a decision."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program import money
from loyalty_oscar.program.forms import (
    MOST_MINOR,
    as_money,
    check_promise,
    chosen,
    in_coins,
    offer_program,
    offer_promise,
)
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.second_look import dearer, look_twice, meant_field, tell_cost

from .models import Scheme

#: The points of the two sides, and the rewards in place of them.
SIDES, REWARDS = ("giver_points", "newcomer_points"), ("giver_reward", "newcomer_reward")


class SchemeForm(forms.ModelForm):
    """What each side gets. A change counts for those who come from now on."""

    least = NumberField(
        label=pgettext_lazy("loyalty", "First order for at least"),
        min_value=Decimal(0),
        max_digits=9,
        decimal_places=2,
        help_text=pgettext_lazy(
            "loyalty",
            "Goods in the program's currency, after discounts. Both rewards are on the way then, and ready once the"
            " return period is over.",
        ),
    )

    is_meant = meant_field()

    class Meta:
        model = Scheme
        fields = ("program", "is_on", *SIDES, *REWARDS, "per_month", "is_approved")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "program" in self.fields:
            asked: Any = self.fields["program"]
            asked.queryset = Program.objects.filter(referral_scheme=None)
            offer_program(form=self)
        program = chosen(form=self, name="program")
        unit = program.unit_or_none if program else None
        for side in ("giver_", "newcomer_"):
            offer_promise(form=self, program=program, prefix=side)
        as_money(form=self, unit=unit, names=SIDES)
        tell_cost(form=self, unit=unit, names=SIDES)
        if program and "least" in self.fields:
            in_coins(form=self, name="least", currency=program.currency)
            places = money.exponent(currency=program.currency)
            self.fields["least"].initial = to_major(minor=self.instance.least_minor, exponent=places)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for side in ("giver_", "newcomer_"):
            check_promise(form=self, prefix=side)
        if all(data.get(name) == 0 for name in SIDES) and not any(data.get(name) for name in REWARDS):
            text = pgettext("loyalty", "Somebody must get something: fill in one side.")
            self.add_error("newcomer_points", text)
        program = data.get("program") or (self.instance.program if self.instance.program_id else None)
        least = data.get("least")
        if program and least is not None:
            minor = money.to_minor(amount=least, currency=program.currency)
            if minor > MOST_MINOR:
                self.add_error("least", pgettext("loyalty", "That is more than can be stored."))
            elif to_major(minor=minor, exponent=money.exponent(currency=program.currency)) != least:
                text = pgettext("loyalty", "%(currency)s has no such fraction. Write a whole amount.")
                self.add_error("least", text % {"currency": program.currency})
            else:
                self.instance.least_minor = minor
        unit = program.unit_or_none if program else None
        look_twice(form=self, questions=dearer(form=self, unit=unit, names=SIDES))
        return data

    def currencies(self, name: str) -> tuple[str, str]:
        """Return the program's currency for the least order."""
        currency = self.instance.program.currency if name == "least" else ""
        return currency, currency


class ReasonForm(ActionForm):
    """The reason that stands beside an action of the list."""

    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"size": 30}),
    )
