"""
What orders bring: the order effect `earning`, told orders as they are, posts what is missing or too much.

State-based: the award's snapshot and what is left of the order say what should have been given by now;
the difference goes to the award's account. So any number of calls in any order end in the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import connections, transaction
from django.db.models import F, QuerySet

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.facts import OrderFacts, Purchase
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Kind, Lot
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.models import Member, Outbox, Program, Unit
from loyalty_oscar.program.operations import join_many, put_messages
from loyalty_oscar.program.queries import begun_units, earns_at, expiry_of, programs_by_site

from .decision import Decision, LineLeft, decide, left_of
from .models import Award, AwardLine
from .queries import awards_of, book_of, facts_about, terms_of
from .rules import FirstOrder, RuleInForce


class Earning:
    """The order effect of this floor."""

    def apply(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str = "") -> None:
        """
        Bring the ledger in line with these orders; `batch` names a welcome, which counts old orders too.

        One transaction; the caller holds the marks of the orders, so two workers never do one order at once.
        """
        with transaction.atomic(using=write_db(), savepoint=False):
            work = _Work(orders=orders, at=at, batch=batch)
            work.award_new()
            work.follow_known()

    def set_codes(self) -> frozenset[str]:
        """Return the product sets that rules name or programs exclude."""
        units = begun_units()
        excluded = {unit.program.excluded_set.code for unit in units if unit.program.excluded_set}
        return frozenset(excluded.union(*(book_of(unit=unit).sets() for unit in units)))


earning = Earning()


class _Work:
    def __init__(self, *, orders: Sequence[OrderFacts], at: datetime, batch: str) -> None:
        self.at, self.batch = at, batch
        self.orders = [order for order in orders if order.purchase.lines]
        self.awards = awards_of(source_kind="order", source_ids=[o.order_id for o in self.orders if not o.is_new])
        self.by_site, self.default = programs_by_site() if self.orders else ({}, None)

    def unit_of(self, order: OrderFacts) -> Unit | None:
        return self.by_site.get(order.site_id, self.default)

    # New orders ------------------------------------------------------------------------------------------------

    def award_new(self) -> None:
        fresh = [(order, unit) for order in self.orders if (unit := self.unit_of(order)) and self.earns(order, unit)]
        if not fresh:
            return
        accounts = self.accounts_of(fresh)
        made = [
            (order, unit, self.decide(order, unit, account), account)
            for order, unit in fresh
            if (account := accounts.get((unit.pk, order.user_id))) and self.takes_part(order, account, unit.program)
        ]
        awards = [self.award(*row) for row in made]
        Award.objects.bulk_create(awards, batch_size=1000)
        AwardLine.objects.bulk_create(
            (line for award, row in zip(awards, made, strict=True) for line in award_lines(award, row[2])),
            batch_size=1000,
        )
        grants = [self.grant(award, row[0]) for award, row in zip(awards, made, strict=True) if award.points]
        if grants:
            # One order's account is locked since it was read, and its award, just written, says that its key is new.
            locked = {account.pk: account for account in accounts.values()} if len(fresh) == 1 else None
            ledger.post_many(grants=grants, at=self.at, savepoint=False, locked=locked)
        if not self.batch:
            put_messages(messages=[self.message(award) for award in awards if award.points])
        for award, (order, *_rest) in zip(awards, made, strict=True):
            self.keep_alive(award, award.unit.program)
            if units_gone(order):
                # Seen for the first time with a part of it gone: the snapshot is of the whole, what stands is not.
                self.post_difference(order, award)

    def earns(self, order: OrderFacts, unit: Unit) -> bool:
        """Return whether this order is new and may earn: placed while the program earned, or named by a welcome."""
        if order.order_id in self.awards or order.user_id is None or order.dead:
            return False
        if self.batch:
            return True
        program = unit.program
        begun = program.earns_from is not None and order.placed_at >= program.earns_from
        return begun and earns_at(phases=program.known_phases, at=order.placed_at)

    def accounts_of(self, fresh: Iterable[tuple[OrderFacts, Unit]]) -> dict[tuple[int, Any], Account]:
        """Return the accounts that earn, by (unit, user); who takes part with the first order joins here."""
        found: dict[tuple[int, Any], Account] = {}
        by_unit: dict[int, tuple[Unit, dict[Any, datetime]]] = {}
        for order, unit in fresh:
            wanted = by_unit.setdefault(unit.pk, (unit, {}))[1]
            wanted[order.user_id] = min(order.placed_at, wanted.get(order.user_id, order.placed_at))
        for unit, first_orders in by_unit.values():
            accounts = (
                Account.objects.using(write_db())
                .filter(unit=unit)
                .annotate(user_id=F("member__user_id"), joined_at=F("member__joined_at"))
            )
            if len(by_unit) == len(first_orders) == 1:
                accounts = locking(accounts)
            there = {account.user_id: account for account in accounts.filter(member__user_id__in=list(first_orders))}
            absent = {user: day for user, day in first_orders.items() if user not in there}
            if members := self.members(unit.program, absent) if absent else ():
                missing = [Account(member=member, unit=unit) for member in members]
                Account.objects.using(write_db()).bulk_create(missing, ignore_conflicts=True, batch_size=1000)
                there.update((account.user_id, account) for account in accounts.filter(member__in=members))
            found.update(((unit.pk, user), account) for user, account in there.items())
        return found

    def members(self, program: Program, first_orders: dict[Any, datetime]) -> Iterable[Member]:
        """Return the memberships of people who have no account yet."""
        if program.enrolment == Program.Enrolment.AUTOMATIC:
            return join_many(program=program, joined_at=first_orders).values()
        return list(Member.objects.using(write_db()).filter(program=program, user_id__in=list(first_orders)))

    def takes_part(self, order: OrderFacts, account: Account, program: Program) -> bool:
        """Return whether the customer had joined when the order was placed (who must opt in; not in a welcome)."""
        automatic = program.enrolment == Program.Enrolment.AUTOMATIC
        return automatic or bool(self.batch) or account.joined_at <= order.placed_at

    def decide(self, order: OrderFacts, unit: Unit, account: Account) -> Decision:
        rules = book_of(unit=unit).at(unit_id=unit.pk, moment=self.at if self.batch else order.placed_at)
        purchase = on_base(order.purchase, unit.program)
        if purchase.is_first and self.had_first(order, account, rules):
            purchase = replace(purchase, is_first=False)
        known = facts_about(member_id=account.member_id, rules=rules, at=order.placed_at)
        purchase = replace(purchase, facts=known) if known else purchase
        return decide(purchase=purchase, rules=rules, terms=terms_of(program=unit.program))

    def had_first(self, order: OrderFacts, account: Account, rules: Iterable[RuleInForce]) -> bool:
        """Return whether another order of the account stands as its first: a guest's, claimed late, may be older."""
        codes = {rule.code for rule in rules if isinstance(rule.rule, FirstOrder)}
        if not codes or not account.seq:
            return False
        others = Award.objects.using(write_db()).filter(account=account, given__gt=0)
        others = others.exclude(source_kind="order", source_id=order.order_id).exclude(bonuses=[])
        return any(bonus["rule"] in codes for found in others.values_list("bonuses", flat=True) for bonus in found)

    def award(self, order: OrderFacts, unit: Unit, decision: Decision, account: Account) -> Award:
        return Award(
            program=unit.program,
            unit=unit,
            source_id=order.order_id,
            account=account,
            placed_at=order.placed_at,
            points=decision.points,
            given=decision.points,
            available_at=ready_at(order, unit.program),
            terms={
                "rounding": unit.program.rounding,
                "stage": unit.program.rounding_stage,
                "hold_days": unit.program.hold_days,
                "versions": list(decision.versions),
            },
            bonuses=[bonus.to_json() for bonus in decision.bonuses],
            because=decision.because.to_json(),
            batch=self.batch,
        )

    def grant(self, award: Award, order: OrderFacts) -> ledger.Grant:
        program = award.unit.program
        because = Because("order_earned", order=order.order_id, number=order.number)
        expires_at = expiry_of(program=program, available_at=award.available_at) if award.available_at else None
        return ledger.Grant(
            account_id=award.account_id,
            points=award.points,
            key=f"{award.source}:earn",
            source=award.source,
            because=because,
            kind=Kind.WELCOME if self.batch else Kind.EARN,
            available_at=award.available_at,
            expires_at=expires_at,
            effective_at=order.placed_at,
        )

    def message(self, award: Award) -> Outbox:
        return Outbox(
            topic="points-earned",
            key=f"{award.source}:earned",
            member_id=award.account.member_id,
            payload={"order": award.source_id},
            created_at=self.at,
            next_at=self.at,
        )

    def keep_alive(self, award: Award, program: Program) -> None:
        """With points that run out after inactivity, an order moves the dates of all that is there."""
        if program.expiry != Program.Expiry.INACTIVITY or self.batch:
            return
        later = expiry_of(program=program, available_at=award.placed_at)
        lots = Lot.objects.filter(account_id=award.account_id, is_open=True, expires_at__lt=later)
        for lot in lots.filter(state=Lot.State.OPEN):
            ledger.extend(
                account_id=award.account_id,
                lot_id=lot.pk,
                expires_at=later,
                because=Because("still_active", order=award.source_id),
                at=self.at,
            )

    # Orders that have an award ------------------------------------------------------------------------------------

    def follow_known(self) -> None:
        for order in self.orders:
            award = self.awards.get(order.order_id)
            if award is None:
                continue
            unit = self.unit_of(order)
            if unit is not None and unit.pk == award.unit_id:
                # It knows its program already. An award stays with its own, whichever program serves the site by now.
                award.unit = unit
            if self.batch and award.revoked:
                award.revoked, award.batch = False, self.batch
                award.save(update_fields=["revoked", "batch"])
            if not award.revoked and self.has_grown(order, award):
                self.count_again(order, award)
            self.post_difference(order, award)
            self.date(order, award)

    def has_grown(self, order: OrderFacts, award: Award) -> bool:
        known = {line.line: line.quantity for line in award.lines.all()}
        return any(line.quantity > known.get(line.line_id, 0) for line in order.purchase.lines)

    def count_again(self, order: OrderFacts, award: Award) -> None:
        """A line came late: the whole order is counted and rounded again, under the rules of its day."""
        decision = self.decide(order, award.unit, award.account)
        if decision.points > award.points:
            award.syncs += 1
            grant = ledger.Grant(
                account_id=award.account_id,
                points=decision.points - award.points,
                key=f"{award.source}:sync:{award.syncs}",
                source=award.source,
                available_at=award.available_at,
                because=Because("line_came_late", order=order.order_id, number=order.number),
                expires_at=expiry_of(program=award.unit.program, available_at=award.available_at)
                if award.available_at
                else None,
                effective_at=order.placed_at,
            )
            ledger.post(grant=grant, at=self.at)
            award.given += decision.points - award.points
            award.points = decision.points
        award.bonuses = [bonus.to_json() for bonus in decision.bonuses]
        award.because = decision.because.to_json()
        award.save(update_fields=["points", "given", "syncs", "bonuses", "because"])
        award.lines.all().delete()
        AwardLine.objects.bulk_create(award_lines(award, decision))
        award._prefetched_objects_cache.clear()

    def post_difference(self, order: OrderFacts, award: Award) -> None:
        target = 0 if order.dead or award.revoked else min(award.points, self.target(order, award))
        if target == award.given:
            return
        award.syncs += 1
        key = f"{award.source}:sync:{award.syncs}"
        params = {"order": order.order_id, "number": order.number}
        if target < award.given:
            why = "order_came_to_nothing" if order.dead else "goods_returned"
            because = Because(why, **params, units=units_gone(order))
            posted = ledger.claw_back(
                account_id=award.account_id,
                source=award.source,
                points=award.given - target,
                key=key,
                because=because,
                at=self.at,
                forgiven_before=award.forgiven,
            )
            award.forgiven += posted.forgiven
        else:
            back = self.unforgiven(award, target - award.given)
            if back:
                ledger.give_back(
                    account_id=award.account_id,
                    source=award.source,
                    points=back,
                    key=key,
                    at=self.at,
                    because=Because("order_stands_again", **params),
                )
        award.given = target
        award.save(update_fields=["given", "forgiven", "syncs"])

    def unforgiven(self, award: Award, rise: int) -> int:
        """Return how much of a rise is really given back: what was forgiven before was never taken."""
        really_taken = award.points - award.given - award.forgiven
        back = min(rise, max(0, really_taken))
        award.forgiven -= rise - back
        return back

    def target(self, order: OrderFacts, award: Award) -> int:
        now = {line.line_id: line for line in order.purchase.lines}
        lines = []
        for row in award.lines.all():
            line = now.get(row.line)
            gone = row.quantity - line.quantity + line.gone if line else row.quantity
            lines.append(
                LineLeft(
                    line_id=row.line, quantity=row.quantity, points=row.points, paid_minor=row.paid_minor, gone=gone
                )
            )
        return left_of(lines=lines, bonuses=award.bonuses)

    def date(self, order: OrderFacts, award: Award) -> None:
        """Once the order is final, its points get the day they are ready."""
        if order.final_at is None or award.available_at is not None:
            return
        # The return period that was promised when the order was placed, whatever the program says by now.
        days = award.terms.get("hold_days", award.unit.program.hold_days)
        ready = periods.after_days(at=order.final_at, days=days)
        ledger.schedule(
            account_id=award.account_id,
            source=award.source,
            available_at=ready,
            at=self.at,
            expires_at=expiry_of(program=award.unit.program, available_at=ready),
        )
        award.available_at = ready
        award.save(update_fields=["available_at"])


