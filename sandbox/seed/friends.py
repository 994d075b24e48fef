"""Bringing a friend in the demo shop: open since today, so that the past stands as it was."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.referrals.operations import code_of

MOST_CODES = 20


def open_invitations(*, at: datetime) -> None:
    """Let members of the Paw Club invite; those who earned most have made their links already."""
    program = Program.objects.get(code="paw-club")
    Scheme.objects.get_or_create(
        program=program, defaults={"giver_points": 150, "newcomer_points": 150, "least_minor": 2500}
    )
    accounts = Account.objects.filter(member__program=program, member__joined_at__lt=at).select_related("member")
    for account in accounts.exclude(member__user=None).order_by("-lifetime_earned", "pk")[:MOST_CODES]:
        code_of(member=account.member)
