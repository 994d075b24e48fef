"""Setting points aside while a customer pays, using them, and giving them back."""

from datetime import timedelta

import pytest

from loyalty_oscar.kernel.errors import NotAllowed, NotEnoughPoints
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Hold, Lot

from .books import (
    NOW,
    WHY,
    an_account,
    assert_clean,
    balance,
    capture,
    claw,
    dump,
    give,
    hold,
    kinds,
    later,
    lots,
    restore,
)

pytestmark = pytest.mark.django_db


def release(held, *, at=NOW):
    """Give a hold back."""
    return ledger.release(hold_id=held.pk, account_id=held.account_id, because=WHY, at=at)


class TestAHold:
    def test_sets_aside_what_runs_out_first(self):
        account = an_account()
        give(account, 50, source="never")
        give(account, 30, source="late", until=later(days=40))
        give(account, 20, source="soon", until=later(days=4))
        held = hold(account, 45)
        assert balance(account) == (55, 0, 45, 0)
        assert lots(account) == [("never", 50, 0, "open"), ("late", 5, 25, "open"), ("soon", 0, 20, "open")]
        assert [(part.lot.source, part.points) for part in held.lots.order_by("pk")] == [("soon", 20), ("late", 25)]
        assert_clean()

    def test_changes_nothing_of_what_the_member_has_in_all(self):
        account = an_account()
        give(account, 50)
        hold(account, 20)
        entry = Entry.objects.get(kind="hold")
        assert (entry.net, entry.net_after, entry.available_after) == (0, 50, 30)

    @pytest.mark.parametrize(("first", "second"), [(100, 80), (80, 100), (100, 100), (1, 99)])
    def test_replaces_the_one_of_its_basket_and_may_use_its_points(self, first, second):
        account = an_account()
        give(account, 60)
        give(account, 40)
        old = hold(account, first)
        new = hold(account, second)
        old.refresh_from_db()
        assert balance(account) == (100 - second, 0, second, 0)
        assert (old.state, old.slot, new.slot) == ("released", None, "basket:1")
        assert sum(part.points for part in new.lots.all()) == second
        assert kinds(account) == ["earn", "earn", "hold", "release", "hold"]
        assert_clean()

    def test_of_another_basket_stands_beside_it(self):
        account = an_account()
        give(account, 100)
        hold(account, 60, slot="basket:1")
        hold(account, 40, slot="basket:2")
        assert balance(account) == (0, 0, 100, 0)
        assert_clean()

    def test_never_takes_what_has_run_out_however_late_the_job_is(self):
        account = an_account()
        give(account, 50, source="gone", until=later(days=1))
        give(account, 50, source="there")
        with pytest.raises(NotEnoughPoints):
            hold(account, 51, at=later(days=1))
        hold(account, 50, at=later(days=1))
        assert lots(account) == [("gone", 0, 0, "closed"), ("there", 0, 50, "open")]
        assert_clean()

    def test_can_use_points_until_the_second_they_run_out(self):
        account = an_account()
        give(account, 50, until=later(days=1))
        hold(account, 50, at=later(days=1) - timedelta(microseconds=1))
        assert balance(account) == (0, 0, 50, 0)

    def test_keeps_its_points_from_running_out(self):
        account = an_account()
        give(account, 50, until=later(days=1))
        held = hold(account, 30)
        assert ledger.expire(account_id=account.pk, at=later(days=2)) == 20
        assert balance(account) == (0, 0, 30, 0)
        capture(held, 30, at=later(days=2))
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()


class TestReleasing:
    def test_gives_everything_back_once(self):
        account = an_account()
        give(account, 50)
        held = hold(account, 30)
        assert release(held) is True
        before = dump()
        assert release(held) is False
        assert dump() == before
        assert balance(account) == (50, 0, 0, 0)
        assert_clean()

    def test_lets_run_out_what_ran_out_meanwhile(self):
        account = an_account()
        give(account, 50, until=later(days=1))
        give(account, 5)
        held = hold(account, 52)
        release(held, at=later(days=1))
        assert balance(account) == (5, 0, 0, 0)
        assert kinds(account)[-2:] == ["release", "expire"]
        assert_clean()

    def test_of_a_lot_that_ran_out_in_part_before_runs_out_again(self):
        account = an_account()
        give(account, 50, until=later(days=1))
        held = hold(account, 20)
        ledger.expire(account_id=account.pk, at=later(days=1))
        release(held, at=later(days=2))
        keys = Entry.objects.filter(kind="expire").values_list("key", flat=True)
        assert [key.rpartition(":")[2] for key in keys] == ["0", "1"]
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()


