"""Numbers that people type: what is none, and what is more than can be stored, is said in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import pgettext_lazy

TOO_MUCH = pgettext_lazy("loyalty", "That is more than can be stored.")


class NumbersInWords:
    """An admin page or an inline: of more than a column holds it says so, where Django tells the largest number."""

    formfield_overrides: ClassVar[Any] = {models.IntegerField: {"error_messages": {"max_value": TOO_MUCH}}}


class NumberField(forms.DecimalField):
    """
    A number with decimals. What Python takes for one beside numbers (NaN, infinity) is refused before anything is
    compared with it: a signaling NaN equals nothing and raises.
    """

    def to_python(self, value: Any) -> Any:
        number: Decimal | None = super().to_python(value)
        if number is not None and not number.is_finite():
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return number
