"""The fact `allows_personal`: who allows personal content; of the others it says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from loyalty_oscar.program.registries import facts
from loyalty_oscar.program.segment_rules import ALLOWS

from .consents import allowed
from .models import Consent


@facts.register(ALLOWS)
def allows_personal(*, members: Sequence[int], at: datetime) -> Mapping[int, bool]:
    """Return those of these members who allow personal content. One query."""
    return dict.fromkeys(allowed(purpose=Consent.Purpose.PERSONAL, member_ids=members, at=at), True)
