"""What earning shows to staff: a rule tried on real orders, what going live would bring, and the why of an order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import npgettext, pgettext
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.previews import Previews
from loyalty_oscar.earning.queries import award_of_order, rule_book, terms_of
from loyalty_oscar.earning.rules import Dates, InProductSet, RuleInForce
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.program import contributions, money, words
from loyalty_oscar.program.clock import now
from loyalty_oscar.program.hooks import state_change_notes
from loyalty_oscar.program.models import Program, State, Unit
from loyalty_oscar.program.queries import begun_units, earns_at, member_of, unit_for_site
from loyalty_oscar.program.worth import worth

from ..dashboard.links import order_url
from ..orders import statuses
from ..orders.facts import gather_orders, placed_of
from ..orders.serving import orders_of

Piece = tuple[str, Mapping[str, Any]]
PREVIEWED = 5
LOOK_BACK = timedelta(days=30)
#: Counting more orders than this would keep somebody waiting; the newest stand for all.
MOST_ORDERS = 2000


def newest_orders(program: Program) -> QuerySet[Any]:
    """Return the orders of registered customers that a program serves, newest first."""
    return orders_of(program=program).filter(user__isnull=False).order_by("-date_placed", "-pk")


def codes_of(rules: Iterable[RuleInForce], unit: Unit) -> frozenset[str]:
    """Return the product sets that rules or the program ask for."""
    named = (c.sets for rule in rules for c in rule.conditions if isinstance(c, InProductSet))
    excluded = terms_of(program=unit.program).excluded_set
    return frozenset(code for codes in named for code in codes) | ({excluded} if excluded else set())


def gathered(ids: Iterable[int], codes: frozenset[str]) -> list[OrderFacts]:
    """Return the facts of orders, newest first."""
    found = gather_orders(order_ids=ids, set_codes=codes, at=now())
    return sorted(found, key=lambda order: order.placed_at, reverse=True)


@contributions.register("admin:rule", "preview")
def preview(*, subject: Any, request: Any) -> Piece | None:
    """Return the newest orders under the rules in force and with this one, its dates left aside."""
    unit, draft = subject.unit, subject.rule
    undated = tuple(c for c in draft.conditions if not isinstance(c, Dates))
    tried = replace(draft, conditions=undated)
    stored = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=now())
    others = [rule for rule in stored if rule.code != draft.code]
    before, after = others if subject.stored else stored, [*others, tried]
    ids = list(newest_orders(unit.program).values_list("pk", flat=True)[:PREVIEWED])
    rows, every = [], [*before, *after]
    previews = Previews(orders=gathered(ids, codes_of(every, unit)), unit=unit, rules=every)
    for order in previews.orders:
        old, new = (previews.decision(order=order, rules=rules).points for rules in (before, after))
        paid = sum(line.paid_minor for line in order.purchase.lines)
        rows.append(
            {
                "number": order.number,
                "day": words.day(order.placed_at, zone=unit.program.time_zone),
                "paid": money.in_words(minor=paid, currency=order.purchase.currency),
                "before": words.points(unit=unit, points=old),
                "after": words.points(unit=unit, points=new),
                "change": new - old,
            }
        )
    change = sum(row["change"] for row in rows)
    return "loyalty/admin/preview.html", {
        "rows": rows,
        "stored": subject.stored,
        "undated": len(undated) < len(draft.conditions),
        "uncounted": draft.is_counted(),
        "change": words.points(unit=unit, points=change, signed=True) if change else "",
        "worth": worth(unit=unit, points=abs(change)),
    }


@state_change_notes.register("orders", order=40)
def last_month(*, program: Program, to: str, at: datetime) -> Iterator[str]:
    """Say how many orders the last 30 days had and what they would have brought under the rules in force."""
    unit = program.unit_or_none
    if unit is None or to not in (State.LIVE, State.PAUSED):
        return
    try:
        rules = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
    except LoyaltyError:
        return
    recent = newest_orders(program).filter(date_placed__gte=at - LOOK_BACK, date_placed__lte=at)
    recent = statuses.standing(orders=recent)
    count, ids = recent.count(), list(recent.values_list("pk", flat=True)[:MOST_ORDERS])
    previews = Previews(orders=gathered(ids, codes_of(rules, unit)), unit=unit, rules=rules)
    points = sum(previews.decision(order=order, rules=rules).points for order in previews.orders)
    if count > len(ids):
        points = points * count // len(ids)
    text = npgettext(
        "loyalty",
        "The %(count)s order of customers in the last 30 days would have brought %(points)s%(worth)s.",
        "The %(count)s orders of customers in the last 30 days would have brought %(points)s%(worth)s.",
        count,
    )
    value = worth(unit=unit, points=points)
    yield text % {
        "count": money.number(count),
        "points": words.points(unit=unit, points=points),
        "worth": pgettext("loyalty", ", worth %(worth)s") % {"worth": value} if value else "",
    }
    if any(rule.is_counted() for rule in rules):
        yield pgettext("loyalty", "How much a rule gives at most over many orders is left aside there.")


@contributions.register("dashboard:order", "earning", order=20)
def order_panel(*, subject: Any, request: Any) -> Piece | None:
    """Return what an order brought and why, or why it brought nothing."""
    award = award_of_order(order_id=subject.pk)
    if award is None:
        why_none = reason_for_none(order=subject)
        return ("loyalty/dashboard/order.html", {"why_none": why_none}) if why_none else None
    return "loyalty/dashboard/order.html", about(award)


def about(award: Award) -> dict[str, Any]:
    """Return what staff read of an award."""
    unit = award.unit
    day = award.available_at and words.day(award.available_at, zone=unit.program.time_zone)
    return {
        "unit": unit,
        "award": award,
        "rows": why_rows(because=award.because, unit=unit),
        "ready": pgettext("loyalty", "ready since %(day)s") % {"day": day}
        if award.available_at and award.available_at <= now()
        else pgettext("loyalty", "ready on %(day)s") % {"day": day}
        if day
        else pgettext("loyalty", "on the way until the order has reached its last status"),
        "taken_back": award.points - award.given,
    }


def reason_for_none(*, order: Any) -> str:
    """Return why an order has no award, or an empty text where no program concerns it."""
    placed = placed_of(order=order)
    now_there = unit_for_site(site_id=order.site_id)
    unit_id = placed.unit_id or (now_there and now_there.pk)
    unit = next((unit for unit in begun_units() if unit.pk == unit_id), None)
    if unit is None:
        return ""
    program = unit.program
    since = program.earns_from and words.day(program.earns_from, zone=program.time_zone)
    if statuses.is_dead(status=order.status):
        return pgettext("loyalty", "None: the order came to nothing.")
    if program.earns_from is None or placed.placed_at < program.earns_from:
        return pgettext("loyalty", "None: it was placed before the program went live (%(day)s).") % {"day": since}
    if not earns_at(phases=program.known_phases, at=placed.placed_at):
        return pgettext("loyalty", "None: no orders earned when it was placed.")
    user_id = placed.user_id or order.user_id
    if user_id is None:
        return pgettext("loyalty", "Nothing so far: a guest placed it. It counts once the guest keeps it.")
    if program.enrolment == Program.Enrolment.OPT_IN:
        member = member_of(program_id=program.pk, user_id=user_id)
        if member is None or member.joined_at > placed.placed_at:
            return pgettext("loyalty", "None: the customer had not joined the program when it was placed.")
    return pgettext("loyalty", "Not counted yet. It is counted within minutes.")


@contributions.register("admin:member", "orders", order=10)
def member_orders(*, subject: Any, request: Any) -> Piece | None:
    """Return the newest orders of a member with what each brought and why."""
    awards = list(
        Award.objects.filter(account__member=subject).select_related("unit__program").order_by("-placed_at")[:20]
    )
    numbers = get_model("order", "Order").objects.in_bulk([a.source_id for a in awards if a.source_kind == "order"])
    rows = [{**about(award), "order": numbers.get(award.source_id)} for award in awards]
    for row in rows:
        row["url"] = order_url(row["order"]) if row["order"] else ""
    return ("loyalty/admin/orders.html", {"rows": rows}) if rows else None
