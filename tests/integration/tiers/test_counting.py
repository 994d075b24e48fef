"""What counts on a ladder and what does not: pauses, other programs, returns of old points, joining, one bad member."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from oscar.test import factories

from loyalty_oscar.earning.models import Award
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import expire_due, open_account
from loyalty_oscar.program.models import JobRun, Member, Program, State
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.registries import facts
from loyalty_oscar.shop.exclusives.visitors import who_visits
from loyalty_oscar.shop.orders.sync import sweep, sync_orders
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.shop.tiers import jobs as nightly
from loyalty_oscar.shop.tiers.levels import OwnersLevels, standing_of_visit
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.shop.upkeep.doctor import doctor_checks
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers import operations
from loyalty_oscar.tiers.models import Ladder, Score, Standing, Tier
from loyalty_oscar.tiers.operations import put_off
from tests.once import a_program
from tests.points import of
from tests.storefront import a_basket, a_club, a_product, a_user, arrive, buy, day, ripen, send_back

from .ladders import a_ladder, a_night, hand, known, now
from .test_admin import THREE, saved, staff

pytestmark = pytest.mark.django_db


def bought(user, price, on):
    return buy(user, (a_product(price=price), 1), on=on)


class TestAPausedProgram:
    def test_moves_levels_and_gives_nothing(self):
        ladder, user = a_ladder(gifts=(0, 50, 0)), a_user()
        bought(user, "10.00", day(3, 1))
        change_state(program=ladder.program, to=State.PAUSED, actor="x", at=day(3, 2))
        forget_cache()
        bought(user, "200.00", day(3, 5))
        assert (now(user).rank, of(user)[0]) == (2, 0)


class TestALadderThatWasOff:
    """Switched off and on again on its page, as a merchant does."""

    def switch(self, ladder, on):
        client, _user = staff(superuser=True) if not hasattr(self, "client") else (self.client, None)
        self.client = client
        fields = {"is_on": "on"} if on else {"is_on": "", "is_meant": "on"}
        assert saved(client, ladder, *((None, 1, "Bronze", "0.01", 100), *THREE[1:]), **fields).status_code == 302
        forget_cache()

    def test_counts_the_orders_from_between(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "10.00", day(3, 1))
        self.switch(ladder, on=False)
        bought(user, "500.00", day(3, 5))
        self.switch(ladder, on=True)
        list(sweep(at=day(5, 10)))
        assert now(user).rank == 3

    def test_counts_the_returns_from_between(self):
        ladder, user = a_ladder(), a_user()
        order = bought(user, "500.00", day(3, 1))
        self.switch(ladder, on=False)
        send_back(order, 1, on=day(3, 5))
        assert now(user).rank == 3
        self.switch(ladder, on=True)
        list(sweep(at=day(5, 10)))
        assert (now(user).rank, Score.objects.get().value) == (0, 0)

    def test_counts_nothing_of_an_order_that_was_deleted_meanwhile(self):
        ladder, user = a_ladder(), a_user()
        order = bought(user, "500.00", day(3, 1))
        self.switch(ladder, on=False)
        type(order).objects.filter(pk=(pk := order.pk)).delete()
        sync_orders(order_ids=[pk], at=day(3, 5))
        self.switch(ladder, on=True)
        list(sweep(at=day(5, 10)))
        assert (now(user).rank, Score.objects.get().value) == (0, 0)

    def test_counts_an_order_from_between_whose_customer_was_taken_off(self):
        ladder, user = a_ladder(), a_user()
        self.switch(ladder, on=False)
        order = bought(user, "500.00", day(3, 5))
        type(order).objects.filter(pk=order.pk).update(user=None)
        sync_orders(order_ids=[order.pk], at=day(3, 6))
        self.switch(ladder, on=True)
        list(sweep(at=day(5, 10)))
        assert now(user).rank == 3

    def test_says_nothing_of_levels_while_another_is_on(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "500.00", day(3, 1))
        other = a_program(live_from=day(1, 1, 2025), code="two", name="Two", is_default=False)
        second = Ladder.objects.create(program=other.program)
        Tier.objects.create(ladder=second, rank=1, code="x", name="X", threshold=1)
        member_id = Member.objects.get(user=user).pk
        known(ladder)
        assert facts.get("tier")(members=[member_id], at=day(3, 2))[member_id]["rank"] == 3
        Ladder.objects.filter(pk=ladder.pk).update(is_on=False)
        forget_cache()
        assert facts.get("tier")(members=[member_id], at=day(3, 2)) == {}
        assert OwnersLevels().rank_of(basket=a_basket(user, (a_product(), 1))) == 0


class TestPointsThatCount:
    @pytest.fixture
    def ladder(self):
        unit = a_club()
        return a_ladder(unit=unit, metric="points", bronze=1, silver=100, gold=400)

    def test_go_with_a_return_though_they_had_run_out(self, ladder):
        user = a_user()
        order = arrive(bought(user, "500.00", day(3, 1, 2025)), on=day(3, 2, 2025))
        ripen(on=day(3, 20, 2025))
        list(expire_due(at=day(5, 1)))
        assert Score.objects.get().value == 500
        send_back(order, 1, on=day(5, 2))
        assert Score.objects.get().value == 0

    def test_go_with_a_return_though_the_shop_forgave_them(self, ladder):
        Program.objects.update(debt_policy=next(one for one in Program.Debt.values if one != Program.Debt.DEBT))
        forget_cache()
        user = a_user()
        order = arrive(bought(user, "500.00", day(3, 1)), on=day(3, 2))
        ripen(on=day(3, 20))
        ledger.adjust(
            account_id=Account.objects.get().pk, points=-500, key="manual:1", because=Because("adjusted"),
            actor="staff:1", note="x", at=day(3, 21), expires_at=None,
        )  # fmt: skip
        send_back(order, 1, on=day(3, 22))
        assert (Score.objects.get().value, now(user).rank) == (0, 0)


class TestMoneyThatCounts:
    def test_is_that_of_the_program_and_not_of_another_one(self):
        a_ladder()
        user = a_user()
        a_program(live_from=day(1, 1, 2025), code="pl", name="PL", currency="PLN", is_default=False)
        forget_cache()
        bought(user, "1.00", day(3, 1))
        with clock.at(day(3, 2)), transaction.atomic():
            basket = a_basket(user, (a_product(price="450.00"), 1))
            order = factories.create_order(basket=basket, user=user, date_placed=day(3, 2))
            type(order).objects.filter(pk=order.pk).update(currency="PLN")
        sync_orders(order_ids=[order.pk], at=day(3, 2))
        assert Score.objects.get(order_id=order.pk).value == 0
        assert now(user).rank == 1


class TestAnOrder:
    def test_from_before_joining_does_not_count_where_people_choose_to_join(self):
        unit = a_club(enrolment="opt-in")
        a_ladder(unit=unit)
        user = a_user()
        order = bought(user, "500.00", day(3, 1))
        open_account(member=join(program=unit.program, user_id=user.pk, at=day(3, 2)), unit=unit)
        arrive(order, on=day(3, 3))
        assert not Score.objects.exists() and not Standing.objects.exists()
        bought(user, "200.00", day(3, 4))
        assert now(user).rank == 2

    def test_that_is_moved_to_another_customer_leaves_the_level_with_whoever_placed_it(self):
        ladder, user, other = a_ladder(), a_user(), a_user("anna@example.com")
        order = bought(user, "500.00", day(3, 1))
        join(program=ladder.program, user_id=other.pk, at=day(1, 2))
        type(order).objects.filter(pk=order.pk).update(user=other)
        sync_orders(order_ids=[order.pk], at=day(3, 3))
        assert now(user).rank == 3
        assert not Standing.objects.filter(member__user=other, rank__gt=0).exists()


class TestAMemberWithoutAnAccount:
    def test_has_the_level_that_was_given_and_comes_through_the_door_of_members(self):
        ladder, user = a_ladder(), a_user()
        join(program=ladder.program, user_id=user.pk, at=day(1, 2))
        hand(ladder, user, 3, until=day(12, 31), at=day(3, 2))
        assert not Account.objects.exists()
        with clock.at(day(3, 3)):
            assert standing_of_visit(visit=Visit(None, user)).rank == 3
            who = who_visits(visit=Visit(None, user))
        assert (who.is_member, who.rank) == (True, 3)

    def test_sees_the_level_on_the_pages(self, client):
        ladder, user = a_ladder(), a_user()
        join(program=ladder.program, user_id=user.pk, at=day(1, 2))
        hand(ladder, user, 3, until=day(12, 31), at=day(3, 2))
        client.force_login(user)
        with clock.at(day(3, 3)):
            assert "Gold" in client.get(reverse("loyalty:overview")).content.decode()


class TestTheNight:
    def test_goes_on_with_the_others_when_one_member_cannot_be_settled(self, monkeypatch, caplog):
        ladder, bad, good = a_ladder(), a_user(), a_user("anna@example.com")
        for number, user in enumerate((bad, good), start=900):
            member = join(program=ladder.program, user_id=user.pk, at=day(1, 2))
            Score.objects.create(member=member, order_id=number, placed_at=day(3, 1), value=50_000)
        broken, count = Member.objects.get(user=bad).pk, operations.counted_of

        def counted_of(*, member_ids):
            if broken in member_ids:
                raise ValueError("a row that nobody can read")
            return count(member_ids=member_ids)

        monkeypatch.setattr(operations, "counted_of", counted_of)
        known(ladder)
        *_steps, last = jobs.run(only="tiers", at=day(3, 4))
        assert now(good).rank == 3
        assert not Standing.objects.filter(member_id=broken).exists()
        assert last.error == JobRun.objects.get(name="tiers").error
        assert last.error == "members whose level could not be looked at: 1; the log says why"
        assert f"member {broken} could not be settled" in caplog.text
        said = [found.text for found in doctor_checks.get("jobs")(at=day(3, 4))]
        assert any("tiers failed" in text and "looked at: 1;" in text for text in said)

    def test_puts_an_end_off_once_though_two_do_it(self):
        ladder, user = a_ladder(grace_days=0), a_user()
        bought(user, "200.00", day(3, 1, 2025))
        first, second = [
            list(nightly._due(known(ladder), day(2, 1, 2027)).values_list("pk", flat=True)) for _run in range(2)
        ]
        until = day(3, 31, 2027)
        assert (put_off(standing_ids=first, until=until), put_off(standing_ids=second, until=until)) == (1, 0)
        assert (now(user).extensions, now(user).kept_until) == (1, until)

    def test_finds_nobody_who_stands_where_the_orders_say(self):
        ladder, user = a_ladder(), a_user()
        bought(user, "200.00", day(3, 1))
        assert a_night(ladder, day(3, 2)) == 0


class TestTheMomentAProgramGoesLive:
    @pytest.mark.parametrize(("before", "counts"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
    def test_is_the_first_of_which_an_order_earns_and_counts(self, before, counts):
        ladder, user = a_ladder(), a_user()
        buy(user, (a_product("Bed", "200.00"), 1), on=ladder.program.earns_from - before)
        assert Score.objects.exists() == Award.objects.exists() == counts
