"""
What rules may still give: budgets, which all members share, and caps of one member for a day, a month or for ever.

What an order has of them is written on its award (`Award.counted`), so it goes back with the order and comes again by
exactly that much. A budget is a row of its own (`RuleBudget`), changed by conditional updates alone, after accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, FilteredRelation, Q, QuerySet, Subquery

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.desk import lock, lock_many
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit

from .decision import Decision
from .models import Award, RuleBudget
from .queries import RuleBook
from .rules import Room, RuleInForce

#: What a cap of a member says once it is reached, by its period.
REACHED = {"day": "most_of_a_day", "month": "most_of_a_month", "": "most_of_a_member"}
#: No day or month is longer, in any zone.
LONGEST = timedelta(days=33)
Decide = Callable[[Sequence[RuleInForce]], tuple[Decision, list[str]]]


def given_by(
    *, decision: Decision, rules: Iterable[RuleInForce], bonuses: Mapping[str, int] | None = None
) -> dict[int, int]:
    """
    Return the whole points that each counted rule gives in a decision, by the id of the rule.

    `bonuses` says how much of its bonuses counts, by the code of the rule; all of them without.
    """
    ids = {rule.code: rule.rule_id for rule in rules if rule.is_counted()}
    if bonuses is None:
        bonuses = {bonus.rule: bonus.points for bonus in decision.bonuses}
    found = dict(decision.of_rules)
    for code in ids.keys() & bonuses.keys():
        found[ids[code]] = found.get(ids[code], 0) + bonuses[code]
    return found


def decided_and_taken(
    *,
    award: Award,
    rules: Sequence[RuleInForce],
    decide: Decide,
    more: Callable[[Decision], Mapping[int, int]],
    beside: Iterable[Award] = (),
) -> tuple[Decision, list[str]]:
    """
    Return what is decided within what is left of budgets and caps, and take it: from the budgets, and onto the award.

    `more` says how many points each rule gives on top of what the award has of it; `beside` are awards that are not
    written yet. Only a part is left: the order gets the part. Locks the account first. Without a counted rule nothing
    is asked.
    """
    counted = {rule.rule_id: rule for rule in rules if rule.is_counted()}
    if not counted:
        return decide(rules)
    lock(account_id=award.account_id)
    had = {rule_id: award.counted.get(str(rule_id), {}) for rule_id in counted}
    rooms = rooms_of_award(award=award, rules=rules, beside=beside)
    taken: dict[int, int] = dict.fromkeys(counted, 0)
    while True:
        decision, beyond = decide(with_rooms(rules=rules, rooms=rooms))
        wants = {rule_id: points for rule_id, points in more(decision).items() if rule_id in counted}
        short = _take_each(counted, had, wants, taken)
        if short is None:
            break
        left = _left(rule_id=short, most=counted[short].budget() or 0)
        points = had[short].get("points", 0) + taken[short] + left
        rooms[short] = replace(rooms[short], points=points, because=Because("budget_spent"))
    for rule_id, points in wants.items():
        told = {key: max(0, had[rule_id].get(key, 0) + points) for key in ("points", "held")}
        if any(told.values()):
            most = counted[rule_id].budget()
            award.counted[str(rule_id)] = told | ({"most": most} if most is not None else {})
    return decision, beyond


def _take_each(
    counted: Mapping[int, RuleInForce],
    had: Mapping[int, Mapping[str, int]],
    wants: Mapping[int, int],
    taken: dict[int, int],
) -> int | None:
    """Take from the budgets, by key, until this much is taken of each; returns the rule whose budget has it not."""
    for rule_id in sorted(counted):
        most = counted[rule_id].budget()
        wanted = max(wants.get(rule_id, 0), -had[rule_id].get("held", 0))
        if most is None or wanted == taken[rule_id]:
            continue
        if not take(rule_id=rule_id, points=wanted - taken[rule_id], most=most):
            return rule_id
        taken[rule_id] = wanted
    return None


def take(*, rule_id: int, points: int, most: int) -> bool:
    """Take points from a budget of `most`, or give some back (negative); returns whether it had them."""
    budget = RuleBudget.objects.using(write_db()).filter(pk=rule_id)
    if points > 0:
        budget = budget.filter(taken__lte=most - points, most__gte=F("taken") + points)
    return bool(budget.update(taken=F("taken") + points))


def _left(*, rule_id: int, most: int, looks_only: bool = False) -> int:
    """Lock a budget of `most`, unless somebody `looks_only`, and return what it has."""
    budgets = RuleBudget.objects.using(write_db()).filter(pk=rule_id)
    budget = (budgets if looks_only else budgets.select_for_update()).first()
    return budget.left_of(most=most) if budget else 0


def rooms_of_award(*, award: Award, rules: Iterable[RuleInForce], beside: Iterable[Award] = ()) -> dict[int, Room]:
    """Return how many points each counted rule may give the order of an award, what it has already with them."""
    return rooms_of(
        rules=rules,
        account_id=award.account_id,
        placed_at=award.placed_at,
        zone=award.terms["zone"],
        own={int(rule_id): row["points"] for rule_id, row in award.counted.items()},
        but=award.pk,
        beside=beside,
        db=write_db(),
    )


def budgets_of(*, rules: Iterable[RuleInForce]) -> dict[int, tuple[int, int]]:
    """Return how many points are given and how many at most, of each rule with a budget, by its id. A query for all."""
    most = {rule.rule_id: points for rule in rules if (points := rule.budget()) is not None}
    taken = dict(RuleBudget.objects.filter(pk__in=most).values_list("pk", "taken")) if most else {}
    return {rule_id: (taken.get(rule_id, 0), points) for rule_id, points in most.items()}


def unspent(*, rules: Sequence[RuleInForce]) -> list[RuleInForce]:
    """Return the rules whose budget has something left, and those without one. A query where there are budgets."""
    budgets = budgets_of(rules=rules)
    spent = {rule_id for rule_id, (given, most) in budgets.items() if given >= most}
    return [rule for rule in rules if rule.rule_id not in spent]


def shown_within(*, rules: Sequence[RuleInForce], account_id: int | None, at: datetime, zone: str) -> list[RuleInForce]:
    """Return rules with what they may still give an order at a moment, for showing; without an account: anybody's."""
    if not any(rule.is_counted() for rule in rules):
        return list(rules)
    return with_rooms(rules=rules, rooms=rooms_of(rules=rules, account_id=account_id, placed_at=at, zone=zone))


