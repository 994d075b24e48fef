"""What a member takes along of rewards, and what is forgotten with the member."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import data_exports, erasures
from loyalty_oscar.program.models import Member
from loyalty_oscar.redemption.claims import claims_of
from loyalty_oscar.redemption.models import Claim, ClaimStep


@data_exports.register("rewards")
def rewards(*, member: Member) -> list[dict[str, Any]]:
    """
    Return each reward that a member has or had, what the member wrote, and the reasons that staff typed.

    A code is told of what is used alone: whoever has read it cannot give the reward back any more.
    """
    found = claims_of(member_id=member.pk).prefetch_related("steps").order_by("got_at", "pk")
    return [
        {
            "reward": claim.reward.name,
            "since": claim.got_at.isoformat(),
            "until": claim.valid_until.isoformat() if claim.valid_until else None,
            "paid_points": claim.paid,
            "order": claim.order_id,
            "state": claim.state,
            "why": words.why(claim.because),
            "wrote": claim.text,
            "reasons": [step.note for step in claim.steps.all() if step.note],
            "code": claim.code.code if claim.state == Claim.State.USED and hasattr(claim, "code") else None,
        }
        for claim in found
    ]


@erasures.register("rewards")
def erase(*, member: Member, at: datetime) -> None:
    """Forget what the member wrote and what staff typed; what was paid for stays with the pseudonym."""
    Claim.objects.using(write_db()).filter(member=member).update(text="")
    ClaimStep.objects.using(write_db()).filter(claim__member=member).update(note="")
