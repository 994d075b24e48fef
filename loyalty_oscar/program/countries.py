"""Countries, for who chooses some in a form: of those that the shop knows, or as codes (ISO 3166, two letters)."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from babel.core import get_global
from django import forms
from django.utils.translation import pgettext

from .hooks import shop_countries


@lru_cache(maxsize=1)
def _on_the_map() -> frozenset[str]:
    """Return the codes of countries, by the time zones that each has: no unions, none of before, not the world."""
    return frozenset(get_global("zone_territories").values()) - {"001", "ZZ"}


class TypedCountries(forms.CharField):
    """Countries typed as codes ("DE, AT"); cleans to a list of them."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        codes = list(dict.fromkeys(re.split(r"[\s,;]+", super().clean(value).upper().strip(" ,;"))))
        if codes == [""]:
            return []
        if unknown := [code for code in codes if code not in _on_the_map()]:
            text = pgettext("loyalty", "No country has the code %(code)s. Write two letters for each, such as DE, AT.")
            raise forms.ValidationError(text % {"code": unknown[0][:8]})
        return codes

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


def countries_field(*, chosen: Collection[str], label: Any, help_text: Any) -> forms.Field:
    """Return a field to choose countries with, which cleans to a list of codes; `chosen` are those that stand there."""
    known = {code: name for some in shop_countries.answers() for code, name in some}
    if not known:
        return TypedCountries(label=label, help_text=help_text, required=False, max_length=1000)
    # A box each: in a list that is scrolled one click would drop what was chosen before. Those come first.
    names = {code: known.get(code, code) for code in chosen} | known
    return forms.MultipleChoiceField(
        label=label,
        help_text=help_text,
        required=False,
        choices=list(names.items()),
        widget=forms.CheckboxSelectMultiple,
    )
