"""The doors of a sale as they are typed: levels by their names, dates that follow one another."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import clock, money
from loyalty_oscar.program.forms import Rows, offer_program, refuse_over
from loyalty_oscar.program.models import Segment
from loyalty_oscar.program.second_look import meant_field, show_tick

from . import rules
from .faults import sale_consequences
from .levels import level_names
from .models import Door, Sale
from .queries import dates_of


class SaleForm(forms.ModelForm):
    """A sale; what it closes that is on sale now is asked about once more."""

    is_meant = meant_field(label=pgettext_lazy("loyalty", "close what is on sale now"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_program(form=self)

    def clean(self) -> dict[str, Any] | None:
        """Let the doors below, which know when the sale opens, ask with the tick that stands here."""
        self.instance.typed_in = self
        found = super().clean() or self.cleaned_data
        refuse_over(form=self)
        return found


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
        is_meant = sale.typed_in.cleaned_data.get("is_meant")
        if sale.is_on and sale.product_set_id and not any(self.errors) and not is_meant:
            self._look_twice([form.cleaned_data for form in left])

    def _look_twice(self, doors: list[dict[str, Any]]) -> None:
        """Say what would close for whom, and ask whether that is meant."""
        dates = dates_of(sale=self.instance, doors=tuple(_as_typed(door) for door in doors))
        answers = sale_consequences.answers(sale=self.instance, dates=dates, at=clock.now())
        told = [text for said in answers for text in said]
        if told:
            above = self.instance.typed_in
            show_tick(form=above)
            more = pgettext("loyalty", "If that is meant, tick “%(field)s” above.")
            raise ValidationError([*told, more % {"field": above.fields["is_meant"].label}])


def _as_typed(door: dict[str, Any]) -> rules.DoorTerms:
    segment = door.get("segment")
    return rules.DoorTerms(
        seen_from=door["seen_from"],
        buys_from=door["buys_from"],
        rank=door["rank"],
        segment_id=segment.pk if segment else None,
    )


def _too_late(buys_from: Any, sale: Sale) -> str:
    if buys_from and sale.public_from and buys_from > sale.public_from:
        return pgettext("loyalty", "By then it is open to everybody: choose that day or an earlier one.")
    if buys_from and sale.ends_at and buys_from >= sale.ends_at:
        return pgettext("loyalty", "By then the sale is over: choose an earlier day.")
    return ""
