"""
A guest's order finds its owner: on its thank-you page, or by an address that was confirmed.

An equal e-mail address alone proves nothing, so it never moves an order.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import Max, QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, TermsVersion
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import unit_for_site

from ..orders.sync import mark, sync_orders

logger = logging.getLogger("loyalty_oscar")
#: Links that were sent under the name before this one could be read in the account.
SALT = "loyalty_oscar.people.mailbox"
LINK_AGE = timedelta(days=3)


def keepable(*, email: str, at: datetime) -> QuerySet[Any]:
    """Return the guest orders of an address that may still be kept. Ask only for an address that was confirmed."""
    since = at - timedelta(days=conf.GUEST_DAYS)
    orders = get_model("order", "Order").objects.using(write_db()).filter(user=None, date_placed__gte=since)
    return orders.filter(guest_email__iexact=email.strip()) if email.strip() else orders.none()


def may_be_kept(*, order: Any, at: datetime) -> bool:
    """Return whether an order still waits for an owner."""
    return order.user_id is None and order.date_placed >= at - timedelta(days=conf.GUEST_DAYS)


def keep_orders(*, user: Any, email: str, at: datetime) -> list[int]:
    """
    Give a person the guest orders of an address that this person has confirmed; returns their primary keys.

    They earn at once if they were placed while the program earned. Where people join by choice, this does not
    join anybody.
    """
    rows = keepable(email=email, at=at).order_by("pk").values_list("pk", "guest_email")
    ids = [pk for pk, address in rows if _folded(address) == _folded(email)]
    return _give(ids, user=user, at=at, joins=False)


def _folded(address: str) -> str:
    """
    Return an address as it is compared with another.

    A database may take "ı" for "i" when it ignores case, and then an address like mıke@… would get the orders of
    mike@… (as in CVE-2019-19844).
    """
    return unicodedata.normalize("NFKC", address.strip()).casefold()


def keep_order(*, order: Any, user: Any, at: datetime) -> bool:
    """
    Give a guest's order to the person who placed it in this very session, and take part from that order on.

    The caller has shown the terms. Returns False where somebody was quicker.
    """
    return bool(may_be_kept(order=order, at=at) and _give([order.pk], user=user, at=at, joins=True))


def _give(order_ids: Iterable[Any], *, user: Any, at: datetime, joins: bool) -> list[int]:
    db = write_db()
    with transaction.atomic(using=db):
        orders = get_model("order", "Order").objects.using(db).select_for_update()
        found = list(orders.filter(pk__in=order_ids, user=None).order_by("date_placed"))
        for order in found:
            order.user = user
            order.save(update_fields=["user"])
            _join(order, user, at, joins)
        if found:
            _introduce(user, found[-1])
    ids = [order.pk for order in found]
    _sync(ids, at)
    return ids


def _introduce(user: Any, order: Any) -> None:
    """Tell an account what it does not know yet from an order that is now its own: names, and its first address."""
    rows = type(order)._default_manager.using(write_db()).select_related("billing_address", "shipping_address")
    order = rows.get(pk=order.pk)
    payer, there = order.billing_address or order.shipping_address, order.shipping_address
    try:
        with transaction.atomic(using=write_db()):
            known = {field.name for field in user._meta.fields}
            names = {name: getattr(payer, name, "") for name in ("first_name", "last_name") if name in known}
            news = {name: said for name, said in names.items() if said and not getattr(user, name)}
            for name, said in news.items():
                setattr(user, name, said[: user._meta.get_field(name).max_length])
            if news:
                user.save(update_fields=list(news))
            model = get_model("address", "UserAddress")
            if there is not None and not model.objects.using(write_db()).filter(user=user).exists():
                own = model(user=user)
                there.populate_alternative_model(own)
                own.save()
    except Exception:
        # Nobody loses points for a name that a shop's own model refuses.
        logger.exception("the account of user %s was not filled in from order %s", user.pk, order.pk)


def _join(order: Any, user: Any, at: datetime, agreed: bool) -> None:
    unit = unit_for_site(site_id=order.site_id)
    if unit is None:
        return
    program = unit.program
    begun = program.earns_from is not None and order.date_placed >= program.earns_from
    if begun and (agreed or program.enrolment == Program.Enrolment.AUTOMATIC):
        version = _terms(program, at) if agreed else None
        join(program=program, user_id=user.pk, at=order.date_placed, terms_version=version)


def _terms(program: Program, at: datetime) -> int | None:
    return (
        TermsVersion.objects.using(write_db())
        .filter(program=program, starts_at__lte=at)
        .aggregate(last=Max("version"))["last"]
    )


def _sync(order_ids: list[int], at: datetime) -> None:
    """Count the orders at once; a fault of ours is left to the sweep."""
    if not order_ids:
        return
    try:
        sync_orders(order_ids=order_ids, at=at)
    except Exception:
        logger.exception("kept orders %s could not be counted; the next sweep does it", order_ids)
        mark(order_ids=order_ids, at=at)


def make_token(*, user: Any) -> str:
    """Return what stands in the link that confirms the address a person has now."""
    return signing.dumps([str(user.pk), user.email], salt=SALT)


def is_token_of(*, token: str, user: Any) -> bool:
    """Return whether a link was made for this person and this address, at most three days ago."""
    try:
        found = signing.loads(token, salt=SALT, max_age=LINK_AGE)
    except signing.BadSignature:
        return False
    return found == [str(user.pk), user.email] and bool(user.email)
