"""The limits of using points, read back as one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.words import number, unit_name
from loyalty_oscar.program.words import points as in_words

from .models import UseTerms


def sentence(*, terms: UseTerms, unit: Unit) -> str:
    """
    Return "Members can use 100 paws or more, in steps of 100, for up to 50 % of the goods; not with a voucher.".

    Reads the least orders and the product sets of saved terms.
    """
    if not terms.is_on:
        return pgettext("loyalty", "Nobody can use points: that is switched off.")
    return "; ".join([", ".join(_how_many(terms, unit)), *_not(terms)]) + "."


def _how_many(terms: UseTerms, unit: Unit) -> Iterator[str]:
    if terms.minimum > 1:
        text = pgettext("loyalty", "Members can use %(points)s or more")
        yield text % {"points": in_words(unit=unit, points=terms.minimum)}
    else:
        text = pgettext("loyalty", "Members can use any number of %(points)s")
        yield text % {"points": unit_name(unit=unit, points=2)}
    if terms.step > 1:
        yield pgettext("loyalty", "in steps of %(step)s") % {"step": number(unit=unit, points=terms.step)}
    if terms.per_day:
        yield pgettext("loyalty", "at most %(points)s a day") % {"points": in_words(unit=unit, points=terms.per_day)}
    if terms.share < 100:
        yield pgettext("loyalty", "for up to %(share)s %% of the goods") % {"share": money.number(terms.share)}
    else:
        yield pgettext("loyalty", "for all of the goods")
    rows = terms.least_orders.order_by("currency") if terms.pk else ()
    if amounts := [money.in_words(minor=row.minor, currency=row.currency) for row in rows]:
        text = pgettext("loyalty", "when these cost %(amounts)s or more")
        yield text % {"amounts": pgettext("loyalty", " or ").join(amounts)}


def _not(terms: UseTerms) -> Iterator[str]:
    if terms.not_with_vouchers:
        yield pgettext("loyalty", "not together with a voucher")
    if terms.not_on_discounted:
        yield pgettext("loyalty", "not on products that are reduced already")
    if terms.not_on_exclusive:
        yield pgettext("loyalty", "not on products that an exclusive offer applies to")
    names = terms.excluded_sets.order_by("name").values_list("name", flat=True) if terms.pk else ()
    if names:
        yield pgettext("loyalty", "not on %(names)s") % {"names": ", ".join(names)}
