"""The rules in force in plain words, with an example: the heart of the page "how it works"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.translation import pgettext

from loyalty_oscar.earning.decision import counts_delivery
from loyalty_oscar.earning.queries import book_of
from loyalty_oscar.earning.rules import RuleInForce
from loyalty_oscar.earning.sentences import sentence
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.queries import set_names

from ..orders.product_sets import ties
from .quotes import Quoter

#: What the example costs (minor units): two things of a shop of any kind.
EXAMPLE = (4250, 1990)


@contributions.register("how-it-works:parts", "earning", order=10)
def how_it_works(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the rules of a unit that count now, and those that come, each as a sentence, and an example basket."""
    telling = Quoter(unit=subject, at=clock.now())
    planned = book_of(unit=subject).coming(unit_id=subject.pk, moment=telling.at)
    if not telling.rules and not planned:
        return None
    names = set_names()
    program = subject.program
    today = periods.local_day(at=telling.at, zone=program.time_zone).isoformat()
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
    left = left_in_words(rules=now, unit=subject)
    return "loyalty/widgets/rules.html", {
        "unit": subject,
        "rules": [(sentence(rule=rule, unit=subject, names=names), left.get(rule.rule_id, "")) for rule in now],
        "coming": [
            *(sentence(rule=rule, unit=subject, names=names) for rule in coming),
            *(_from_then(begins, sentence(rule=rule, unit=subject, names=names), subject) for begins, rule in planned),
        ],
        "delivery": any(counts_delivery(rule) for rule in (*now, *coming, *(rule for _begins, rule in planned))),
        "excluded": names.get(telling.terms.excluded_set or "", ""),
        "example": [money.in_words(minor=minor, currency=program.currency) for minor in EXAMPLE],
        "rows": why_rows(because=example.because.to_json(), unit=subject) if example.points else [],
        "points": words.points(unit=subject, points=example.points),
    }


def _from_then(begins: datetime, said: str, unit: Unit) -> str:
    day = words.day(begins, zone=unit.program.time_zone)
    return format_html(pgettext("loyalty", "From {day}: {rule}"), day=day, rule=said)


def left_in_words(*, rules: Sequence[RuleInForce], unit: Unit) -> dict[int, str]:
    """Return of each rule with a budget how much of it is left, in a sentence, by its id."""
    found = {}
    for rule in rules:
        left = rule.room.of_budget if rule.room else None
        if left:
            points = words.points(unit=unit, points=left)
            found[rule.rule_id] = pgettext("loyalty", "Still to be given: %(points)s.") % {"points": points}
        elif left is not None:
            found[rule.rule_id] = pgettext("loyalty", "All of it has been given.")
    return found