class TestSettlingHolds:
    def settle(self, account, *, at, keep="", **told):
        """Settle an account of which these fates are told, by the number of the basket."""
        asked = []

        def fates(holds):
            asked.append([hold.slot for hold in holds])
            return {f"basket:{name[1:]}": fate for name, fate in told.items()}

        count = ledger.settle_holds(account_id=account.pk, fates=fates, at=at, keep=keep)
        return count, asked

    def test_gives_back_what_ran_out_or_whose_basket_is_gone_and_leaves_who_pays(self):
        account = an_account()
        give(account, 100)
        hold(account, 10, slot="basket:1", until=later(hours=1))
        hold(account, 20, slot="basket:2", until=later(hours=9))
        hold(account, 30, slot="basket:3", until=later(hours=1))
        hold(account, 5, slot="basket:4", until=later(hours=9))
        told = {"_2": ledger.HoldOutcome(is_gone=True), "_3": ledger.HoldOutcome(until=later(hours=2))}
        assert self.settle(account, at=later(hours=1), **told)[0] == 2
        assert sorted(Hold.objects.filter(state="open").values_list("slot", flat=True)) == ["basket:3", "basket:4"]
        assert Hold.objects.get(slot="basket:3").expires_at == later(hours=2)
        assert balance(account) == (65, 0, 35, 0)
        reasons = [row["c"] for row in Entry.objects.filter(kind="release").values_list("because", flat=True)]
        assert reasons == ["hold_ran_out", "slot_gone"]
        assert_clean()

    def test_leaves_alone_what_is_to_be_replaced_and_asks_nobody_about_it(self):
        account = an_account()
        give(account, 100)
        hold(account, 10, slot="basket:1")
        before = dump()
        assert self.settle(account, at=later(hours=1), keep="basket:1", _1=ledger.HoldOutcome(is_gone=True)) == (0, [])
        assert dump() == before

    def test_never_shortens_a_date(self):
        account = an_account()
        give(account, 100)
        hold(account, 10, slot="basket:1", until=later(hours=2))
        before = dump()
        assert self.settle(account, at=later(hours=1), _1=ledger.HoldOutcome(until=later(minutes=1)))[0] == 0
        assert dump() == before

    def test_counts_the_time_at_a_gateway_from_when_it_was_first_seen_there(self):
        account = an_account()
        give(account, 100)
        hold(account, 10, slot="basket:1", until=later(hours=1))
        at_work = ledger.HoldOutcome(is_at_work=timedelta(hours=3))
        ends = []
        for hours, fate in ((1, at_work), (2, at_work), (3, ledger.HoldOutcome()), (3.5, at_work), (6.4, at_work)):
            assert self.settle(account, at=later(hours=hours), _1=fate)[0] == 0
            ends.append(Hold.objects.get(slot="basket:1").expires_at)
        assert ends == [later(hours=4), later(hours=4), later(hours=4), later(hours=6.5), later(hours=6.5)]
        assert self.settle(account, at=later(hours=6.5), _1=at_work)[0] == 1
        assert_clean()

    def test_gives_back_once(self):
        account = an_account()
        give(account, 100)
        hold(account, 10)
        assert self.settle(account, at=later(hours=1))[0] == 1
        before = dump()
        assert self.settle(account, at=later(hours=1)) == (0, [])
        assert dump() == before


class TestCapturing:
    def test_uses_the_points_and_gives_the_rest_back_in_one_entry(self):
        account = an_account()
        give(account, 50, source="a")
        give(account, 50, source="b")
        held = hold(account, 80)
        entry = capture(held, 60).entry
        assert (entry.d_available, entry.d_reserved, entry.net) == (20, -80, -60)
        assert balance(account) == (40, 0, 0, 0)
        assert lots(account) == [("a", 0, 0, "closed"), ("b", 40, 0, "open")]
        held.refresh_from_db()
        assert (held.state, held.captured, held.slot) == ("captured", 60, None)
        assert_clean()

    def test_again_is_a_replay(self):
        account = an_account()
        give(account, 50)
        held = hold(account, 50)
        capture(held, 50)
        before = dump()
        assert capture(held, 50).replayed
        assert dump() == before

    def test_lets_the_rest_run_out_where_it_ran_out_meanwhile(self):
        account = an_account()
        give(account, 50, until=later(days=1))
        held = hold(account, 50)
        capture(held, 30, at=later(days=1))
        assert kinds(account) == ["earn", "hold", "capture", "expire"]
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()

    def test_after_a_return_took_some_of_it_can_use_the_rest_only(self):
        account = an_account()
        give(account, 50, source="order:1")
        held = hold(account, 50)
        ledger.claw_back(account_id=account.pk, source="order:1", points=20, key="c", because=WHY, at=NOW)
        with pytest.raises(NotEnoughPoints, match="30 points are set aside"):
            capture(held, 31)
        capture(held, 30)
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()


