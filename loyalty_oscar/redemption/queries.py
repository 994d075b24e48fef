"""Reading what points may pay for, and what they paid for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from django.db.models import Q, QuerySet, Sum

from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.program.queries import remembered, version_of, versions, worth_of
from loyalty_oscar.program.rows import find_rows

from .models import Redemption, UseTerms
from .rules import Limits, Worth


def terms_of(*, program_id: int) -> UseTerms | None:
    """Return what a program lets points pay for, or None where nobody can use any (remembered)."""
    terms = _remembered(program_id)
    return terms if terms and terms.is_on else None


def has_terms(*, program_id: int) -> bool:
    """Return whether points could ever pay for something in a program, also where they cannot any more."""
    return _remembered(program_id) is not None


def _remembered(program_id: int) -> UseTerms | None:
    return remembered(
        key=("use-terms", program_id), version=version_of(program_id=program_id), load=lambda: _load(program_id)
    )


def _load(program_id: int) -> UseTerms | None:
    terms = UseTerms.objects.using(write_db()).filter(program_id=program_id).first()
    if terms and terms.is_on:
        terms.known_sets = frozenset(terms.excluded_sets.using(write_db()).values_list("code", flat=True))
        terms.known_least = dict(terms.least_orders.using(write_db()).values_list("currency", "minor"))
    return terms


def limits_of(*, terms: UseTerms, currency: str) -> Limits:
    """Return the limits for a basket in this currency."""
    return Limits(
        share=terms.share,
        minimum=terms.minimum,
        step=terms.step,
        least_order=terms.known_least.get(currency, 0),
        excluded=terms.known_sets,
        not_on_exclusive=terms.not_on_exclusive,
        not_on_discounted=terms.not_on_discounted,
        not_with_vouchers=terms.not_with_vouchers,
    )


def worth_in(*, program_id: int, currency: str) -> Worth | None:
    """Return what points buy in this currency, or None where nobody said it (at most a minute old, for pages)."""
    row = worth_of(program_id=program_id).get(currency)
    return Worth(points=row.points, minor=row.minor, currency=currency) if row else None


def worth_now(*, program_id: int, currency: str) -> Worth | None:
    """Return the same as it stands this moment, for a promise: what a page shows may be a minute old. One query."""
    row = PointWorth.objects.using(write_db()).filter(program_id=program_id, currency=currency).first()
    return Worth(points=row.points, minor=row.minor, currency=currency) if row else None


def promised(*, redemption: Redemption) -> Worth:
    """Return what the points of a use buy: what they did when they were set aside."""
    return Worth(points=redemption.per_points, minor=redemption.per_minor, currency=redemption.currency)


def latest_for(*, slot: str) -> Redemption | None:
    """
    Return what was last set aside for a slot, with its hold, account, member, unit and program, or None. One query.

    Its hold may have gone back since (`is_open`).
    """
    return next((row for row in on_basket(slot=slot) if row.claim_id is None), None)


def on_basket(*, slot: str) -> list[Redemption]:
    """
    Return all that names a slot, newest first: points that are or were set aside for it, each with its hold, account,
    member, unit and program, and rewards that were put on it, each with its claim, reward, member and program. One
    query.
    """
    return find_rows(rows=_uses(write_db()), column="slot", keys=[slot])


@lru_cache(maxsize=10)
def _uses(db: str) -> QuerySet[Redemption]:
    points = ("hold__account__member", "hold__account__unit__program")
    rewards = ("claim__reward__program__unit", "claim__member")
    return Redemption.objects.using(db).order_by("-pk").select_related(*points, *rewards)


def open_for(*, slot: str) -> Redemption | None:
    """Return what is set aside for a slot, as `latest_for` does, or None. One query."""
    found = latest_for(slot=slot)
    return found if found and is_open(redemption=found) else None


def is_open(*, redemption: Redemption) -> bool:
    """Return whether the points of a use are still set aside."""
    return redemption.hold.state == Hold.State.OPEN


def can_be_set_aside() -> bool:
    """Return whether points could ever be set aside in any program (remembered); without that nothing is asked."""
    return remembered(key="any-use-terms", version=versions(), load=UseTerms.objects.using(write_db()).exists)


def uses_of(*, order_ids: Iterable[int]) -> dict[int, list[Redemption]]:
    """Return what these orders used, points and rewards, oldest first, by order. One query."""
    found: dict[int, list[Redemption]] = {}
    rows = Redemption.objects.using(write_db()).filter(order_id__in=list(order_ids))
    for row in rows.select_related("hold", "claim__reward").order_by("pk"):
        if row.order_id is not None:
            found.setdefault(row.order_id, []).append(row)
    return found


def use_in_force(*, order_id: int) -> Redemption | None:
    """Return the use that an order's discount stands for, with its account, or None."""
    rows = Redemption.objects.filter(order_id=order_id, is_replaced=False, claim=None)
    return rows.select_related("hold__account__unit").order_by("-pk").first()


def taken_since(*, account_id: int, since: datetime, but: str = "") -> int:
    """Return the points an account used since then (less what came back) and has set aside, but for one slot."""
    rows = Redemption.objects.using(write_db()).filter(hold__account_id=account_id)
    used = Sum("points", filter=Q(used_at__gte=since), default=0)
    back = Sum("returned", filter=Q(used_at__gte=since), default=0)
    held = Sum("hold__points", filter=Q(hold__state=Hold.State.OPEN) & ~Q(hold__slot=but), default=0)
    sums = rows.aggregate(used=used, back=back, held=held)
    return sums["used"] - sums["back"] + sums["held"]
