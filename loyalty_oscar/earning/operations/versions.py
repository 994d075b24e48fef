"""Changing rules, and taking a batch of awards back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule, LoyaltyError, NotAllowed
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations.desk import outermost_retried
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.operations import touch_version
from loyalty_oscar.program.queries import read_versions
from loyalty_oscar.program.rows import write_fields

from ..allowances import hold_still, settle
from ..models import Award, Rule, RuleBudget, RuleVersion
from ..queries import in_force, version_at, versions_from
from ..rules import build, conditions, earning_rules

#: Orders of a batch that are taken back in one transaction.
REVOKED_AT_ONCE = 200


def save_rule(
    *,
    unit: Unit,
    code: str,
    name: str,
    type: str,
    params: Mapping[str, Any],
    narrowed: Iterable[Mapping[str, Any]] = (),
    is_on: bool = True,
    starts_at: datetime | None = None,
    actor: str,
    at: datetime,
) -> Rule:
    """
    Save what a rule says from now on, or from `starts_at` on, as its next version; nothing is written where nothing
    changed. What is planned for later stays.

    `narrowed` is a list of conditions, each `{"code": ..., "params": {...}}`. Raises `BadRule` (also for a level that
    the program does not have, unless the rule named it before) or `UnknownCode` before anything is written.
    """
    narrowed = [{"code": row["code"], "params": dict(row.get("params", {}))} for row in narrowed]
    says = _built(type, params, narrowed)
    with transaction.atomic(using=write_db()):
        rule, _created = (
            Rule.objects.using(write_db())
            .select_for_update()
            .get_or_create(program=unit.program, code=code, defaults={"unit": unit, "name": name, "type": type})
        )
        if (rule.name, rule.type) != (name, type):
            rule.name, rule.type = name, type
            rule.save(update_fields=["name", "type"])
        there = list(rule.versions.using(write_db()))
        begins = max(starts_at, at) if starts_at else at
        last = version_at(versions=there, moment=begins)
        _check_levels(unit, [row for row in narrowed if last is None or row not in last.conditions])
        if last is None or last.is_on != is_on or not _is_said(last, says):
            RuleVersion.objects.using(write_db()).create(
                rule=rule,
                number=max((version.number for version in there), default=0) + 1,
                params=dict(params),
                conditions=narrowed,
                is_on=is_on,
                valid_from=begins,
                actor=actor,
            )
            _check_budget(rule, at)
            touch_version(program_id=unit.program_id)
    return rule


def _check_budget(rule: Rule, at: datetime) -> None:
    """
    Let the row that counts a rule's budget hold the highest of those that count or are planned, and refuse one of which
    more is given already.
    """
    counting = versions_from(versions=rule.versions.using(write_db()), moment=at)
    rows = (row for version in counting for row in version.conditions if row["code"] == "budget")
    most = max((row["params"]["points"] for row in rows), default=None)
    if most is None:
        return
    budgets = RuleBudget.objects.using(write_db())
    budgets.get_or_create(rule=rule, defaults={"most": most})
    if not budgets.filter(pk=rule.pk, taken__lte=most).update(most=most):
        taken = budgets.get(pk=rule.pk).taken
        raise BadRule(f"points must be at least {taken:,}, which have been given already")


def _check_levels(unit: Unit, new: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a condition that nobody can ever meet, because it asks for a level that is not there."""
    ranks = {row["params"]["rank"] for row in new if row["code"] == "tier"}
    read_versions()
    there = levels(program_id=unit.program_id) if ranks else {}
    if missing := sorted(ranks - set(there)):
        named = ", ".join(f"{rank} {name}" for rank, name in there.items()) or "none"
        raise BadRule(f"there is no level {missing[0]}; the levels of “{unit.program}” are: {named}")


def _built(type: str, params: Mapping[str, Any], narrowed: Iterable[Mapping[str, Any]]) -> tuple[Any, list[Any]]:
    rule = build(registry=earning_rules, code=type, params=params)
    return rule, [build(registry=conditions, code=row["code"], params=row.get("params", {})) for row in narrowed]


