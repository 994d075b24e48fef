"""What a friend's invitation adds to the newcomer's order: told before it as it comes afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.kernel.facts import Purchase
from loyalty_oscar.program import money, words
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.queries import schemes
from loyalty_oscar.referrals.rules import ALLOW, BLOCK

from ..notices.letters import first_name
from ..storefront.promised import PromisedPart, purchase_gifts
from ..storefront.visit import Visit
from .gift import looked_at, referral_of, verdict_of


class InvitationGift:
    """The newcomer's side of a referral, as a part of what an order is about to bring."""

    def coming(self, *, purchase: Purchase | None, visit: Visit, at: datetime) -> Sequence[PromisedPart]:
        """
        Return what the invitation adds, or how far away it is. One query for members, more for who was brought.

        Where there is nothing to buy yet, the strip above (`gift`) tells it.
        """
        if purchase is None:
            return ()
        row = referral_of(visit=visit)
        if row is None or row.order_id is not None or not row.promise("newcomer"):
            return ()
        if (verdict := verdict_of(visit=visit, referral=row)) == BLOCK:
            return ()
        said, least = _said(visit, row), max(1, row.least_minor)
        if purchase.currency != row.program.currency:
            return ()
        missing = least - sum(line.paid_minor for line in purchase.lines)
        if missing > 0:
            return [PromisedPart(points=row.newcomer_points, text=_to_go(said, missing, row), is_sure=False)]
        if verdict != ALLOW:
            return [PromisedPart(points=row.newcomer_points, text=looked_at(said=said), is_sure=False)]
        return [PromisedPart(points=row.newcomer_points, text=with_invitation(said=said))]

    def came(self, *, order: Any, visit: Visit, at: datetime) -> Sequence[PromisedPart]:
        """
        Return what the invitation brought with this order, or that somebody looks at it first; who the visitor is, is
        asked where friends are invited.
        """
        row = referral_of(visit=visit) if visit.unit and visit.unit.program_id in schemes() else None
        if row is None or row.order_id != order.pk or not row.promise("newcomer"):
            return ()
        said = _said(visit, row)
        if row.state == Referral.State.REWARDED:
            return [PromisedPart(points=row.newcomer_points, text=with_invitation(said=said))]
        if row.state == Referral.State.REVIEW:
            return [PromisedPart(points=row.newcomer_points, text=looked_at(said=said), is_sure=False)]
        return ()


purchase_gifts.register("referrals", order=20)(InvitationGift())


def _said(visit: Visit, row: Referral) -> dict[str, str]:
    """Return what every sentence names: the points or the reward, and who invited (nothing where nobody knows)."""
    return {
        "points": words.promised(unit=visit.unit, row=row, prefix="newcomer_"),
        "name": first_name(user=row.giver.user),
    }


def with_invitation(*, said: dict[str, str]) -> str:
    """Return "Boris invited you: plus 150 paws"."""
    if said["name"]:
        return pgettext("loyalty", "%(name)s invited you: plus %(points)s") % said
    return pgettext("loyalty", "A friend invited you: plus %(points)s") % said


def _to_go(said: dict[str, str], missing: int, row: Referral) -> str:
    told = {**said, "amount": money.in_words(minor=missing, currency=row.program.currency)}
    if said["name"]:
        return pgettext("loyalty", "%(name)s invited you: order for %(amount)s more and get %(points)s on top.") % told
    return pgettext("loyalty", "A friend invited you: order for %(amount)s more and get %(points)s on top.") % told
