"""Panels on Oscar's pages of a customer and of an order: what the customer has, and the way to goodwill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import contributions
from loyalty_oscar.program.models import Program, State, Unit
from loyalty_oscar.program.worth import worth

from ..orders.buyers import placer_of
from . import history
from .links import admin_url, user_url
from .permissions import may_give

Piece = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Balance:
    """What a customer has in one program; `account` None where there is nothing yet."""

    unit: Unit
    account: Account | None
    worth: str
    may_give: bool
    member_url: str = ""


def balances(*, user: Any, staff: Any, unit: Unit | None) -> list[Balance]:
    """Return the customer's accounts in all programs, and the site's program where the customer has none there."""
    found = Account.objects.filter(member__user_id=user.pk, member__merged_into=None)
    found = found.select_related("unit__program", "member")
    give = may_give(staff) and staff.pk != user.pk
    link = staff.has_perm("loyalty_program.view_member")
    rows = [
        Balance(
            row.unit,
            row,
            worth(unit=row.unit, points=row.available),
            give and _open(row.unit.program),
            admin_url("loyalty_program_member_change", row.member_id) if link else "",
        )
        for row in found.order_by("unit__program__name")
    ]
    if unit is not None and unit.pk not in {row.unit.pk for row in rows}:
        joins = unit.program.enrolment == Program.Enrolment.AUTOMATIC
        rows.append(Balance(unit, None, "", give and joins and _open(unit.program)))
    return rows


def _open(program: Program) -> bool:
    return program.state not in (State.DRAFT, State.CLOSED)


@contributions.register("dashboard:user", "balance")
def customer(*, subject: Any, request: Any) -> Piece | None:
    """Return what a customer has."""
    visit = getattr(request, "loyalty", None)
    rows = balances(user=subject, staff=request.user, unit=visit.unit if visit else None)
    return ("loyalty/dashboard/balance.html", {"customer": subject, "balances": rows}) if rows else None


@contributions.register("dashboard:user", "history", order=60)
def newest(*, subject: Any, request: Any) -> Piece | None:
    """Return the newest lines of a customer with why, and the messages to them."""
    accounts = Account.objects.filter(member__user_id=subject.pk, member__merged_into=None)
    rows = [
        {
            "program": account.unit.program,
            "lines": history.lines(account=account, staff=request.user),
            "messages": history.messages_to(member=account.member, zone=account.unit.program.time_zone),
        }
        for account in accounts.select_related("unit__program", "member").order_by("unit__program__name")
    ]
    return ("loyalty/dashboard/history.html", {"histories": rows}) if rows else None


@contributions.register("dashboard:order", "balance", order=10)
def customer_of_order(*, subject: Any, request: Any) -> Piece | None:
    """Return what the customer of an order has, and who placed it, where that is somebody else."""
    placer = placer_of(order=subject)
    if placer is None:
        return customer(subject=subject.user, request=request) if subject.user else None
    found = customer(subject=placer, request=request)
    told = {"placer": placer, "owner": subject.user, "placer_url": user_url(placer)}
    return "loyalty/dashboard/moved.html", {**(found[1] if found else {"customer": placer, "balances": []}), **told}
