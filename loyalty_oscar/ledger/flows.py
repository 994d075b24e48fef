"""What an entry does to what members have together, as those who look after the money say it: the one place of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .models import Counter, Kind


class Flow(StrEnum):
    """Where points come from and where they go. The sum of all flows is the change of what members have."""

    GIVEN = "given"
    IMPORTED = "imported"
    BY_HAND = "by_hand"
    BACK = "back"
    USED = "used"
    OUT = "out"
    BETWEEN = "between"
    WITHIN = "within"


#: Flows that points come in by, and, undone, leave by: what somebody gave.
GIVING = (Counter.ISSUANCE, Counter.ADJUSTMENT)
_OF: Mapping[str, Flow] = {
    Counter.ISSUANCE: Flow.GIVEN,
    Counter.REDEMPTION: Flow.USED,
    Counter.BREAKAGE: Flow.OUT,
    Counter.ADJUSTMENT: Flow.BY_HAND,
    Counter.TRANSFER: Flow.BETWEEN,
    Counter.SELF: Flow.WITHIN,
}


def flow_of(*, kind: str, counter: str) -> Flow:
    """
    Return the flow of an entry of this kind and other side.

    What was given and taken back again, because an order stands after all, is less taken back, not more given; points
    used that come back with an order are less used.
    """
    if counter == Counter.ISSUANCE and kind in (Kind.CLAW, Kind.RESTORE):
        return Flow.BACK
    if counter == Counter.ADJUSTMENT and kind == Kind.IMPORT:
        return Flow.IMPORTED
    return _OF[counter]
