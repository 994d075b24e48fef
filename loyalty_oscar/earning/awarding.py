"""What an order brings when it is looked at for the first time: the decision, its award, and the points on the way."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.models import F, QuerySet
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import OrderFacts, Purchase
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Kind
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics
from loyalty_oscar.program.freezing import without_points
from loyalty_oscar.program.models import Member, Program, Unit
from loyalty_oscar.program.operations import join_many
from loyalty_oscar.program.queries import earns_at, expiry_of, terms_now
from loyalty_oscar.program.rows import find_rows, write_rows

from .activity import keep_alive
from .allowances import decided_and_taken, given_by
from .bounds import decided_within
from .decision import Decision, decide, frozen
from .known import OrderQuestion, known_of
from .models import Award, AwardLine
from .queries import book_of, terms_from
from .rules import RuleInForce

logger = logging.getLogger("loyalty_oscar")
EARNED = "points-earned"
#: Among the terms of an award: staff had stopped the member from earning when the order was placed.
FROZEN = "frozen"
topics.register(EARNED)(
    Topic(
        title=pgettext_lazy("loyalty", "What an order brought"),
        text="an order brought points",
        payload={"order": "key of the order"},
    )
)


def award_new(
    *, orders: Sequence[tuple[OrderFacts, Unit]], at: datetime, batch: str = ""
) -> list[tuple[OrderFacts, Award]]:
    """
    Award these orders, none of which has an award, each with the unit of its program; returns what was awarded.

    `batch` names a welcome, in which orders from before the program count. Who takes part with the first order joins.
    """
    fresh = [(order, unit) for order, unit in orders if earns(order=order, program=unit.program, batch=batch)]
    if not fresh:
        return []
    accounts = _accounts_of(fresh)
    made = [
        (order, _award(order, unit, account, at, batch))
        for order, unit in fresh
        if (account := accounts.get((unit.pk, order.user_id))) and _takes_part(order, account, unit.program, batch)
    ]
    decisions = _decide(made)
    awards = [award for _order, award in made]
    write_rows(rows=awards)
    write_rows(
        rows=(
            line
            for award, said in zip(awards, decisions, strict=True)
            for line in award_lines(award=award, decision=said)
        )
    )
    grants = [_grant(award, order, batch) for order, award in made if award.points]
    if grants:
        # One order's account is locked since it was read, and its award, just written, says that its key is new.
        locked = {account.pk: account for account in accounts.values()} if len(fresh) == 1 else None
        ledger.post_many(grants=grants, at=at, savepoint=False, locked=locked)
    if not batch:
        announce_many(happenings=[_earned(award, at) for award in awards if award.points])
        for award in awards:
            keep_alive(award=award, at=at)
    return made


def earns(*, order: OrderFacts, program: Program, batch: str = "") -> bool:
    """
    Return whether an order of a customer may earn: placed while the program earned, or named by a welcome.

    `program` is one of `begun_units`, which knows its phases.
    """
    if order.user_id is None or order.dead or order.is_deleted:
        return False
    return bool(batch) or earned_at(program=program, at=order.placed_at)


def earned_at(*, program: Program, at: datetime) -> bool:
    """Return whether orders earned in a program at a moment, whoever placed them."""
    begun = program.earns_from is not None and at >= program.earns_from
    return begun and earns_at(phases=program.known_phases, at=at)


def _accounts_of(fresh: Iterable[tuple[OrderFacts, Unit]]) -> dict[tuple[int, Any], Account]:
    """Return the accounts that earn, by (unit, user); who takes part with the first order joins here."""
    found: dict[tuple[int, Any], Account] = {}
    by_unit: dict[int, tuple[Unit, dict[Any, datetime]]] = {}
    for order, unit in fresh:
        wanted = by_unit.setdefault(unit.pk, (unit, {}))[1]
        wanted[order.user_id] = min(order.placed_at, wanted.get(order.user_id, order.placed_at))
    for unit, first_orders in by_unit.values():
        accounts = _accounts(unit.pk, write_db(), len(by_unit) == len(first_orders) == 1)
        known = find_rows(rows=accounts, column="member__user_id", keys=list(first_orders))
        there = {account.user_id: account for account in known}
        absent = {user: day for user, day in first_orders.items() if user not in there}
        if members := _members(unit.program, absent) if absent else ():
            missing = [Account(member=member, unit=unit) for member in members]
            write_rows(rows=missing, skip=True)
            there.update((account.user_id, account) for account in accounts.filter(member__in=members))
        if passed := {user: account.passed_to_id for user, account in there.items() if account.passed_to_id}:
            # Who was merged into another member orders for that one.
            into = {account.pk: account for account in accounts.filter(pk__in=set(passed.values()))}
            there |= {user: _went_on(there[user], into[account_id]) for user, account_id in passed.items()}
        found.update(((unit.pk, user), account) for user, account in there.items())
    return found


def _went_on(own: Any, account: Any) -> Account:
    """Return the account on which somebody's own goes on, for orders of theirs: they joined when they did."""
    found: Any = copy(account)
    found.joined_at = own.joined_at
    return found


