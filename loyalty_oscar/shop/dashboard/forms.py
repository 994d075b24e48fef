"""Points by hand: how many, why, and a token that lets a form count once however often it is sent."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.forms import as_money
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.second_look import dear, look_twice, meant_field, tell_cost

#: The list of reasons on the page of goodwill, and what it holds where the shop names none of its own.
REASONS_ID = "loyalty-reasons"
REASONS = (
    pgettext_lazy("loyalty", "The parcel was late"),
    pgettext_lazy("loyalty", "Something arrived damaged"),
    pgettext_lazy("loyalty", "We made a mistake"),
    pgettext_lazy("loyalty", "A thank-you for the patience"),
)


class ByHandForm(forms.Form):
    """Points given or taken by hand."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    points = forms.IntegerField(
        label=pgettext_lazy("loyalty", "How much"),
        min_value=-10_000_000,
        max_value=10_000_000,
        help_text=pgettext_lazy("loyalty", "With a minus to take. Only what is ready can be taken."),
    )
    is_meant = meant_field()
    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=300,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text=pgettext_lazy(
            "loyalty", "Your colleagues read it; members find it only in a download of their data."
        ),
    )

    def __init__(self, *args: Any, unit: Unit | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        as_money(form=self, unit=unit, names=["points"])
        tell_cost(form=self, unit=unit, names=["points"])
        self.unit = unit

    def clean_points(self) -> int:
        points = self.cleaned_data["points"]
        if points == 0:
            raise forms.ValidationError(pgettext_lazy("loyalty", "0 changes nothing."))
        return points

    def clean(self) -> dict[str, Any]:
        """Ask before a number is given or taken that nobody means."""
        data = super().clean() or {}
        look_twice(form=self, questions=dear(unit=self.unit, points=data.get("points")))
        return data


class GoodwillForm(ByHandForm):
    """Goodwill only gives."""

    points = forms.IntegerField(label=pgettext_lazy("loyalty", "How much"), min_value=1, max_value=10_000_000)
    is_told = forms.BooleanField(
        label=pgettext_lazy("loyalty", "Tell the customer by mail"),
        required=False,
        initial=True,
        help_text=pgettext_lazy("loyalty", "The mail says how much it is, and what it is worth."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in ("points", "reason"):
            self.fields[field].widget.attrs["class"] = "form-control"
        self.fields["reason"].widget.attrs["list"] = REASONS_ID

    @property
    def reasons(self) -> list[str]:
        """The reasons that are offered; any other can be typed."""
        return offered_reasons()


def offered_reasons() -> list[str]:
    """Return the reasons that are offered to staff who give something; any other can be typed."""
    return [str(reason) for reason in conf.GOODWILL_REASONS or REASONS]