def rooms_of(
    *,
    rules: Iterable[RuleInForce],
    account_id: int | None,
    placed_at: datetime,
    zone: str,
    own: Mapping[int, int] | None = None,
    but: int | None = None,
    beside: Iterable[Award] = (),
    db: str | None = None,
) -> dict[int, Room]:
    """
    Return how many points each counted rule may give an order of an account at a moment, by the id of the rule.

    `own` is what the order has of it already, its award is `but`. One query, where there is a budget, or an account and
    a cap of members.
    """
    counted = {rule.rule_id: rule for rule in rules if rule.is_counted()}
    budgeted = [rule_id for rule_id, rule in counted.items() if rule.budget() is not None]
    periods = {(rule_id, cap.period) for rule_id, rule in counted.items() for cap in rule.caps_of_a_member()}
    if account_id is not None and periods:
        awards, budgets = _of_member(account_id, periods, placed_at, but, budgeted, db)
    else:
        awards, budgets = [], RuleBudget.objects.using(db).in_bulk(budgeted) if budgeted else {}
    awards += [(award.placed_at, award.counted) for award in beside if award.account_id == account_id]
    has = _had(awards, periods, placed_at, zone)
    found = {}
    for rule_id, rule in counted.items():
        mine, most = (own or {}).get(rule_id, 0), rule.budget()
        rooms = [
            Room(
                points=max(mine, cap.points - has[rule_id, cap.period]),
                because=Because(REACHED[cap.period], points=cap.points),
            )
            for cap in rule.caps_of_a_member()
        ]
        left = None
        if most is not None:
            left = budgets[rule_id].left_of(most=most) if rule_id in budgets else 0
            rooms.append(Room(points=mine + left, because=Because("budget_spent")))
        found[rule_id] = replace(min(rooms, key=lambda room: room.points), had=mine, of_budget=left)
    return found


def with_rooms(*, rules: Iterable[RuleInForce], rooms: Mapping[int, Room]) -> list[RuleInForce]:
    """Return rules with what budgets and caps of members leave them."""
    return [replace(rule, room=rooms[rule.rule_id]) if rule.is_counted() else rule for rule in rules]


