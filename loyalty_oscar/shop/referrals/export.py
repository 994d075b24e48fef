"""What a member takes along of friends and invitations, and what is forgotten with the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import checks
from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.referrals.operations import forget
from loyalty_oscar.referrals.queries import brought_by


@checks.register("export:referrals")
def referrals(*, member: Member) -> dict[str, Any]:
    """Return a member's code, how the member came, and each friend's state without the friend's name."""
    code = Code.objects.filter(member=member).first()
    came = Referral.objects.filter(newcomer=member).first()
    return {
        "code": code.code if code else None,
        "was_invited": _row(came, came.newcomer_points if came.rewarded_at else 0) if came else None,
        "friends": [_row(row, row.points_of_giver) for row in brought_by(member_id=member.pk)],
    }


def _row(row: Referral, points: int) -> dict[str, Any]:
    return {"since": row.bound_at.isoformat(), "state": row.state, "points": points, "findings": row.findings}


@checks.register("erase:referrals")
def erase(*, member: Member, at: datetime) -> None:
    """Forget the code and what staff typed; who brought whom stays with the pseudonyms, for returns to find."""
    forget(member=member)