@lru_cache(maxsize=100)
def _accounts(unit_id: int, db: str, is_locked: bool) -> QuerySet[Any]:
    """Return the accounts of a unit, locked if they are to be; where the database can, not the members beside them."""
    accounts = Account.objects.using(db).filter(unit_id=unit_id)
    accounts = accounts.annotate(
        user_id=F("member__user_id"), joined_at=F("member__joined_at"), frozen_since=F("member__frozen_since")
    )
    exact = connections[db].features.has_select_for_update_of
    return accounts.select_for_update(of=("self",) if exact else ()) if is_locked else accounts


def _members(program: Program, first_orders: dict[Any, datetime]) -> Iterable[Member]:
    """Return the memberships of people who have no account yet."""
    if program.enrolment == Program.Enrolment.AUTOMATIC:
        return join_many(program=program, joined_at=first_orders).values()
    return list(Member.objects.using(write_db()).filter(program=program, user_id__in=list(first_orders)))


def _takes_part(order: OrderFacts, account: Any, program: Program, batch: str) -> bool:
    """Return whether the customer had joined when the order was placed (who must opt in; not in a welcome)."""
    automatic = program.enrolment == Program.Enrolment.AUTOMATIC
    return automatic or bool(batch) or account.joined_at <= order.placed_at


def _award(order: OrderFacts, unit: Unit, account: Account, at: datetime, batch: str) -> Award:
    terms = {**(order.terms or terms_now(program=unit.program))}
    if batch:
        terms["rules_at"] = at.isoformat()
    ready = _ready_at(order, terms)
    return Award(
        program=unit.program,
        unit=unit,
        source_id=order.order_id,
        account=account,
        placed_at=order.placed_at,
        available_at=ready,
        terms=terms,
        batch=batch,
    )


def _decide(made: Sequence[tuple[OrderFacts, Award]]) -> list[Decision]:
    """Write on new awards what their orders bring, and what was known when that was decided; returns the decisions."""
    rules = {}
    shut = without_points(placed=[(award.account, order.order_id, order.placed_at) for order, award in made])
    for order, award in made:
        rules[order.order_id], award.missed = rules_of(award=award)
        if order.order_id in shut:
            award.terms[FROZEN], award.missed = True, []
    questions = [
        OrderQuestion(
            order=order,
            rules=rules[order.order_id],
            member_id=award.account.member_id,
            account_id=award.account_id if award.account.seq else None,
        )
        for order, award in made
    ]
    known, decisions = known_of(questions=questions), {}
    awards = [award for _order, award in made]
    # What is left of a budget goes to who ordered first.
    for order, award in sorted(made, key=lambda one: (one[0].placed_at, one[0].order_id)):
        award.terms |= known[order.order_id]
        decision, beyond = decided_new(order=order, award=award, rules=rules[order.order_id], beside=awards)
        award.missed = with_missed(award=award, missed=award.missed, beyond=beyond)
        award.points = award.given = decision.points
        award.bonuses = [bonus.to_json() for bonus in decision.bonuses]
        award.because = decision.because.to_json()
        award.terms["versions"] = list(decision.versions)
        decisions[order.order_id] = decision
    return [decisions[order.order_id] for order, _award in made]


def decided_new(
    *, order: OrderFacts, award: Award, rules: Sequence[RuleInForce], beside: Iterable[Award] = ()
) -> tuple[Decision, list[str]]:
    """Return what an order brings within what is left of budgets and caps, and take it; and the rules left out."""
    before = {int(rule_id): row["points"] for rule_id, row in award.counted.items()}

    def more(decision: Decision) -> dict[int, int]:
        given = given_by(decision=decision, rules=rules)
        return {rule_id: given.get(rule_id, 0) - before.get(rule_id, 0) for rule_id in {*given, *before}}

    return decided_and_taken(
        award=award,
        rules=rules,
        decide=lambda some: decided_of(purchase=order.purchase, terms=award.terms, rules=some),
        more=more,
        beside=(other for other in beside if other is not award),
    )


