"""
Who bought what: an order is whose it was when it was placed, also where staff gave it to somebody else since.

The shop's own `order.user` says who sees it now; whose first it was, who is a known customer and who may review its
goods hangs on who placed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.models import CharField, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast
from oscar.core.loading import get_model

from loyalty_oscar.program.db import write_db

from ..models import OrderSync
from ..storefront.visit import Visit
from . import statuses


def name_of(*, user_id: Any) -> str:
    """Return a user as the mark of an order that is somebody else's now names them: as the database writes the key."""
    key = get_user_model()._meta.pk
    return str(key.get_db_prep_value(key.to_python(user_id), connection=connections[write_db()]))


def placer_of(*, order: Any) -> Any:
    """
    Return the user who placed an order that is somebody else's or nobody's now; None where it is still theirs, or they
    have left. One query where it was moved, and one for the mark.
    """
    mark, users = mark_of(order=order), get_user_model()
    if mark is None or not mark.moved_from:
        return None
    return users._default_manager.filter(pk=users._meta.pk.to_python(mark.moved_from)).first()


def mark_of(*, order: Any) -> OrderSync | None:
    """Return the mark of an order, if there is one; whoever asks for this instance of the order again asks no query."""
    known = vars(order)
    if "_loyalty_mark" not in known:
        known["_loyalty_mark"] = OrderSync.objects.using(write_db()).filter(order_id=order.pk).first()
    return known["_loyalty_mark"]


def not_moved(*, orders: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of the orders that are still whose they were when they were placed."""
    return orders.filter(~Exists(OrderSync.objects.filter(order_id=OuterRef("pk")).exclude(moved_from="")))


def moved_away(*, orders: QuerySet[Any], names: Iterable[str]) -> QuerySet[Any]:
    """Return those of the orders that are no longer whose they were, each with the name (`loyalty_placed_by`)."""
    marks = OrderSync.objects.filter(moved_from__in=list(names))
    of_order = marks.filter(order_id=OuterRef("pk")).values("moved_from")
    return orders.filter(pk__in=marks.values("order_id")).annotate(loyalty_placed_by=Subquery(of_order[:1]))


def placed_by(*, orders: QuerySet[Any], user_id: Any) -> QuerySet[Any]:
    """Return those of the orders that are somebody's (a key, or a reference to one) and always were."""
    return not_moved(orders=orders).filter(user_id=user_id)


def moved_from(*, orders: QuerySet[Any], user_id: Any) -> QuerySet[Any]:
    """Return those of the orders that somebody (a key, or a reference to one) placed and that are not theirs now."""
    name = Cast(user_id, CharField(max_length=40)) if isinstance(user_id, OuterRef) else name_of(user_id=user_id)
    # Nobody is named by nothing. Said here, because the index holds only marks that name somebody.
    marks = OrderSync.objects.filter(moved_from=name).exclude(moved_from="")
    return orders.filter(pk__in=marks.values("order_id"))


def bought_by(*, orders: QuerySet[Any], user_id: Any) -> QuerySet[Any]:
    """Return the keys of those of the orders that somebody placed."""
    own, moved = placed_by(orders=orders, user_id=user_id), moved_from(orders=orders, user_id=user_id)
    return own.order_by().values("pk").union(moved.order_by().values("pk"), all=True)


def has_bought(*, user_id: Any, before: datetime | None = None) -> bool:
    """Return whether somebody placed an order that stands, at all or before a moment. One query."""
    orders = statuses.standing(orders=get_model("order", "Order").objects.all())
    orders = orders.filter(date_placed__lt=before) if before else orders
    return bought_by(orders=orders, user_id=user_id).exists()


def visitor_has_bought(*, visit: Visit) -> bool:
    """Return whether a visitor who is signed in placed an order that stands. One query a visit."""
    user_id = visit.user.pk
    return bool(visit.once(key=("bought", user_id), load=lambda: has_bought(user_id=user_id)))
