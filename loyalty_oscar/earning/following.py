"""What an order should have brought by now, against what it did: returns, cancellations, late lines, dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.operations.recording import looking_ahead
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import expiry_of
from loyalty_oscar.program.rows import write_rows

from .activity import keep_alive, let_go
from .allowances import decided_and_taken, given_by, rooms_of_award, settle, with_rooms
from .awarding import FROZEN, award_lines, decided_new, decided_of, expires_at, purchase_of, rules_of, with_missed
from .bounds import decided_within
from .decision import Decision, decide_late
from .left import LineLeft, left_of
from .models import Award
from .queries import read_lines, terms_from

#: Codes of entries that say how many units came back (1), or stand again (-1).
SIGNS = {"goods_returned": 1, "order_came_to_nothing": 1, "order_stands_again": -1}


def follow(*, order: OrderFacts, award: Award, at: datetime, batch: str = "") -> None:
    """Post what an order brings by now and did not before, or too much; `batch` names a welcome that gives it again."""
    if batch and award.revoked:
        award.revoked, award.batch = False, batch
        award.save(using=write_db(), update_fields=["revoked", "batch"])
    if not award.revoked and not order.dead and not award.terms.get(FROZEN):
        _count_missed(order, award, at)
        _count_late(order, award, at)
    turned, award.dead = award.dead != order.dead, order.dead
    if post_difference(order=order, award=award, at=at) or turned:
        award.save(using=write_db(), update_fields=["given", "forgiven", "syncs", "counted", "dead"])
    if turned and order.dead:
        let_go(award=award, at=at)
    elif turned:
        keep_alive(award=award, at=at)
    _date(order, award, at)


def _count_missed(order: OrderFacts, award: Award, at: datetime) -> None:
    """Count a rule that nobody could count when the order was awarded, once its code is back; forget one that ended."""
    if not award.missed:
        return
    rules, missed = rules_of(award=award)
    known = {line.line for line in award.lines.all()}
    lines = tuple(line for line in order.purchase.lines if line.line_id in known)
    order = replace(order, purchase=order.purchase_of(lines=lines))
    rooms = rooms_of_award(award=award, rules=rules)
    decision, beyond = decided_of(
        purchase=order.purchase, terms=award.terms, rules=with_rooms(rules=rules, rooms=rooms)
    )
    missed = with_missed(award=award, missed=missed, beyond=beyond)
    if missed == award.missed:
        return
    award.missed = missed
    award.save(using=write_db(), update_fields=["missed"])
    if decision.points <= award.points:
        return
    decision, _beyond = decided_new(order=order, award=award, rules=rules)
    _raise_to(order, award, max(award.points, decision.points), "rule_came_back", at)
    award.lines.all().delete()
    write_rows(rows=award_lines(award=award, decision=decision))
    award.bonuses = [bonus.to_json() for bonus in decision.bonuses]
    award.because = decision.because.to_json()
    award.save(using=write_db(), update_fields=["bonuses", "because", "counted"])
    read_lines(award=award)


def _count_late(order: OrderFacts, award: Award, at: datetime) -> None:
    """Count lines that came late, under the terms and rules of the order's day; those that were known keep theirs."""
    known = {line.line for line in award.lines.all()}
    if all(line.line_id in known for line in order.purchase.lines):
        return
    rules, _missed = rules_of(award=award)
    bought, law = purchase_of(purchase=order.purchase, terms=award.terms), terms_from(stored=award.terms)
    late = partial(decide_late, purchase=bought, known=known, terms=law)
    had = {bonus["rule"]: bonus for bonus in award.bonuses}
    decision, beyond = decided_and_taken(
        award=award,
        rules=rules,
        decide=lambda every: decided_within(decide=lambda some: late(rules=some), rules=every),
        more=lambda decision: given_by(decision=decision, rules=rules, bonuses=_grown(decision, had)),
    )
    now = {bonus.rule: bonus for bonus in decision.bonuses}
    grown = _grown(decision, had)
    more = decision.points + sum(grown.values())
    if more:
        _raise_to(order, award, award.points + more, "line_came_late", at)
    write_rows(rows=award_lines(award=award, decision=decision))
    # A bonus that is there keeps its points; whether the order still deserves it, all of its lines say from now on.
    kept = [
        {**now[code].to_json(), "p": bonus["p"] + grown.get(code, 0)} if code in now else bonus
        for code, bonus in had.items()
    ]
    award.bonuses = kept + [bonus.to_json() for code, bonus in now.items() if code not in had]
    award.because = _with_late(award.because, decision, more)
    award.missed = with_missed(award=award, missed=award.missed, beyond=beyond)
    award.save(using=write_db(), update_fields=["bonuses", "because", "missed", "counted"])
    read_lines(award=award)


