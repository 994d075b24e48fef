"""Money at the edges: currency decimals and words for amounts, from CLDR."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, format_decimal, get_currency_precision
from django.conf import settings
from django.utils.translation import get_language, to_locale

from loyalty_oscar.kernel import rounding


def exponent(*, currency: str) -> int:
    """Return how many decimals a currency has (EUR 2, JPY 0)."""
    return get_currency_precision(currency)


def to_minor(*, amount: Decimal, currency: str) -> int:
    """Return money as minor units of its currency."""
    return rounding.to_minor(amount=amount, exponent=exponent(currency=currency))


def exact_minor(*, amount: Decimal, currency: str) -> Fraction:
    """Return money in minor units of its currency, not rounded at all."""
    return rounding.exact_minor(amount=amount, exponent=exponent(currency=currency))


def locale() -> Locale:
    """Return Babel's locale for the language in force (English if there is none)."""
    try:
        return Locale.parse(to_locale(get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def in_words(*, minor: int, currency: str) -> str:
    """Return minor units as the visitor reads money, in the format that the shop has chosen (OSCAR_CURRENCY_FORMAT)."""
    amount = rounding.to_major(minor=minor, exponent=exponent(currency=currency))
    chosen = getattr(settings, "OSCAR_CURRENCY_FORMAT", None)
    more = chosen.get(currency, {}) if isinstance(chosen, dict) else {"format": chosen}
    return format_currency(amount, currency, **{"locale": locale(), **more})


def number(value: int | Decimal) -> str:
    """Return a number in the visitor's format, with a typographic minus."""
    return format_decimal(value, locale=locale()).replace("-", "\N{MINUS SIGN}")
