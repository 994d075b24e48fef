"""What an invited friend gets with the first order, told on every step until it is earned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import clock, money, words
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.operations import verdict_now
from loyalty_oscar.referrals.queries import about_newcomer, scheme_of, schemes
from loyalty_oscar.referrals.rules import ALLOW, BLOCK

from ..notices.letters import first_name
from ..storefront.visit import Visit
from .pending_codes import carried, inviter, is_due


@dataclass(frozen=True, kw_only=True, slots=True)
class Gift:
    """
    What waits for somebody: from whom (a first name, or nothing), how many points or which reward (`in_words`), for
    what order at least, and whether it `is_sure`, or somebody looks at it first.
    """

    name: str
    points: int
    in_words: str
    least_minor: int
    currency: str
    is_sure: bool = True

    @property
    def text(self) -> str:
        """ "Boris invites you: 150 paws with your first order from 25.00 €." """
        if not self.is_sure:
            return looked_at(said={"name": self.name, "points": self.in_words})
        parts = {"name": self.name, "points": self.in_words}
        parts["least"] = money.in_words(minor=self.least_minor, currency=self.currency)
        if not self.name:
            text = pgettext("loyalty", "A friend invites you: %(points)s with your first order from %(least)s.")
        else:
            text = pgettext("loyalty", "%(name)s invites you: %(points)s with your first order from %(least)s.")
        return text % parts


def gift_of(*, request: Any) -> Gift | None:
    """
    Return what waits for this visitor: by the code that the visit carries, or by the tie to whoever brought them.

    Nothing is asked of strangers without a code, nor where nobody ever invited; one query of members, more of who was
    brought.
    """
    visit = request.loyalty
    if visit.unit is None or not visit.is_earning:
        return None
    if request.user.is_authenticated:
        row = referral_of(visit=visit)
        waits = row is not None and row.state == Referral.State.INVITED
        return _gift_of_newcomer(visit, row) if waits else None
    scheme = scheme_of(program_id=visit.unit.program_id)
    codes = carried(request=request) if scheme and is_due(request=request) else []
    if not codes or not scheme.promise("newcomer"):
        return None
    return _gift(visit, scheme, inviter(request=request), is_sure=not scheme.is_approved)


def referral_of(*, visit: Visit) -> Referral | None:
    """Return who brought this visitor and what was promised. One query for members where friends are invited."""
    if visit.unit is None or visit.member is None or visit.unit.program_id not in schemes():
        return None
    member_id = visit.member.pk
    return visit.once(key="referral", load=lambda: about_newcomer(member_id=member_id))


def verdict_of(*, visit: Visit, referral: Referral) -> str:
    """Return what the checks say before the order, as they will say after it. Ten queries, for who was brought."""
    load = partial(verdict_now, referral=referral, at=clock.now())
    return visit.once(key=("referral-verdict", referral.pk), load=load)


def looked_at(*, said: Mapping[str, str]) -> str:
    """Return "Boris invited you: that can bring 150 paws more. We check it first." """
    if said["name"]:
        return pgettext("loyalty", "%(name)s invited you: that can bring %(points)s more. We check it first.") % said
    return pgettext("loyalty", "A friend invited you: that can bring %(points)s more. We check it first.") % said


def _gift_of_newcomer(visit: Visit, row: Referral) -> Gift | None:
    """Return what was promised to who was brought; nothing where the checks say that it will not come."""
    verdict = verdict_of(visit=visit, referral=row) if row.promise("newcomer") else BLOCK
    if verdict == BLOCK:
        return None
    return _gift(visit, row, first_name(user=row.giver.user), is_sure=verdict == ALLOW)


def _gift(visit: Any, told: Any, name: str, is_sure: bool) -> Gift:
    """Return it as a scheme promises it to newcomers, or as it was promised to one."""
    unit = visit.unit
    return Gift(
        name=name,
        points=told.newcomer_points,
        in_words=words.promised(unit=unit, row=told, prefix="newcomer_"),
        least_minor=max(1, told.least_minor),
        currency=unit.program.currency,
        is_sure=is_sure,
    )


def missing(*, gift: Gift, basket: Any) -> str:
    """Return "5.10 € to go" for what the goods of a basket miss, or that they are enough; nothing in other money."""
    if basket.currency != gift.currency:
        return ""
    goods = basket.total_incl_tax if basket.is_tax_known else basket.total_excl_tax
    left = gift.least_minor - money.to_minor(amount=goods, currency=gift.currency)
    if left <= 0:
        return pgettext("loyalty", "This basket is enough.")
    return pgettext("loyalty", "%(amount)s to go.") % {"amount": money.in_words(minor=left, currency=gift.currency)}


def welcome(*, referral: Referral, visit: Any) -> str:
    """Return what a newcomer reads after registering by an invitation; nothing where that brings a newcomer nothing."""
    gift = _gift_of_newcomer(visit, referral)
    return gift.text if gift else ""
