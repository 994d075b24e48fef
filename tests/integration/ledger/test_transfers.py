"""Passing points on: their dates travel with them, and nothing is lost or made on the way."""

import pytest

from loyalty_oscar.kernel.errors import KeyMismatch, LoyaltyError, NotEnoughPoints
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Lot

from .books import NOW, WHY, a_unit, an_account, assert_clean, balance, capture, claw, dump, give, hold, later

pytestmark = pytest.mark.django_db


def transfer(giver, taker, points, *, key="t:1", at=NOW):
    """Pass points on."""
    return ledger.transfer(from_id=giver.pk, to_id=taker.pk, points=points, key=key, because=WHY, at=at)


@pytest.fixture
def pair():
    """Two accounts of one program."""
    unit = a_unit()
    return an_account(unit), an_account(unit)


class TestATransfer:
    def test_takes_each_lots_dates_along(self, pair):
        giver, taker = pair
        give(giver, 50, until=later(days=3))
        give(giver, 50, until=later(days=90))
        transfer(giver, taker, 70)
        taken = (
            Lot.objects.filter(account=taker).order_by("pk").values_list("granted", "expires_at", "first_expires_at")
        )
        assert list(taken) == [(50, later(days=3), later(days=3)), (20, later(days=90), later(days=90))]
        assert (balance(giver), balance(taker)) == ((30, 0, 0, 0), (70, 0, 0, 0))
        assert_clean()

    def test_sums_to_zero_over_both(self, pair):
        give(pair[0], 50)
        transfer(*pair, 20)
        assert sum(entry.net for entry in Entry.objects.filter(counter="transfer")) == 0

    def test_carries_a_used_up_grace_along(self, pair):
        give(pair[0], 50, until=later(days=3))
        Lot.objects.update(graced=True, extensions=2)
        transfer(*pair, 20)
        lot = Lot.objects.get(account=pair[1])
        assert (lot.graced, lot.extensions) == (True, 2)

    def test_in_a_ring_keeps_the_first_date(self):
        unit = a_unit()
        ring = [an_account(unit) for _ in range(3)]
        give(ring[0], 50, until=later(days=3))
        for step in range(7):
            transfer(ring[step % 3], ring[(step + 1) % 3], 50, key=f"t:{step}")
        assert [balance(account)[0] for account in ring] == [0, 50, 0]
        assert set(Lot.objects.values_list("expires_at", flat=True)) == {later(days=3)}
        assert sum(Account.objects.values_list("available", flat=True)) == 50
        assert_clean()

    def test_comes_once_per_key(self, pair):
        give(pair[0], 50)
        first = transfer(*pair, 20)
        before = dump()
        again = transfer(*pair, 20)
        assert [posted.replayed for posted in again] == [True, True]
        assert [posted.entry for posted in again] == [posted.entry for posted in first]
        with pytest.raises(KeyMismatch):
            transfer(*pair, 21)
        assert dump() == before

    def test_pays_first_what_the_taker_has_to_make_up(self, pair):
        giver, taker = pair
        give(giver, 50)
        give(taker, 30, source="order:1")
        capture(hold(taker, 30), 30)
        claw(taker, 30, source="order:1", key="c")
        transfer(giver, taker, 50)
        assert balance(taker) == (20, 0, 0, 0)
        assert_clean()


class TestATransferIsRefused:
    def check_refused(self, giver, taker, points, *, error=LoyaltyError, at=NOW):
        """Ask for it, and see that no row changed."""
        before = dump()
        with pytest.raises(error):
            transfer(giver, taker, points, at=at)
        assert dump() == before

    def test_to_oneself(self, pair):
        give(pair[0], 50)
        self.check_refused(pair[0], pair[0], 10)

    @pytest.mark.parametrize("points", [0, -5, 1.5, True, 51])
    def test_of_what_is_not_there(self, pair, points):
        give(pair[0], 50)
        self.check_refused(*pair, points)

    def test_of_points_on_the_way_or_set_aside(self, pair):
        give(pair[0], 50, ready=None)
        give(pair[0], 50)
        hold(pair[0], 40)
        self.check_refused(*pair, 11, error=NotEnoughPoints)

    def test_of_points_that_have_run_out(self, pair):
        give(pair[0], 50, until=later(days=1))
        self.check_refused(*pair, 1, error=NotEnoughPoints, at=later(days=1))

    def test_while_points_are_to_be_made_up(self, pair):
        give(pair[0], 50, source="order:1")
        capture(hold(pair[0], 50), 50)
        claw(pair[0], 50, source="order:1", key="c")
        self.check_refused(*pair, 1, error=NotEnoughPoints)

    def test_to_another_kind_of_points(self, pair):
        give(pair[0], 50)
        self.check_refused(pair[0], an_account(a_unit(code="other")), 10)
