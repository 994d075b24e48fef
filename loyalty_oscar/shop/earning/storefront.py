"""The pieces of the customer's pages that speak of earning: product, basket, thank-you, rules in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.earning.decision import Decision
from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.queries import award_of_order, awards_of
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.worth import worth

from ..orders.buyers import visitor_has_bought
from ..pricing.labels import told_of
from ..storefront.newcomers import Step, first_steps
from ..storefront.promised import in_all, parts_coming
from ..storefront.reasons import Quoted, order_quotes, order_reasons
from ..storefront.visit import Visit, takes_part
from . import quotes

Piece = tuple[str, Mapping[str, Any]]
RECENT_AWARDS = 100


def teller(request: Any) -> quotes.Quoter | None:
    """Return who tells what would be earned in this shop now, once a visit, or None while nothing is earned."""
    visit = request.loyalty
    if not visit.is_earning:
        return None
    return visit.once(key="teller", load=lambda: quotes.Quoter(unit=visit.unit, at=clock.now(), visit=visit))


@contributions.register("product:earns", "earning")
def product(*, subject: Any, request: Any) -> Piece | None:
    """Return the earn line of a product."""
    telling = teller(request)
    quote = telling and quotes.of_product(product=subject, strategy=request.strategy, teller=telling)
    if not quote:
        return None
    unit, least, most = telling.unit, quote.least.points, quote.most.points
    if quote.is_range:
        points = pgettext("loyalty", "%(least)s to %(most)s") % {
            "least": words.short(unit=unit, points=least),
            "most": words.points(unit=unit, points=most),
        }
        note = pgettext("loyalty", "It depends on which one you choose.")
    else:
        points, note = words.points(unit=unit, points=least), ready_note(unit, quote.least)
    rows = [] if quote.is_range else why_rows(because=quote.least.because.to_json(), unit=unit)
    return "loyalty/widgets/earn_product.html", {
        **asked(unit, quote.least, rows, note),
        "text": pgettext("loyalty", "Earn %(points)s") % {"points": points},
        "worth": "" if quote.is_range else worth(unit=unit, points=least),
        "parts": quotes.of_a_first_order(unit=unit, points=quote.of_first_order),
        "joins": needs_to_join(request),
    }


@contributions.register("product:card-earns", "earning")
def card(*, subject: Any, request: Any) -> Piece | None:
    """
    Return what a product brings, for its card in a list; nothing of one with variants, of which a list shows one price.

    At most a query for each product set of a rule, for the whole list and once a minute.
    """
    visit = request.loyalty
    telling = teller(request)
    if telling is None or subject.is_parent:
        return None
    visit.once(key="sets of cards", load=lambda: telling.know_sets(products=visit.prices.beside()))
    decision = quotes.of_piece(product=subject, info=told_of(product=subject, request=request), teller=telling)
    if decision is None or not decision.points:
        return None
    points = words.points(unit=telling.unit, points=decision.points)
    text = pgettext("loyalty", "Earn %(points)s") % {"points": points}
    return "loyalty/widgets/earn_card.html", {"value": decision.points, "text": text}


@contributions.register("basket:earns", "earning")
def basket(*, subject: Any, request: Any) -> Piece | None:
    """Return the earn line of a basket."""
    telling = teller(request)
    if telling is None or subject is None or subject.is_empty:
        return None
    quote = quotes.of_basket(basket=subject, request=request, teller=telling)
    unit, decision = telling.unit, quote.decision
    points = words.points(unit=unit, points=decision.points)
    text = pgettext("loyalty", "You get %(points)s for this basket") % {"points": points}
    if not request.user.is_authenticated:
        text = pgettext("loyalty", "With an account you get %(points)s for this basket") % {"points": points}
    if not decision.points:
        text = none_because(unit, decision.because.to_json())
    rows = why_rows(because=decision.because.to_json(), unit=unit) if decision.points else []
    note = ready_note(unit, decision) if decision.points else ""
    return "loyalty/widgets/earn_basket.html", {
        **asked(unit, decision, rows, note),
        **in_all(unit=unit, points=decision.points, parts=quote.parts),
        "text": text,
        "make_up": to_make_up(request.loyalty),
        "joins": needs_to_join(request),
    }


def none_because(unit: Unit, because: Mapping[str, Any]) -> str:
    """Return in a sentence or two why a basket or an order brings nothing."""
    none = words.points(unit=unit, points=0)
    if because.get("c") == "nothing_paid":
        return pgettext("loyalty", "You pay no money for goods, so this brings %(points)s.") % {"points": none}
    return pgettext("loyalty", "This brings %(points)s. %(why)s.") % {
        "points": none,
        "why": words.why(because).rstrip("."),
    }


def to_make_up(visit: Visit) -> str:
    """Return what comes first where points are to be made up, or nothing."""
    if visit.account is None or not visit.account.debt:
        return ""
    text = pgettext("loyalty", "First, %(points)s will make up what is missing in your account.")
    return text % {"points": words.points(unit=visit.account.unit, points=visit.account.debt)}


@contributions.register("thank-you:earned", "earning")
def thank_you(*, subject: Any, request: Any) -> Piece | None:
    """Return what a member's order brought: from its award, or quoted where a queue has yet to count it."""
    unit = request.loyalty.unit
    if subject is None or subject.user_id is None:
        return None
    award = award_of_order(order_id=subject.pk)
    if award is not None:
        account = request.loyalty.account
        if account is None or account.pk != award.account_id:
            return None  # Of somebody else, who placed it, or in another program.
        because, points, quote = award.because, award.given, None
    else:
        quote = quotes.of_order(order=subject, visit=request.loyalty, at=clock.now())
        if not quote:
            return None
        because, points = quote.decision.because.to_json(), quote.points
    joins = award is None and needs_to_join(request)
    parts = quotes.parts_of_order(order=subject, quote=quote, visit=request.loyalty, at=clock.now())
    return "loyalty/widgets/thank_you.html", {
        **in_all(unit=unit, points=points, parts=[] if joins else parts),
        "none": "" if points else none_because(unit, because),
        "make_up": to_make_up(request.loyalty),
        "unit": unit,
        "value": points,
        "points": words.points(unit=unit, points=points),
        "worth": worth(unit=unit, points=points),
        "when": ready_sentence(unit, award, award.hold_days if award else quote.hold_days),
        "rows": why_rows(because=because, unit=unit) if points else [],
        "ask": pgettext("loyalty", "Why %(number)s?") % {"number": words.short(unit=unit, points=points)},
        "joins": joins,
    }


