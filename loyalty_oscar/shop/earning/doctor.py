"""What the doctor knows of earning: rules that no longer build, and currencies that no rule counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db.models import Count

from loyalty_oscar.earning.models import Award, RuleBudget
from loyalty_oscar.earning.queries import not_over, orders_without, rule_book
from loyalty_oscar.earning.rules import AtLeastTier
from loyalty_oscar.kernel.limits import MOST_OF_AN_ORDER
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Program, State, Unit
from loyalty_oscar.program.words import counted

from ..orders.serving import orders_of
from ..upkeep.doctor import Finding, Level, doctor_checks

LOOK_BACK = timedelta(days=90)


@doctor_checks.register("rules", order=40)
def rules(*, at: datetime) -> Iterator[Finding]:
    """Every rule of every program builds, and a live program has one that counts money."""
    for unit in Unit.objects.select_related("program"):
        wrong_rules = rule_book(unit_ids=[unit.pk]).broken_at(moment=at)
        broken = {rule.code: wrong for rule, wrong in wrong_rules.items()}
        for code, wrong in broken.items():
            text = f"{code} of “{unit.program.name}” no longer builds: {wrong}"
            hint = "Save it anew in the admin or switch it off, or put back the code that registered it."
            yield Finding(level=Level.ERROR, about="rules", text=text, hint=hint)
        yield from _levels(unit, at)
        yield from _missed(unit, broken, at)
        yield from _budgets(unit)
        if not broken and unit.program.state == State.LIVE:
            yield from _currencies(unit, at)


def _missed(unit: Unit, broken: Collection[str], at: datetime) -> Iterator[Finding]:
    """Orders that were counted without a rule, because it gave more than an order can bear."""
    for code, orders in sorted(orders_without(unit=unit, since=at - LOOK_BACK).items()):
        if code not in broken:
            name = f"{code} of “{unit.program.name}”"
            text = f"{orders:,} order{'s' if orders != 1 else ''} of 90 days counted without {name}"
            most = counted(unit=unit, points=MOST_OF_AN_ORDER)
            hint = f"It gave less than 0 or more than {most}. Mend it, or switch it off."
            yield Finding(level=Level.WARNING, about="rules", text=text, hint=hint)


def _budgets(unit: Unit) -> Iterator[Finding]:
    """What is counted of each budget is what the orders have of it."""
    budgets = RuleBudget.objects.filter(rule__unit=unit).select_related("rule").order_by("rule__code")
    held: Counter[str] = Counter()
    for rows in (
        Award.objects.filter(unit=unit).exclude(counted={}).values_list("counted", flat=True) if budgets else ()
    ):
        held.update({rule_id: row["held"] for rule_id, row in rows.items() if "most" in row})
    for budget in budgets:
        if budget.taken != held[str(budget.pk)]:
            name = f"{budget.rule.code} of “{unit.program.name}”"
            taken, has = (counted(unit=unit, points=points) for points in (budget.taken, held[str(budget.pk)]))
            text = f"the budget of {name} counts {taken}, its orders have {has}"
            hint = "Somebody changed one of them by hand. Restore what was there."
            yield Finding(level=Level.ERROR, about="rules", text=text, hint=hint)


def _levels(unit: Unit, at: datetime) -> Iterator[Finding]:
    """A rule that waits for a level that is not there brings nobody anything."""
    there = levels(program_id=unit.program_id)
    for rule in rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at):
        ranks = {condition.rank for condition in rule.conditions if isinstance(condition, AtLeastTier)}
        for rank in sorted(ranks - set(there)):
            text = (
                f"{rule.code} of “{unit.program.name}” counts from level {rank}, which is not there: it brings nothing"
            )
            hint = "Choose another level on its page in the admin, or switch it off."
            yield Finding(level=Level.WARNING, about="rules", text=text, hint=hint)


def _currencies(unit: Unit, at: datetime) -> Iterator[Finding]:
    stored = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
    in_force = not_over(rules=stored, unit=unit, at=at)
    counting = [rule.rule for rule in in_force if rule.rule.stage in ("amount", "unit")]
    name = f"“{unit.program.name}”"
    if not counting:
        text, hint = f"{name} has no rule in force: orders bring nothing", "Add one in the admin."
        yield Finding(level=Level.WARNING, about="rules", text=text, hint=hint)
        return
    known = {getattr(rule, "currency", None) for rule in counting}
    seen = _orders_of(unit.program, at - LOOK_BACK).values("currency").annotate(orders=Count("pk"))
    missing = [] if None in known else [row for row in seen.order_by("currency") if row["currency"] not in known]
    for row in missing:
        text = f"{row['orders']:,} orders of 90 days in {row['currency']} brought nothing: {name} has no rule for it"
        hint = "Add a rule per amount in that currency."
        yield Finding(level=Level.WARNING, about="rules", text=text, hint=hint)
    if not missing:
        yield Finding(level=Level.OK, about="rules", text=f"{len(in_force)} in force for {name}")


def _orders_of(program: Program, since: datetime):
    orders = orders_of(program=program).filter(date_placed__gte=since)
    return orders.filter(date_placed__gte=program.earns_from).order_by()
