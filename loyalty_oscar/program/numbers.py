"""Numbers that people type: what is none, and what is more than can be stored, is said in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import pgettext_lazy

TOO_MUCH = pgettext_lazy("loyalty", "That is more than can be stored.")
#: A limit from which on its digits say nothing to anybody.
LONG = 10**9


def _up_to(most: int) -> dict[str, Any]:
    # A message of its own: a limit that the model sets tells its own number.
    return {"validators": [MaxValueValidator(most, message=TOO_MUCH)]}


class NumbersInWords:
    """
    An admin page or an inline: what is more than a column holds is refused at its field, before the form reckons with
    it, and in words. Django refuses it afterwards, and tells the largest number of the column.
    """

    formfield_overrides: ClassVar[Any] = {
        # Django's admin has no entry of its own for it, and takes the next.
        models.SmallIntegerField: {"widget": AdminIntegerFieldWidget, **_up_to(2**15 - 1)},
        models.IntegerField: _up_to(2**31 - 1),
        # The field of its form has that limit already.
        models.BigIntegerField: {"error_messages": {"max_value": TOO_MUCH}},
    }


class NumberField(forms.DecimalField):
    """
    A number with decimals. What Python takes for one beside numbers (NaN, infinity) is refused before anything is
    compared with it: a signaling NaN equals nothing and raises.
    """

    def __init__(self, *, max_value: Any = None, **options: Any) -> None:
        super().__init__(max_value=max_value, **options)
        if max_value is not None and max_value >= LONG:
            self.error_messages["max_value"] = TOO_MUCH

    def to_python(self, value: Any) -> Any:
        number: Decimal | None = super().to_python(value)
        if number is not None and not number.is_finite():
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return number
