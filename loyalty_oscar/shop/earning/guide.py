"""The rules in force in plain words, with an example: the heart of the page "how it works"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_oscar.earning.sentences import sentence, set_names
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.models import Unit

from ..orders.product_sets import ties
from .quotes import Quoter

#: What the example costs (minor units): two things of a shop of any kind.
EXAMPLE = (4250, 1990)


@contributions.register("how-it-works:parts", "earning", order=10)
def how_it_works(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the rules of a unit that count now, and those that come, each as a sentence, and an example basket."""
    telling = Quoter(unit=subject, at=clock.now())
    if not telling.rules:
        return None
    names = set_names()
    program = subject.program
    today = telling.at.astimezone(ZoneInfo(program.time_zone)).date().isoformat()
    now = [rule for rule in telling.rules if rule.counts_on(day=today)]
    coming = [rule for rule in telling.rules if (first := rule.days()[0]) > today and rule.counts_on(day=first)]
    example = telling.decide(
        Purchase(
            currency=program.currency,
            placed_at=telling.at,
            known_sets=frozenset(ties()),
            lines=tuple(
                LineFacts(line_id=number, quantity=1, paid_minor=minor, paid_excl_minor=minor)
                for number, minor in enumerate(EXAMPLE, start=1)
            ),
        )
    )
    return "loyalty/widgets/rules.html", {
        "unit": subject,
        "rules": [sentence(rule=rule, unit=subject, names=names) for rule in now],
        "coming": [sentence(rule=rule, unit=subject, names=names) for rule in coming],
        "excluded": names.get(telling.terms.excluded_set or "", ""),
        "example": [money.in_words(minor=minor, currency=program.currency) for minor in EXAMPLE],
        "rows": why_rows(because=example.because.to_json(), unit=subject) if example.points else [],
        "points": words.points(unit=subject, points=example.points),
    }