def locking(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Return the same accounts, locked when they are read; where the database can, not the members beside them."""
    exact = connections[write_db()].features.has_select_for_update_of
    return accounts.select_for_update(of=("self",) if exact else ())


def on_base(purchase: Purchase, program: Program) -> Purchase:
    """Return the purchase with the amounts that the program counts on (with or without tax)."""
    if program.earning_base != Program.Base.EXCL:
        return purchase
    return replace(purchase, lines=tuple(replace(line, paid_minor=line.paid_excl_minor) for line in purchase.lines))


def ready_at(order: OrderFacts, program: Program) -> datetime | None:
    """Return when the points of an order are ready: its final status plus the return period; None = not known yet."""
    if order.final_at is None:
        return None
    return periods.after_days(at=order.final_at, days=program.hold_days)


def units_gone(order: OrderFacts) -> int:
    """Return how many units of an order have come back."""
    return sum(min(line.gone, line.quantity) for line in order.purchase.lines)


def award_lines(award: Award, decision: Decision) -> Iterable[AwardLine]:
    """Yield the lines of an award as rows, unsaved."""
    for line in decision.lines:
        yield AwardLine(
            award=award,
            line=line.line_id,
            quantity=line.quantity,
            points=line.points,
            paid_minor=line.paid_minor,
            snapshot={"exact": line.exact},
        )
