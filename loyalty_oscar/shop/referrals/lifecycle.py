"""What a member takes along of friends and invitations, and what is forgotten with the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.program.hooks import data_exports, erasures
from loyalty_oscar.program.models import Member
from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.referrals.operations import forget
from loyalty_oscar.referrals.queries import brought_by

#: Checks that look at the newcomer alone.
ABOUT_ONESELF = {"known-customer"}


@data_exports.register("referrals")
def referrals(*, member: Member) -> dict[str, Any]:
    """
    Return a member's code, how the member came, and each friend's state as the page says it, without the friend's name.

    What the checks found stays with the shop, but for what is about the member alone: it would tell of a friend, and
    whoever invents friends what gave them away.
    """
    code = Code.objects.filter(member=member).first()
    came = Referral.objects.filter(newcomer=member).select_related("newcomer_reward").first()
    return {
        "code": code.code if code else None,
        "was_invited": _came(came) if came else None,
        "friends": [_row(row, "giver") for row in brought_by(member_id=member.pk)],
    }


def _row(row: Referral, side: str) -> dict[str, Any]:
    # That somebody is to look at it says that something was found.
    state = Referral.State.INVITED if row.state == Referral.State.REVIEW else row.state
    has = row.has(side)
    reward = getattr(row, f"{side}_reward").name if has.reward_id is not None else None
    return {"since": row.bound_at.isoformat(), "state": str(state), "points": has.points, "reward": reward}


def _came(row: Referral) -> dict[str, Any]:
    own = [found for found in row.findings if found["check"] in ABOUT_ONESELF]
    return {**_row(row, "newcomer"), "findings": own}


@erasures.register("referrals")
def erase(*, member: Member, at: datetime) -> None:
    """Forget the code and what staff typed; who brought whom stays with the pseudonyms, for returns to find."""
    forget(member=member)