def _is_said(version: RuleVersion, says: tuple[Any, list[Any]]) -> bool:
    """
    Return whether a version says this already, however it is written.

    A parameter may be left out or stand there as it is by default, and no condition comes before another.
    """
    try:
        rule, narrowed = _built(version.rule.type, version.params, version.conditions)
    except LoyaltyError:
        return False
    return rule == says[0] and Counter(map(repr, narrowed)) == Counter(map(repr, says[1]))


def switch_rule(*, rule: Rule, is_on: bool, actor: str, at: datetime) -> None:
    """
    Switch a rule off or on again from now on, with what it says; a next version unless it is so already.

    Off works for every rule, also for one whose code is no longer there. Raises `BadRule` or `UnknownCode`
    for switching on what no longer builds.
    """
    with transaction.atomic(using=write_db()):
        rule = Rule.objects.using(write_db()).select_for_update().get(pk=rule.pk)
        there = list(rule.versions.using(write_db()))
        last = version_at(versions=there, moment=at)
        if last is None or last.is_on == is_on:
            return
        if is_on:
            in_force(version=last)
        RuleVersion.objects.using(write_db()).create(
            rule=rule,
            number=max(version.number for version in there) + 1,
            params=last.params,
            conditions=last.conditions,
            is_on=is_on,
            valid_from=at,
            actor=actor,
        )
        touch_version(program_id=rule.program_id)


def take_back_version(*, version: RuleVersion, at: datetime) -> None:
    """Take back a version that was planned. Raises `NotAllowed` for one that has begun: orders may keep its terms."""
    with transaction.atomic(using=write_db()):
        rule = Rule.objects.using(write_db()).select_for_update().get(pk=version.rule_id)
        planned = rule.versions.using(write_db()).filter(pk=version.pk, valid_from__gt=at)
        if not planned.exists():
            raise NotAllowed(pgettext("loyalty", "It has begun, and orders may count by it. Save the next version."))
        planned.delete()
        touch_version(program_id=rule.program_id)


def revoke_batch(*, batch: str, actor: str, at: datetime) -> Iterator[Award]:
    """
    Take back everything that a batch (a welcome) gave, some hundred orders at once; yields each award it took back.

    The awards stay, marked, so that no sweep gives the points again; another welcome may. Resumable.
    """
    standing = Award.objects.using(write_db()).filter(batch=batch, revoked=False)
    ids = list(standing.order_by("account_id", "pk").values_list("pk", flat=True))
    for start in range(0, len(ids), REVOKED_AT_ONCE):
        yield from _revoke(award_ids=ids[start : start + REVOKED_AT_ONCE], actor=actor, at=at)


@outermost_retried
def _revoke(*, award_ids: Sequence[int], actor: str, at: datetime) -> list[Award]:
    db = write_db()
    with transaction.atomic(using=db):
        standing = Award.objects.using(db).filter(pk__in=award_ids, revoked=False)
        accounts = Account.objects.using(db).filter(awards__in=standing).values_list("pk", flat=True)
        # Accounts before awards, as everywhere.
        list(Account.objects.using(db).select_for_update().filter(pk__in=set(accounts)).order_by("pk"))
        awards = list(standing.select_for_update().order_by("account_id", "pk"))
        hold_still(awards=awards, fresh=(), books=())
        claws = {award.pk: _claw(award) for award in awards if award.given}
        posted = ledger.claw_back_together(claws=list(claws.values()), at=at, actor=actor)
        for award in awards:
            if claw := claws.get(award.pk):
                award.forgiven += posted[claw.account_id, claw.key].forgiven
                award.given, award.syncs = 0, award.syncs + 1
            settle(award=award, target=0)
            award.revoked = True
        write_fields(rows=awards, fields=["given", "forgiven", "syncs", "revoked", "counted"])
    return awards


def _claw(award: Award) -> ledger.Claw:
    return ledger.Claw(
        account_id=award.account_id,
        source=award.source,
        points=award.given,
        key=f"{award.source}:sync:{award.syncs + 1}",
        because=Because("batch_undone", batch=award.batch),
        forgiven_before=award.forgiven,
    )
