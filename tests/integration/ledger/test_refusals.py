"""Whatever is refused leaves every row of the ledger as it was."""

import pytest

from loyalty_oscar.kernel.errors import KeyMismatch, LoyaltyError, NotAllowed, NotEnoughPoints
from loyalty_oscar.ledger import operations as ledger

from .books import NOW, WHY, an_account, capture, claw, dump, give, hold, later, restore

pytestmark = pytest.mark.django_db


def adjust(account, points, note="x", key="m:new"):
    """Change points by hand."""
    return ledger.adjust(
        account_id=account.pk, points=points, key=key, because=WHY, actor="staff:1", note=note, at=later(days=2)
    )


def back(account, points, key="g:new"):
    """Give back to order:1."""
    return ledger.give_back(account_id=account.pk, source="order:1", points=points, key=key, because=WHY, at=NOW)


# What is asked of an account with 75 ready (30 of them run out within a day), 30 on the way, an open hold of 10
# and a captured one of 20 of which 5 went back.
REFUSED = {
    "a key with other points": (KeyMismatch, lambda a, o, c: give(a, 101, source="order:1")),
    "a key with another source": (KeyMismatch, lambda a, o, c: give(a, 100, source="other", key="order:1:earn")),
    "a key of another operation": (KeyMismatch, lambda a, o, c: claw(a, 5, source="order:1", key="order:1:earn")),
    "a hold of too many": (NotEnoughPoints, lambda a, o, c: hold(a, 76, slot="basket:9")),
    "a hold after points ran out": (NotEnoughPoints, lambda a, o, c: hold(a, 46, slot="b:9", at=later(days=2))),
    "a hold in place of another of too many": (NotEnoughPoints, lambda a, o, c: hold(a, 86, slot="basket:1")),
    "a hold of nothing": (LoyaltyError, lambda a, o, c: hold(a, 0, slot="basket:9")),
    "a hold of less than nothing": (LoyaltyError, lambda a, o, c: hold(a, -5, slot="basket:9")),
    "a hold of half a point": (LoyaltyError, lambda a, o, c: hold(a, 0.5, slot="basket:9")),
    "a hold in somebody else's slot": (NotAllowed, lambda a, o, c: hold(an_account(a.unit), 1, slot="basket:1")),
    "using more than is set aside": (NotEnoughPoints, lambda a, o, c: capture(o, 11)),
    "using nothing": (NotEnoughPoints, lambda a, o, c: capture(o, 0)),
    "using the same again for more": (KeyMismatch, lambda a, o, c: capture(c, 19)),
    "giving back more than was used": (NotEnoughPoints, lambda a, o, c: restore(c, 16, key="r:new")),
    "giving back what was never used": (NotEnoughPoints, lambda a, o, c: restore(o, 1, key="r:new")),
    "giving back less than nothing": (NotEnoughPoints, lambda a, o, c: restore(c, -1, key="r:new")),
    "taking back nothing": (LoyaltyError, lambda a, o, c: claw(a, 0, source="order:1", key="c:new")),
    "taking back less than nothing": (LoyaltyError, lambda a, o, c: claw(a, -5, source="order:1", key="c:new")),
    "taking back half a point": (LoyaltyError, lambda a, o, c: claw(a, 0.5, source="order:1", key="c:new")),
    "taking back under no key": (LoyaltyError, lambda a, o, c: claw(a, 5, source="order:1", key="Ä")),
    "bringing back more than there was": (NotAllowed, lambda a, o, c: back(a, 101)),
    "bringing back nothing": (NotAllowed, lambda a, o, c: back(a, 0)),
    "bringing back less than nothing": (NotAllowed, lambda a, o, c: back(a, -1)),
    "taking by hand more than is ready": (NotEnoughPoints, lambda a, o, c: adjust(a, -46)),
    "changing nothing by hand": (LoyaltyError, lambda a, o, c: adjust(a, 0)),
    "changing half a point by hand": (LoyaltyError, lambda a, o, c: adjust(a, -0.5)),
    "changing by hand without a reason": (LoyaltyError, lambda a, o, c: adjust(a, 5, note="  ")),
    "a key by hand too long for its lot": (LoyaltyError, lambda a, o, c: adjust(a, 5, key="k" * 61)),
}


class TestARefusal:
    @pytest.mark.parametrize("what", REFUSED)
    def test_moves_nothing(self, what):
        error, ask = REFUSED[what]
        account = an_account()
        give(account, 100, source="order:1")
        give(account, 30, ready=None)
        used = hold(account, 20, slot="basket:0")
        capture(used, 20)
        restore(used, 5, key="r:1")
        give(account, 40, source="soon", until=later(days=1))
        claw(account, 40, source="order:1", key="c:1")
        opened = hold(account, 10, slot="basket:1")
        before = dump()
        with pytest.raises(error):
            ask(account, opened, used)
        after = dump()
        after["Account"] = [row for row in after["Account"] if row in before["Account"]]
        assert after == before

    def test_to_reverse_what_gave_nothing_moves_nothing(self):
        account = an_account()
        give(account, 100, source="order:1")
        taken = claw(account, 40, source="order:1", key="c:1").entry
        before = dump()
        with pytest.raises(NotAllowed, match="gave no points"):
            ledger.reverse(entry=taken, key="undo", because=WHY, at=NOW)
        assert dump() == before