def _of_member(
    account_id: int,
    periods: Collection[tuple[int, str]],
    placed_at: datetime,
    but: int | None,
    budgeted: Iterable[int],
    db: str | None,
) -> tuple[list[tuple[datetime, dict[str, Any]]], dict[int, RuleBudget]]:
    """Return when a member's orders were placed, with what they have of rules; and budgets, in the same query."""
    wanted = ~Q(awards__counted={})
    if but is not None:
        wanted &= ~Q(awards__pk=but)
    if not any(period == "" for _rule_id, period in periods):
        wanted &= Q(awards__placed_at__range=(placed_at - LONGEST, placed_at + LONGEST))
    budgets = {rule_id: RuleBudget.objects.filter(pk=rule_id) for rule_id in budgeted}
    rows = list(
        Account.objects.using(db)
        .filter(pk=account_id)
        .annotate(theirs=FilteredRelation("awards", condition=wanted))
        .values_list(
            "theirs__placed_at",
            "theirs__counted",
            *(Subquery(found.values(name)) for found in budgets.values() for name in ("most", "taken")),
        )
    )
    numbers = iter(rows[0][2:])
    counts = {rule_id: (next(numbers), next(numbers)) for rule_id in budgets}
    there = {pk: RuleBudget(pk=pk, most=most, taken=taken) for pk, (most, taken) in counts.items() if most is not None}
    return [(placed, counted) for placed, counted, *_numbers in rows if counted], there


def _had(
    awards: Iterable[tuple[datetime, Mapping[str, Any]]],
    periods: Collection[tuple[int, str]],
    placed_at: datetime,
    zone: str,
) -> dict[tuple[int, str], int]:
    """Return what a member's other orders have of rules, by rule and period of the moment."""
    found = dict.fromkeys(periods, 0)
    if not found:
        return found
    now = _periods(placed_at, zone)
    for moment, counted in awards:
        then = _periods(moment, zone)
        for rule_id, period in found:
            if then[period] == now[period]:
                found[rule_id, period] += counted.get(str(rule_id), {}).get("held", 0)
    return found


def _periods(moment: datetime, zone: str) -> dict[str, str]:
    day = local_day(at=moment, zone=zone).isoformat()
    return {"day": day, "month": day[:7], "": ""}


def settle(*, award: Award, target: int, looks_only: bool = False) -> int:
    """
    Let an award hold of budgets and caps what belongs to `target` points of it; returns how many of them no budget has
    any more (an order that stands again, when others took what it gave back).

    The award says so afterwards and is not saved. Locks the account first. `looks_only` changes nothing.
    """
    short = 0
    if award.counted and not looks_only:
        lock(account_id=award.account_id)
    for rule_id in sorted(award.counted, key=int):
        row = dict(award.counted[rule_id])
        wanted = -(-row["points"] * target // award.points) if award.points else 0
        change = wanted - row["held"]
        if looks_only:
            if change > 0 and "most" in row:
                short += max(0, change - _left(rule_id=int(rule_id), most=row["most"], looks_only=True))
            continue
        if change and "most" in row:
            change = _taken(int(rule_id), change, row["most"])
        row |= {"held": row["held"] + change, "short": wanted - row["held"] - change}
        short += row["short"]
        award.counted[rule_id] = {name: number for name, number in row.items() if name != "short" or number}
    return short


def waiting(*, awards: QuerySet[Award]) -> Iterator[Award]:
    """Yield those of some awards that a budget had not all for when they stood again, and now has more for."""
    counted = awards.exclude(counted={}).only("source_id", "counted").iterator()
    short = [award for award in counted if any("short" in row for row in award.counted.values())]
    budgets = RuleBudget.objects.using(write_db()).in_bulk({int(pk) for award in short for pk in award.counted})
    for award in short:
        rows = [(budgets.get(int(pk)), row) for pk, row in award.counted.items() if "short" in row]
        if any(budget and budget.left_of(most=row["most"]) for budget, row in rows):
            yield award


def _taken(rule_id: int, points: int, most: int) -> int:
    """Take points from a budget, or as many of them as it has; returns how many."""
    if take(rule_id=rule_id, points=points, most=most) or points < 0:
        return points
    some = min(points, _left(rule_id=rule_id, most=most))
    return some if some and take(rule_id=rule_id, points=some, most=most) else 0


def hold_still(*, awards: Iterable[Award], fresh: Iterable[tuple[OrderFacts, Unit]], books: Iterable[RuleBook]) -> None:
    """
    Lock the accounts, and then the budgets, that several orders together may touch, each by key.

    One order alone locks its account first and its budgets after by itself. Asks nothing where there is no budget.
    """
    awards, db = list(awards), write_db()
    rule_ids = {rule_id for book in books for rule_id in book.budgeted()}
    rule_ids |= {int(rule_id) for award in awards for rule_id in award.counted}
    if not rule_ids:
        return
    buyers = {(unit.pk, order.user_id) for order, unit in fresh}
    theirs = Q(unit__in={unit for unit, _user in buyers}, member__user_id__in={user for _unit, user in buyers} - {None})
    touched = Account.objects.using(db).filter(theirs | Q(pk__in={award.account_id for award in awards}))
    lock_many(account_ids=list(touched.values_list("pk", flat=True)))
    list(RuleBudget.objects.using(db).select_for_update().filter(pk__in=rule_ids).order_by("pk"))