class TestRestoring:
    def test_goes_back_to_the_lots_it_came_from_with_their_dates(self):
        account = an_account()
        give(account, 50, source="soon", until=later(days=40))
        give(account, 50, source="never")
        dates = list(Lot.objects.order_by("pk").values_list("expires_at", flat=True))
        held = hold(account, 80)
        capture(held, 80)
        restore(held, 60, key="r:1", goods_returned=True)
        assert lots(account) == [("soon", 50, 0, "open"), ("never", 30, 0, "open")]
        assert list(Lot.objects.order_by("pk").values_list("expires_at", flat=True)) == dates
        restore(held, 20, key="r:2")
        assert balance(account) == (100, 0, 0, 0)
        with pytest.raises(NotEnoughPoints, match="0 points can be returned"):
            restore(held, 1, key="r:3")
        assert_clean()

    def test_comes_once_per_key(self):
        account = an_account()
        give(account, 50)
        held = hold(account, 50)
        capture(held, 50)
        restore(held, 20, key="r:1")
        before = dump()
        assert restore(held, 20, key="r:1").replayed
        assert dump() == before

    @pytest.mark.parametrize(("days", "graced"), [(1, True), (29, True), (30, False), (31, False), (-5, True)])
    def test_of_returned_goods_gives_a_lot_that_ends_soon_30_days(self, days, graced):
        account, at = an_account(), later(days=10)
        until = at + timedelta(days=days)
        give(account, 50, until=until)
        held = hold(account, 50)
        capture(held, 50)
        restore(held, 50, key="r:1", goods_returned=True, at=at)
        lot = Lot.objects.get()
        assert (lot.graced, lot.expires_at) == (graced, at + timedelta(days=30) if graced else until)
        assert lot.first_expires_at == until
        assert balance(account) == (50, 0, 0, 0)

    def test_gives_them_to_a_lot_that_has_no_room_for_what_comes_back(self):
        account, at = an_account(), later(days=1)
        give(account, 50, source="order:1", until=later(days=5))
        give(account, 50, source="order:2")
        held = hold(account, 50)
        capture(held, 50)
        claw(account, 50, source="order:1", key="c")
        ledger.give_back(account_id=account.pk, source="order:1", points=50, key="again", because=WHY, at=at)
        again = hold(account, 50, at=at)
        full = [("order:1", 0, 50, "open"), ("order:2", 0, 0, "closed")]
        assert lots(account) == full
        restore(held, 50, key="r:1", goods_returned=True, at=at)
        assert lots(account) == [*full, ("order:1", 50, 0, "open")]
        dated = Lot.objects.filter(source="order:1").values_list("graced", "expires_at").distinct()
        assert [*dated] == [(True, at + timedelta(days=30))]
        release(again, at=at)
        assert_clean()

    def test_gives_those_days_once_in_a_lots_life(self):
        account = an_account()
        give(account, 50, until=later(days=2))
        for round_, at in enumerate((NOW, later(days=25))):
            held = hold(account, 50, at=at)
            capture(held, 50, at=at)
            restore(held, 50, key=f"r:{round_}", goods_returned=True, at=at)
        assert Lot.objects.get().expires_at == later(days=30)
        assert ledger.expire(account_id=account.pk, at=later(days=30)) == 50

    def test_of_a_cancelled_order_moves_no_date_however_often(self):
        account, until = an_account(), later(days=1)
        give(account, 50, until=until)
        for round_ in range(5):
            held = hold(account, 50)
            capture(held, 50)
            restore(held, 50, key=f"r:{round_}")
        assert Lot.objects.get().expires_at == until
        held = hold(account, 50)
        capture(held, 50)
        restore(held, 50, key="late", at=until)
        assert balance(account) == (0, 0, 0, 0)
        assert kinds(account)[-2:] == ["restore", "expire"]
        assert_clean()

    def test_pays_first_what_is_to_be_made_up(self):
        account = an_account()
        give(account, 50, source="order:1")
        held = hold(account, 50)
        capture(held, 50)
        ledger.claw_back(account_id=account.pk, source="order:1", points=50, key="c", because=WHY, at=NOW)
        assert balance(account) == (0, 0, 0, 50)
        restore(held, 50, key="r:1", goods_returned=True)
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()

    def test_is_refused_where_nothing_was_used(self):
        account = an_account()
        give(account, 50)
        held = hold(account, 50)
        release(held)
        with pytest.raises(NotEnoughPoints):
            restore(held, 1, key="r:1")
        with pytest.raises(NotAllowed, match="no longer set aside"):
            capture(held, 1)
        assert balance(account) == (50, 0, 0, 0)