@contributions.register("account:empty", "earning")
def first_order(*, subject: Unit, request: Any) -> Piece | None:
    """Return what a first order brings here, about."""
    parts = parts_coming(purchase=None, visit=request.loyalty, at=clock.now())
    return "loyalty/widgets/first_order.html", {"unit": subject, "about": about(unit=subject), "parts": parts}


def about(*, unit: Unit) -> str:
    """Return what an order brings, about: the average of the last hundred, to the nearest five; "" for none yet."""
    recent = Award.objects.filter(unit=unit, points__gt=0).order_by("-pk").values_list("points", flat=True)
    points = list(recent[:RECENT_AWARDS])
    mean = sum(points) // len(points) if points else 0
    mean = mean // 5 * 5 if mean >= 20 else mean
    return words.points(unit=unit, points=mean) if mean else ""


@first_steps.register("earning", order=30)
def first_order_step(*, request: Any, unit: Unit) -> Step:
    """Return that a first order is what starts it all; what it brought stands in the account once it is placed."""
    is_done = visitor_has_bought(visit=request.loyalty)
    brings = "" if is_done else about(unit=unit)
    text = pgettext("loyalty", "Place your first order.")
    if is_done:
        text = pgettext("loyalty", "Your first order is placed")
    elif brings:
        text = pgettext("loyalty", "Your first order brings about %(points)s") % {"points": brings}
    return Step(
        text=text,
        button=pgettext("loyalty", "Find something nice"),
        url=reverse("catalogue:index"),
        is_done=is_done,
    )


@order_reasons.register("earning")
def whys(*, order_ids: Sequence[int], unit: Unit) -> dict[int, Any]:
    """Return the rows of the why, the points and the day of each of these orders. Two queries."""
    awards = awards_of(source_kind="order", source_ids=order_ids)
    return {
        order_id: {
            "rows": why_rows(because=award.because, unit=unit),
            "points": award.points,
            "placed_at": award.placed_at,
            "hold_days": award.hold_days,
        }
        for order_id, award in awards.items()
        if award.unit_id == unit.pk
    }


@order_quotes.register("earning")
def order_quote(*, order: Any, request: Any) -> Quoted | None:
    """Return what an order will bring that has no award yet."""
    at = clock.now()
    quote = quotes.of_order(order=order, visit=request.loyalty, at=at)
    if quote is None:
        return None
    parts = parts_coming(purchase=quote.purchase, visit=request.loyalty, at=at)
    return Quoted(points=quote.points, hold_days=quote.hold_days, parts=parts)


def asked(unit: Unit, decision: Decision, rows: list[Any], note: str) -> dict[str, Any]:
    """Return what every earn line carries."""
    number = words.short(unit=unit, points=decision.points)
    return {
        "unit": unit,
        "value": decision.points,
        "worth": worth(unit=unit, points=decision.points) if decision.points else "",
        "ask": pgettext("loyalty", "Why %(number)s?") % {"number": number},
        "rows": rows,
        "note": note,
    }


def needs_to_join(request: Any) -> bool:
    """Return whether this visitor would have to join first: strangers and non-members where people join by choice."""
    program = request.loyalty.unit.program
    return program.enrolment == program.Enrolment.OPT_IN and not takes_part(visit=request.loyalty)


def ready_note(unit: Unit, decision: Decision) -> str:
    """Return when points of an order placed now are ready, and whether delivery counts."""
    days = unit.program.hold_days
    if decision.counts_delivery:
        if not days:
            return pgettext("loyalty", "On the way as soon as you order, ready on delivery. Delivery counts, too.")
        text = npgettext(
            "loyalty",
            "On the way as soon as you order, ready %(days)d day after delivery. Delivery counts, too.",
            "On the way as soon as you order, ready %(days)d days after delivery. Delivery counts, too.",
            days,
        )
        return text % {"days": days}
    if not days:
        return pgettext("loyalty", "On the way as soon as you order, ready on delivery. Delivery itself brings none.")
    text = npgettext(
        "loyalty",
        "On the way as soon as you order, ready %(days)d day after delivery. Delivery itself brings none.",
        "On the way as soon as you order, ready %(days)d days after delivery. Delivery itself brings none.",
        days,
    )
    return text % {"days": days}


def ready_sentence(unit: Unit, award: Award | None, days: int) -> str:
    """Return when the points of an order are ready, so many days after delivery; with the day where it is known."""
    if award and award.available_at:
        if award.available_at <= clock.now():
            return pgettext("loyalty", "Ready now.")
        day = words.day(award.available_at, zone=unit.program.time_zone)
        return pgettext("loyalty", "Ready on %(day)s, when the return period is over.") % {"day": day}
    if not days:
        return pgettext("loyalty", "Ready on delivery.")
    text = npgettext(
        "loyalty",
        "Ready %(days)d day after delivery, when the return period is over.",
        "Ready %(days)d days after delivery, when the return period is over.",
        days,
    )
    return text % {"days": days}
