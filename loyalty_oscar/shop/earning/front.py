"""What earning says on the front page of loyalty: its rules with their dates, and how much the shop gives back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Sum
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.earning.allowances import unspent
from loyalty_oscar.earning.clashes import in_sentences, meetings
from loyalty_oscar.earning.give_back import SHARES, share_back
from loyalty_oscar.earning.models import Award, AwardLine, Rule
from loyalty_oscar.earning.queries import book_of, versions_from
from loyalty_oscar.earning.rules import AtMost, Dates, RuleInForce
from loyalty_oscar.earning.sentences import ends_in_words
from loyalty_oscar.kernel import periods
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program import clock, contributions, money
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.queries import worth_of

from ..front.planned import Planned, planned_lists

LOOKED_BACK = timedelta(days=30)


@planned_lists.register("earning", order=10)
def rules(*, program: Program, at: datetime) -> Iterator[Planned]:
    """
    Yield the rules that are switched on, from the day of their version or the first day they name; and what is planned.
    """
    zone = ZoneInfo(program.time_zone)
    for rule in Rule.objects.filter(program=program).prefetch_related("versions").order_by("code"):
        for version in versions_from(versions=rule.versions.all(), moment=at):
            if not version.is_on:
                continue
            days = next((one.get("params", {}) for one in version.conditions if one.get("code") == "dates"), {})
            first, last = (_midnight(days.get(name), zone) for name in ("first", "last"))
            starts_at = max(first, version.valid_from) if first else version.valid_from
            ends_at = last + timedelta(days=1) if last else None
            yield Planned(kind=pgettext_lazy("loyalty", "Rule"), row=rule, starts_at=starts_at, ends_at=ends_at)


def _midnight(day: Any, zone: ZoneInfo) -> datetime | None:
    return datetime.fromisoformat(day).replace(tzinfo=zone) if day else None


@contributions.register("front:program", "give-back", order=10)
def give_back(*, subject: Unit, request: Any) -> tuple[str, dict[str, Any]] | None:
    """Return what the rules promise for each purchase, and what the orders of the last 30 days brought."""
    at = clock.now()
    promised, real = promised_rate(unit=subject, at=at), real_rate(unit=subject, at=at)
    if promised is None and real is None:
        return None
    shown = {
        "promised": promised and in_percent(promised),
        "ends": ends_in_words(rules=_always(subject, at), unit=subject) if promised else [],
        "real": real and in_percent(real),
    }
    return "loyalty/front/give_back.html", shown


@contributions.register("front:program", "clashes", order=20)
def meeting(*, subject: Unit, request: Any) -> tuple[str, dict[str, Any]] | None:
    """Return where rules count together, now or in time to come, with what they come to."""
    told = in_sentences(found=meetings(unit=subject, at=clock.now()), unit=subject)
    return ("loyalty/front/clashes.html", {"clashes": told}) if told else None


def promised_rate(*, unit: Unit, at: datetime) -> Fraction | None:
    """
    Return what part of what members spend comes back by the rules for every purchase, until they end; None where nobody
    can say.

    Rules that somebody narrowed to days, products or people count for some purchases only, and are left out.
    """
    return share_back(rules=_always(unit, at), unit=unit, at=at) or None


def _always(unit: Unit, at: datetime) -> list[RuleInForce]:
    """Return the rules that give a share of every purchase of today, be it up to an end."""
    found = book_of(unit=unit).at(unit_id=unit.pk, moment=at)
    today = periods.local_day(at=at, zone=unit.program.time_zone).isoformat()
    shares = [one for one in found if one.rule.stage in SHARES and one.counts_on(day=today)]
    return unspent(rules=[one for one in shares if all(isinstance(each, (AtMost, Dates)) for each in one.conditions)])


def real_rate(*, unit: Unit, at: datetime) -> Fraction | None:
    """
    Return what part of what was paid in the last 30 days, in the program's currency, the orders brought; None without
    such orders.
    """
    currency = unit.program.currency
    worth = worth_of(program_id=unit.program_id).get(currency)
    lately = Award.objects.filter(
        Exists(Receipt.objects.filter(order_id=OuterRef("source_id"), currency=currency)),
        unit=unit, source_kind="order", placed_at__gt=at - LOOKED_BACK, placed_at__lte=at, revoked=False,
    )  # fmt: skip
    paid = AwardLine.objects.filter(award__in=lately).aggregate(paid=Sum("paid_minor", default=0))["paid"]
    if worth is None or not paid:
        return None
    points = lately.aggregate(points=Sum("points", default=0))["points"]
    return Fraction(points * worth.minor, worth.points * paid)


def in_percent(rate: Fraction) -> str:
    """Return a part as a percentage with one decimal, as the visitor reads numbers."""
    number = money.number((Decimal(rate.numerator) * 100 / rate.denominator).quantize(Decimal("0.1")), places=1)
    return pgettext("loyalty", "%(number)s %%") % {"number": number}
