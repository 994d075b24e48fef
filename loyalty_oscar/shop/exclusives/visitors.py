"""Which sales a product is in, and what a visitor or a buyer may do with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.exclusives import rules
from loyalty_oscar.exclusives.models import Sale
from loyalty_oscar.exclusives.queries import asks_segments, counts_of, sales_in_force
from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import member_of, remembered, versions
from loyalty_oscar.program.registries import facts
from loyalty_oscar.program.segments import segments_of

from ..orders.buyers import visitor_has_bought
from ..orders.product_sets import all_of
from ..storefront.visit import Visit

NOBODY = rules.Who()


def sales_of_visit(*, visit: Visit) -> list[Sale]:
    """Return the sales in force in the shop of a visit (at most a minute old, then without a query)."""
    return sales_in_force(program_id=visit.unit.program_id) if visit.unit else []


def products_of(*, sale: Sale) -> frozenset[int]:
    """Return the ids of a sale's products, with the parents of single variants, whose page tells of them too."""
    ids = all_of(code=sale.product_set.code)
    return remembered(key=("parents", ids), version=versions(), load=lambda: ids | _parents(ids))


def _parents(ids: frozenset[int]) -> frozenset[int]:
    children = get_model("catalogue", "Product").objects.using(write_db()).filter(pk__in=ids, parent__isnull=False)
    return frozenset(children.values_list("parent_id", flat=True))


def sales_with(*, sales: Iterable[Sale], product_id: int) -> list[Sale]:
    """Return those of these sales that a product is in."""
    return [sale for sale in sales if product_id in products_of(sale=sale)]


def sales_for(*, visit: Visit, product_id: int) -> list[Sale]:
    """Return the sales in force that a product is in."""
    return [sale for sale, ids in sets_of_visit(visit=visit) if product_id in ids]


def sets_of_visit(*, visit: Visit) -> list[tuple[Sale, frozenset[int]]]:
    """Return the sales in force with the ids of their products: a list of products walks through them once a visit."""
    return visit.once(
        key="sales", load=lambda: [(sale, products_of(sale=sale)) for sale in sales_of_visit(visit=visit)]
    )


def sold_out(*, product_id: int, visit: Visit) -> Sale | None:
    """Return the open sale of a product that has no piece left, or None. Two queries a visit where pieces count."""
    every = visit.once(
        key="counted", load=lambda: {sale.pk for sale in sales_of_visit(visit=visit) if sale.quota is not None}
    )
    counted = [sale for sale in sales_for(visit=visit, product_id=product_id) if sale.pk in every] if every else []
    if not counted:
        return None
    at, who = clock.now(), who_visits(visit=visit)
    counts = visit.once(key="counts", load=lambda: counts_of(sale_ids=every, at=at))
    empty = [sale for sale in counted if (count := counts.get(sale.pk)) and count.taken >= sale.quota]
    return next((sale for sale in empty if rules.admission(sale=sale.dates, who=who, at=at).buys), None)


def who_visits(*, visit: Visit) -> rules.Who:
    """Return a visitor as sales see one: strangers cost nothing, members at most three queries a visit."""
    user = visit.user
    if user is None or not user.is_authenticated:
        return NOBODY
    if visit.member is None:
        return rules.Who(rank=_rank_of_visit(visit))
    return visit.once(key=("who", user.pk), load=lambda: _who(visit))


def _who(visit: Visit) -> rules.Who:
    member_id, rank = visit.member.pk, _rank_of_visit(visit)
    asks = asks_segments(program_id=visit.unit.program_id)
    segments = segments_of(member_id=member_id) if asks else frozenset()
    return rules.Who(is_member=True, rank=rank, segments=segments)


def _rank_of_visit(visit: Visit) -> int:
    known = visit.facts(names=[name for name in ("tier_rank",) if name in facts], at=clock.now())
    return known.get("tier_rank", 0)


def is_known(*, visit: Visit) -> bool:
    """
    Return whether the shop knows a visitor: somebody who bought something here that stands, or is in a segment by name.

    Accounts cost nothing, and a level may: these prove nobody. One query a visit, none for guests.
    """
    user = visit.user
    if user is None or not user.is_authenticated:
        return False
    return bool(who_visits(visit=visit).segments) or visitor_has_bought(visit=visit)


def who_buys(*, program_id: int, user_id: Any, at: datetime, basket: Any = None) -> rules.Who:
    """
    Return the buyer of an order as sales see one: as this very request knows the basket's owner, else fresh.

    At most three queries, none for guests.
    """
    strategy = basket.strategy if basket is not None and basket.has_strategy else None
    visit = getattr(strategy, "loyalty_visit", None)
    is_theirs = user_id and visit and visit.request is not None and getattr(visit.user, "pk", None) == user_id
    if is_theirs and visit.unit and visit.unit.program_id == program_id:
        return who_visits(visit=visit)
    member = member_of(program_id=program_id, user_id=user_id) if user_id else None
    if member is None:
        return NOBODY
    segments = segments_of(member_id=member.pk) if asks_segments(program_id=program_id) else frozenset()
    return rules.Who(is_member=True, rank=_rank(member.pk, at), segments=segments)


def _rank(member_id: int, at: datetime) -> int:
    if "tier_rank" not in facts:
        return 0
    return facts.get("tier_rank")(members=[member_id], at=at).get(member_id, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """
    What a basket or an order has to do with sales: the one that is `closed` to its buyer, whether that product is
    hidden from them, and `pieces` by sale and product id.
    """

    closed: Sale | None
    is_hidden: bool
    pieces: Mapping[Sale, Mapping[int, int]]


def wanted(*, sales: Sequence[Sale], quantities: Sequence[tuple[int, int]], who: rules.Who, at: datetime) -> Wanted:
    """Return what these products (id, quantity) want of sales: the first closed one, and pieces of those open."""
    closed, is_hidden, pieces = None, False, {}
    for product_id, quantity in quantities:
        found = {sale.pk: sale for sale in sales_with(sales=sales, product_id=product_id)}
        dates = [sale.dates for sale in found.values()]
        shut = rules.closed_by(sales=dates, who=who, at=at)
        if shut and not closed:
            closed, is_hidden = found[shut.id], rules.is_hidden(sales=dates, who=who, at=at)
        for sale in found.values():
            if rules.admission(sale=sale.dates, who=who, at=at).buys:
                of_sale = pieces.setdefault(sale, {})
                of_sale[product_id] = of_sale.get(product_id, 0) + quantity
    return Wanted(closed=closed, is_hidden=is_hidden, pieces=pieces)


def sold_elsewhere(
    *, sales: Sequence[Sale], quantities: Sequence[tuple[int, int]], at: datetime
) -> Mapping[Sale, Mapping[int, int]]:
    """Return what products (id, quantity) take of the sales that have begun for anybody, by sale and product id."""
    pieces: dict[Sale, dict[int, int]] = {}
    begun = [sale for sale in sales if rules.has_begun(sale=sale.dates, at=at)]
    for product_id, quantity in quantities:
        for sale in sales_with(sales=begun, product_id=product_id):
            of_sale = pieces.setdefault(sale, {})
            of_sale[product_id] = of_sale.get(product_id, 0) + quantity
    return pieces
