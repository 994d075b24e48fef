"""The rules in force in plain words, with an example: the heart of the page "how it works"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.earning.rules import Dates, InProductSet, MinimumSpend, RuleInForce
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.program import clock, money, words
from loyalty_oscar.program.models import ProductSet, Unit
from loyalty_oscar.program.queries import remembered
from loyalty_oscar.program.registries import panels

from .quotes import Teller

#: What the example costs (minor units): two things of a shop of any kind.
EXAMPLE = (4250, 1990)


@panels.register("how-it-works:earning")
def how_it_works(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the rules of a unit that are in force now, each as a sentence, and an example basket."""
    telling = Teller(unit=subject, at=clock.now())
    if not telling.rules:
        return None
    names = set_names()
    program = subject.program
    example = telling.decide(
        Purchase(
            currency=program.currency,
            placed_at=telling.at,
            lines=tuple(
                LineFacts(line_id=number, quantity=1, paid_minor=minor, paid_excl_minor=minor)
                for number, minor in enumerate(EXAMPLE, start=1)
            ),
        )
    )
    return "loyalty/widgets/rules.html", {
        "unit": subject,
        "rules": [sentence(rule=rule, unit=subject, names=names) for rule in telling.rules],
        "excluded": names.get(telling.terms.excluded_set or "", ""),
        "example": [money.in_words(minor=minor, currency=program.currency) for minor in EXAMPLE],
        "rows": why_rows(because=example.because.to_json(), unit=subject) if example.points else [],
        "points": words.points(unit=subject, points=example.points),
    }


def set_names() -> dict[str, str]:
    """Return the names of all product sets by code (remembered for a minute)."""
    return remembered(key="set-names", load=lambda: dict(ProductSet.objects.values_list("code", "name")))


def sentence(*, rule: RuleInForce, unit: Unit, names: Mapping[str, str]) -> str:
    """Return what one rule says: "Double paws on Dog beds: 100 % more · only on Dog beds · until 31 May 2026"."""
    because = rule.rule.because()
    known = {**because.params, "rule": rule.name, "unit": unit}
    says = words.reasons.get(because.code)(known) if because.code in words.reasons else rule.name
    if rule.rule.stage == "bonus":
        says = f"{rule.name}: {words.points(unit=unit, points=rule.rule.points, signed=True)}"
    limits = [limit(condition, unit.program.time_zone, names) for condition in rule.conditions]
    return " · ".join([says, *filter(None, limits)])


def limit(condition: Any, zone: str, names: Mapping[str, str]) -> str:
    """Return where a rule stops, in words; conditions of a store's own speak through their rule's name."""
    match condition:
        case MinimumSpend(currency=currency, minimum_minor=minor):
            amount = money.in_words(minor=minor, currency=currency)
            return pgettext("loyalty", "for orders from %(amount)s") % {"amount": amount}
        case InProductSet(sets=sets, outside=outside):
            listed = ", ".join(names.get(code, code) for code in sets)
            text = pgettext("loyalty", "not on %(products)s") if outside else pgettext("loyalty", "on %(products)s")
            return text % {"products": listed}
        case Dates(first=first, last=last):
            return _between(first, last, zone)
    return ""


def _between(first: str, last: str, zone: str) -> str:
    days = {
        "first": first and words.day(date.fromisoformat(first), zone=zone),
        "last": last and words.day(date.fromisoformat(last), zone=zone),
    }
    if not first:
        return pgettext("loyalty", "until %(last)s") % days
    if not last:
        return pgettext("loyalty", "from %(first)s") % days
    return pgettext("loyalty", "from %(first)s to %(last)s") % days
