"""Money at the edges: currency decimals and words for amounts, from CLDR."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_precision
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, pgettext, to_locale

from loyalty_oscar.kernel import rounding

#: No number of anything; only a form that is refused shows one.
UNSPEAKABLE = 10**20


@lru_cache(maxsize=1)
def _paid_with() -> frozenset[str]:
    """Return the currencies that are or were legal tender somewhere: no metals, no codes for tests or for none."""
    rows = (row for found in get_global("territory_currencies").values() for row in found)
    return frozenset(code for code, _begin, _end, is_tender in rows if is_tender)


def is_currency(*, code: str) -> bool:
    """Return whether people pay with a currency, or did: amounts of before stay what they are."""
    return code in _paid_with()


def check_currency(code: str) -> None:
    """Refuse what nobody pays with; a validator of Django."""
    if not is_currency(code=code):
        text = pgettext("loyalty", "Write a currency that people pay with, as three letters, for example EUR.")
        raise ValidationError(text)


def exponent(*, currency: str) -> int:
    """Return how many decimals a currency has (EUR 2, JPY 0)."""
    return get_currency_precision(currency)


@lru_cache(maxsize=10_000)
def to_minor(*, amount: Decimal, currency: str) -> int:
    """Return money as minor units of its currency."""
    return rounding.to_minor(amount=amount, exponent=exponent(currency=currency))


def exact_minor(*, amount: Decimal, currency: str) -> Fraction:
    """Return money in minor units of its currency, not rounded at all."""
    return rounding.exact_minor(amount=amount, exponent=exponent(currency=currency))


def locale() -> Locale:
    """Return Babel's locale for the language in force (English if there is none)."""
    return _locale(get_language() or "en")


@lru_cache(maxsize=100)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(to_locale(language))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def in_words(*, minor: int, currency: str) -> str:
    """Return minor units as the visitor reads money, in the format that the shop has chosen (OSCAR_CURRENCY_FORMAT)."""
    chosen = getattr(settings, "OSCAR_CURRENCY_FORMAT", None)
    more = chosen.get(currency, {}) if isinstance(chosen, dict) else {"format": chosen}
    return _in_words(minor, currency, get_language(), tuple(more.items()))


@lru_cache(maxsize=10_000)
def _in_words(minor: int, currency: str, _language: str | None, more: tuple[tuple[str, Any], ...]) -> str:
    amount = rounding.to_major(minor=minor, exponent=exponent(currency=currency))
    return format_currency(amount, currency, **{"locale": locale(), **dict(more)})


def listed(*, numbers: Iterable[int]) -> str:
    """Return numbers as a list in the language in force: "60 and 15", "30, 7, and 1"."""
    return format_list([number(one) for one in numbers], locale=locale())


def number(value: int | Decimal, *, places: int | None = None) -> str:
    """Return a number in the visitor's format, with a typographic minus; with exactly so many decimals if told."""
    return _number(value, places, get_language())


@lru_cache(maxsize=10_000, typed=True)
def _number(value: int | Decimal, places: int | None, _language: str | None) -> str:
    pattern = f"#,##0.{'0' * places}" if places else None
    if isinstance(value, int) and abs(value) >= UNSPEAKABLE:
        return str(value)[:20] + "…"  # More digits than the arithmetic of decimals has.
    return format_decimal(value, format=pattern, locale=locale()).replace("-", "\N{MINUS SIGN}")