def rules_of(*, award: Award) -> tuple[list[RuleInForce], list[str]]:
    """Return the rules under which an order was placed, and the codes of those that nobody can count any more."""
    book, unit_id, moment = book_of(unit=award.unit), award.unit_id, award.rules_at
    missing = book.missing_at(unit_id=unit_id, moment=moment)
    return book.at(unit_id=unit_id, moment=moment), [
        code for code in missing if not book.is_ended(code=code, unit_id=unit_id)
    ]


def with_missed(*, award: Award, missed: Sequence[str], beyond: Sequence[str]) -> list[str]:
    """Return the codes of rules that an order goes without, those among them that give more than an order can bear."""
    if beyond:
        logger.warning("%s is counted without %s: more than an order can bear", award.source, ", ".join(beyond))
    book = book_of(unit=award.unit)
    return sorted({*missed, *(code for code in beyond if not book.is_ended(code=code, unit_id=award.unit_id))})


def decided_of(
    *, purchase: Purchase, terms: Mapping[str, Any], rules: Sequence[RuleInForce]
) -> tuple[Decision, list[str]]:
    """
    Return what a purchase brings by some rules, under terms as an award keeps them, `first` and `facts` among them, and
    the codes of rules that had to be left out.
    """
    if terms.get(FROZEN):
        return frozen(purchase=purchase), []
    counted, law = purchase_of(purchase=purchase, terms=terms), terms_from(stored=terms)
    return decided_within(decide=lambda some: decide(purchase=counted, rules=some, terms=law), rules=rules)


def purchase_of(*, purchase: Purchase, terms: Mapping[str, Any]) -> Purchase:
    """Return a purchase as it counts under what was written down: on which prices, for whom, first or not."""
    bought = on_base(purchase=purchase, base=terms["base"])
    facts = terms.get("facts", {})
    return replace(bought, is_first=terms.get("first", bought.is_first), facts=facts or bought.facts)


def on_base(*, purchase: Purchase, base: str) -> Purchase:
    """Return the purchase with the amounts that a program counts on (`Program.Base`: with or without tax)."""
    if base != Program.Base.EXCL:
        return purchase
    lines = tuple(replace(line, paid_minor=line.paid_excl_minor) for line in purchase.lines)
    delivery = purchase.delivery and replace(purchase.delivery, paid_minor=purchase.delivery.paid_excl_minor)
    return replace(purchase, lines=lines, delivery=delivery)


def ready_at(*, order: OrderFacts, program: Program) -> datetime | None:
    """Return when the points of an order are ready: its final status plus the return period; None = not known yet."""
    return _ready_at(order, {"hold_days": program.hold_days, **order.terms})


def _ready_at(order: OrderFacts, terms: Mapping[str, Any]) -> datetime | None:
    return periods.after_days(at=order.final_at, days=terms["hold_days"]) if order.final_at else None


def _grant(award: Award, order: OrderFacts, batch: str) -> ledger.LotGrant:
    return ledger.LotGrant(
        account_id=award.account_id,
        points=award.points,
        key=f"{award.source}:earn",
        source=award.source,
        because=Because("order_earned", order=order.order_id, number=order.number),
        kind=Kind.WELCOME if batch else Kind.EARN,
        available_at=award.available_at,
        expires_at=expires_at(award=award),
        effective_at=order.placed_at,
    )


def expires_at(*, award: Award) -> datetime | None:
    """Return when the points of an award run out, under the terms of their promise; None = never, or not known yet."""
    if award.available_at is None:
        return None
    return expiry_of(program=award.unit.program, available_at=award.available_at, terms=award.terms)


def _earned(award: Award, at: datetime) -> Happening:
    return Happening(
        topic=EARNED,
        key=f"{award.source}:earned",
        member_id=award.account.member_id,
        payload={"order": award.source_id},
        at=at,
    )


def award_lines(*, award: Award, decision: Decision) -> Iterator[AwardLine]:
    """Yield the lines of a decision as rows of an award, unsaved."""
    for line in decision.lines:
        yield AwardLine(
            award=award, line=line.line_id, quantity=line.quantity, points=line.points, paid_minor=line.paid_minor
        )
