"""The form that adds the ready campaigns: to which program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.models import Unit


class ReadyForm(forms.Form):
    """Asks for the program where there are several."""

    program = forms.TypedChoiceField(label=pgettext_lazy("loyalty", "Program"), coerce=int)

    def __init__(self, *args: Any, units: Sequence[Unit], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.units = {unit.program_id: unit for unit in units}
        program: Any = self.fields["program"]
        program.choices = [(pk, unit.program.name) for pk, unit in self.units.items()]

    @property
    def unit(self) -> Unit:
        """What the program that was chosen counts."""
        return self.units[self.cleaned_data["program"]]
