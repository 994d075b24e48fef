"""The doors of a sale as they are typed: levels by their names, dates that follow one another."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import money
from loyalty_oscar.program.forms import Rows
from loyalty_oscar.program.models import Segment

from .levels import level_names
from .models import Door, Sale


class DoorForm(forms.ModelForm):
    """Who gets in, and from when."""

    rank = forms.TypedChoiceField(
        label=pgettext_lazy("loyalty", "From level"),
        coerce=int,
        initial=0,  # What a browser sends of an empty row: without, the row would count as filled in.
        help_text=pgettext_lazy("loyalty", "The lowest level that gets in; whoever stands higher gets in too."),
    )

    class Meta:
        model = Door
        fields = ("rank", "segment", "seen_from", "buys_from")

    def know(self, sale: Sale) -> None:
        """Offer the levels and the segments of the sale's program."""
        found = {0: pgettext("loyalty", "every member"), **level_names(program_id=sale.program_id)}
        stored = self.instance.rank
        if stored not in found:
            found[stored] = pgettext("loyalty", "level %(rank)s, which is not there") % {"rank": money.number(stored)}
        rank: Any = self.fields["rank"]
        rank.choices = sorted(found.items())
        if sale.program_id:
            segment: Any = self.fields["segment"]
            segment.queryset = Segment.objects.filter(program_id=sale.program_id)


class DoorFormSet(Rows):
    """All doors of one sale: each opens before the sale is for everybody, and somebody gets in at all."""

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]  # Django has it, its stubs do not.
        form.know(self.instance)
        return form

    @property
    def empty_form(self) -> Any:
        form: Any = super().empty_form
        form.know(self.instance)
        return form

    def clean(self) -> None:
        """Say at its field which door opens too late, and above them where nobody would ever get in."""
        super().clean()
        sale, filled = self.instance, [form for form in self.forms if getattr(form, "cleaned_data", None)]
        left = [form for form in filled if not form.cleaned_data.get("DELETE")]
        for form in left:
            if wrong := _too_late(form.cleaned_data.get("buys_from"), sale):
                form.add_error("buys_from", wrong)
        if sale.is_on and not left and sale.public_from is None and not any(self.errors):
            raise ValidationError(
                pgettext("loyalty", "Nobody would ever get in: name somebody here, or open it to everybody one day.")
            )


def _too_late(buys_from: Any, sale: Sale) -> str:
    if buys_from and sale.public_from and buys_from > sale.public_from:
        return pgettext("loyalty", "By then it is open to everybody: choose that day or an earlier one.")
    if buys_from and sale.ends_at and buys_from >= sale.ends_at:
        return pgettext("loyalty", "By then the sale is over: choose an earlier day.")
    return ""