def _grown(decision: Decision, had: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return what bonuses bring more than those that are there (`had`, as stored), by the code of the rule."""
    # One for every so many pieces grows with the pieces that came; one that is there keeps its points.
    points = {bonus.rule: bonus.points for bonus in decision.bonuses if bonus.every or bonus.rule not in had}
    return {code: max(0, number - had.get(code, {"p": 0})["p"]) for code, number in points.items()}


def _with_late(because: dict[str, Any], decision: Decision, more: int) -> dict[str, Any]:
    """Return the reason of an award with what lines that came late brought on top; alone where it had none before."""
    if because.get("c") != "earned":
        return decision.because.to_json()
    paid = sum(line.paid_minor for line in decision.lines)
    late = [*because["p"].get("late", ()), {"points": more, "base_minor": paid}]
    return {**because, "p": {**because["p"], "late": late}}


def _raise_to(order: OrderFacts, award: Award, points: int, why: str, at: datetime) -> None:
    more = points - award.points
    award.syncs += 1
    grant = ledger.LotGrant(
        account_id=award.account_id,
        points=more,
        key=f"{award.source}:sync:{award.syncs}",
        source=award.source,
        available_at=award.available_at,
        because=Because(why, order=order.order_id, number=order.number),
        expires_at=expires_at(award=award),
        effective_at=order.placed_at,
    )
    ledger.post(grant=grant, at=at)
    award.points, award.given = points, award.given + more
    award.save(using=write_db(), update_fields=["points", "given", "syncs"])


def post_difference(*, order: OrderFacts, award: Award, at: datetime) -> bool:
    """
    Post by how much an award has to rise or fall to what is left of its order; returns whether it has to at all.

    The award says so afterwards and is not saved.
    """
    target = 0 if order.dead or award.revoked else min(award.points, _target(order, award))
    counted = dict(award.counted)
    target -= _short(award, target)
    if target == award.given:
        return counted != award.counted
    # A look ahead shows no entry by itself, and asks for as little as it can.
    told = _units_told(award) if award.syncs and looking_ahead.get() is None else 0
    units = units_gone(order)
    award.syncs += 1
    key = f"{award.source}:sync:{award.syncs}"
    params = {"order": order.order_id, "number": order.number}
    if target < award.given:
        why = "order_came_to_nothing" if order.dead else "goods_returned"
        posted = ledger.claw_back(
            account_id=award.account_id,
            source=award.source,
            points=award.given - target,
            key=key,
            because=Because(why, **params, units=units - told),
            at=at,
            forgiven_before=award.forgiven,
        )
        award.forgiven += posted.forgiven
    else:
        back = _unforgiven(award, target - award.given)
        if back:
            ledger.give_back(
                account_id=award.account_id,
                source=award.source,
                points=back,
                key=key,
                at=at,
                because=Because("order_stands_again", **params, units=told - units),
            )
    award.given = target
    return True


def _short(award: Award, target: int) -> int:
    """Give back to budgets what these points don't need, take what they do; return how many points none has left."""
    return min(target, settle(award=award, target=target, looks_only=looking_ahead.get() is not None))


def _units_told(award: Award) -> int:
    """Return how many units have come back by what was posted before, so that the entries of an order add up."""
    accounts = Account.objects.using(write_db()).order_by().values("pk")
    # It may have been another member's, who was merged into this one since.
    ids = accounts.filter(pk=award.account_id).union(accounts.filter(passed_to=award.account_id), all=True)
    rows = Entry.objects.using(write_db()).filter(account_id__in=ids, key__startswith=f"{award.source}:sync:")
    found = [Because.from_json(because) for because in rows.values_list("because", flat=True)]
    return sum(SIGNS[one.code] * one.params.get("units", 0) for one in found if one.code in SIGNS)


def _unforgiven(award: Award, rise: int) -> int:
    """Return how much of a rise is really given back: what was forgiven before was never taken."""
    really_taken = award.points - award.given - award.forgiven
    back = min(rise, max(0, really_taken))
    award.forgiven -= rise - back
    return back


def _target(order: OrderFacts, award: Award) -> int:
    gone = order.purchase.gone()
    lines = [
        LineLeft(
            line_id=row.line,
            quantity=row.quantity,
            points=row.points,
            paid_minor=row.paid_minor,
            gone=gone.get(row.line, row.quantity),
        )
        for row in award.lines.all()
    ]
    return left_of(lines=lines, bonuses=award.bonuses)


def _date(order: OrderFacts, award: Award, at: datetime) -> None:
    """
    Give the points of an order the day they are ready, once it is final. A day that has not come moves with its last
    final status, and is unknown again once that was taken back; points that are ready stay.

    The return period is the one that was promised when the order was placed, whatever the program says by now.
    """
    if award.available_at is not None and (award.available_at <= at or order.dead):
        return
    ready = periods.after_days(at=order.final_at, days=award.hold_days) if order.final_at else None
    if ready == award.available_at:
        return
    expires = expiry_of(program=award.unit.program, available_at=ready, terms=award.terms) if ready else None
    ledger.schedule(account_id=award.account_id, source=award.source, available_at=ready, at=at, expires_at=expires)
    award.available_at = ready
    award.save(using=write_db(), update_fields=["available_at"])


def units_gone(order: OrderFacts) -> int:
    """Return how many units of an order have come back."""
    return sum(min(line.gone, line.quantity) for line in order.purchase.lines)
