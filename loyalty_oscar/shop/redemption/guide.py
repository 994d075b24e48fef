"""What points pay for, in plain words: a part of the page "how it works"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import contributions, money, words
from loyalty_oscar.program.models import ProductSet, Unit
from loyalty_oscar.program.queries import remembered, versions
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.redemption.queries import terms_of
from loyalty_oscar.redemption.words import sentence


@contributions.register("how-it-works:parts", "redemption", order=15)
def how_to_use(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what points pay for now, and what not; each limit as a sentence."""
    terms = terms_of(program_id=subject.program_id)
    if terms is None or not request.loyalty.is_spending:
        return None
    title = pgettext("loyalty", "Using what you have")
    return "loyalty/widgets/guide.html", {"id": "using", "title": title, "lines": list(_lines(terms, subject))}


def _lines(terms: UseTerms, unit: Unit) -> Iterator[str]:
    called = words.title(unit=unit)
    if terms.share < 100:
        text = pgettext("loyalty", "%(unit)s can pay for up to %(share)s %% of the goods, never for delivery.")
        yield text % {"unit": called, "share": money.number(terms.share)}
    else:
        yield pgettext("loyalty", "%(unit)s can pay for goods, never for delivery.") % {"unit": called}
    yield pgettext("loyalty", "You choose in the basket how much you use.")
    limits = [
        (terms.minimum > 1, Because("at_least_points", points=terms.minimum)),
        (terms.step > 1, Because("in_steps", step=terms.step)),
        (terms.per_day, Because("daily_limit", points=terms.per_day)),
        (terms.not_with_vouchers, Because("not_with_vouchers")),
    ]
    for currency, minor in sorted(terms.known_least.items()):
        limits.append((True, Because("at_least_order", minor=minor, currency=currency)))
    yield from (sentence(because=because, unit=unit) for holds, because in limits if holds)
    if terms.not_on_discounted:
        yield pgettext("loyalty", "Not for products that are reduced already.")
    if terms.not_on_exclusive:
        yield pgettext("loyalty", "Not for products with an exclusive offer.")
    if names := _names(terms):
        yield pgettext("loyalty", "Not for: %(names)s.") % {"names": ", ".join(names)}


def _names(terms: UseTerms) -> list[str]:
    rows = ProductSet.objects.filter(code__in=terms.known_sets).order_by("name").values_list("name", flat=True)
    if not terms.known_sets:
        return []
    return remembered(key=("set-names", terms.known_sets), version=versions(), load=lambda: list(rows))
