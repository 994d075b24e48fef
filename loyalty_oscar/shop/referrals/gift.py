"""What an invited friend gets with the first order, told on every step until it is earned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.queries import about_newcomer, scheme_of, schemes

from ..notices.letters import first_name
from ..storefront.visit import Visit
from .pending_codes import carried, inviter, is_due


@dataclass(frozen=True, kw_only=True, slots=True)
class Gift:
    """
    What waits for somebody: from whom (a first name, or nothing), how many points or which reward (`in_words`), and for
    what order at least.
    """

    name: str
    points: int
    in_words: str
    least_minor: int
    currency: str

    @property
    def text(self) -> str:
        """ "Boris invites you: 150 paws with your first order from 25.00 €." """
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

    Nothing is asked of strangers without a code, nor where nobody invites; one query of members.
    """
    visit = request.loyalty
    scheme = scheme_of(program_id=visit.unit.program_id) if visit.unit and visit.is_earning else None
    if scheme is None:
        return None
    if not request.user.is_authenticated:
        codes = carried(request=request) if is_due(request=request) else []
        return _gift(visit, scheme, inviter(request=request)) if codes and scheme.promise("newcomer") else None
    row = referral_of(visit=visit)
    if row is None or row.state != Referral.State.INVITED or not row.promise("newcomer"):
        return None
    return _gift(visit, row, first_name(user=row.giver.user))


def referral_of(*, visit: Visit) -> Referral | None:
    """Return who brought this visitor and what was promised. One query for members where friends are invited."""
    if visit.unit is None or visit.member is None or visit.unit.program_id not in schemes():
        return None
    member_id = visit.member.pk
    return visit.once(key="referral", load=lambda: about_newcomer(member_id=member_id))


def _gift(visit: Any, told: Any, name: str) -> Gift:
    """Return it as a scheme promises it to newcomers, or as it was promised to one."""
    unit = visit.unit
    return Gift(
        name=name,
        points=told.newcomer_points,
        in_words=words.promised(unit=unit, row=told, prefix="newcomer_"),
        least_minor=max(1, told.least_minor),
        currency=unit.program.currency,
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
    if not referral.promise("newcomer"):
        return ""
    return _gift(visit, referral, first_name(user=referral.giver.user)).text
