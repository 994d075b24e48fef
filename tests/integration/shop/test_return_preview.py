"""What a return would do, said before it is confirmed; and that it then does exactly that."""

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.urls import reverse
from oscar.test import factories

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program.hooks import order_effects
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.shop.dashboard.permissions import oscars_pages
from loyalty_oscar.shop.orders.returns import preview, preview_cancelled
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import GoalFactory, RewardFactory
from tests.integration.commands.calling import books
from tests.integration.journeys.deeds import a_campaign, a_night
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.integration.tiers.ladders import a_ladder
from tests.orders import come_back
from tests.points import give, of, points_club, use
from tests.storefront import a_basket, a_product, a_user, arrive, buy, day, numbers, ripen, text_of

pytestmark = pytest.mark.django_db
BOUGHT, SENT_BACK = day(4, 1), day(5, 2)


@pytest.fixture
def order(user):
    """3 × 10.00 and 1 × 20.00, 5.00 of it paid with 500 paws; it brought 45, ready by now."""
    unit = points_club()
    give(user, 800, unit)
    with clock.at(BOUGHT), transaction.atomic():
        basket = a_basket(user, (a_product("Bites", "10.00"), 3), (a_product("Bed", "20.00"), 1))
        basket = use(user, basket, 500, unit=unit, at=BOUGHT)
        order = factories.create_order(basket=basket, user=user, date_placed=BOUGHT)
    sync_orders(order_ids=[order.pk], at=BOUGHT)
    arrive(order, on=day(4, 3))
    ripen(on=day(4, 20))
    return order


def tell(order, at=SENT_BACK, **quantities):
    lines = {f"line{n}": line.pk for n, line in enumerate(order.lines.order_by("pk"))}
    return preview(order=order, quantities={lines[name]: units for name, units in quantities.items()}, at=at)


def send_back(order, number, units, at=SENT_BACK):
    with clock.at(at), transaction.atomic():
        come_back(line=order.lines.order_by("pk")[number], quantity=units)
    sync_orders(order_ids=[order.pk], at=at)


def buckets():
    account = Account.objects.get()
    return account.available + account.pending - account.debt, account.debt


class TestAPreview:
    def test_says_money_points_that_go_and_points_that_return(self, order):
        found = tell(order, line0=1)
        # 30.00 - 3.00 for three: 9.00 each, 9 of the 27 paws they brought, 100 of the 300 they used.
        assert (found.minor, found.taken, found.returned, found.owed) == (900, 9, 100, 0)

    def test_is_of_all_that_is_left_unless_told_otherwise(self, order):
        found = preview(order=order, at=SENT_BACK)
        assert (found.minor, found.taken, found.returned) == (4500, 45, 500)
        send_back(order, 0, 2)
        found = preview(order=order, at=SENT_BACK)
        assert [(line.left, line.chosen) for line in found.lines] == [(1, 1), (1, 1)]
        assert (found.minor, found.taken, found.returned) == (2700, 27, 300)

    def test_moves_nothing(self, order):
        before = books()
        preview(order=order, at=SENT_BACK)
        preview_cancelled(order=order, at=SENT_BACK)
        assert books() == before
        assert (Redemption.objects.get().returned, Account.objects.get().available) == (0, 345)

    def test_counts_what_nobody_has_looked_at_yet_as_gone_already(self, order):
        with clock.at(SENT_BACK), transaction.atomic():
            come_back(line=order.lines.order_by("pk")[0], quantity=3)
        found = preview(order=order, at=SENT_BACK)
        assert (found.minor, found.taken, found.returned) == (1800, 18, 200)

    def test_says_what_would_be_to_make_up(self, user, order):
        plain = arrive(buy(user, (a_product("Ball", "40.00"), 1), on=day(4, 5)), on=day(4, 6))
        ripen(on=day(4, 25))
        account = Account.objects.get()
        all_but_ten = {"account_id": account.pk, "points": 10 - account.available, "key": "manual:all"}
        ledger.adjust(**all_but_ten, because=Because("adjusted"), note="test", actor="staff:1", at=SENT_BACK)
        said = preview(order=plain, at=SENT_BACK)
        assert (said.taken, said.returned, said.owed) == (40, 0, 30)
        assert preview(order=order, at=SENT_BACK).owed == 0  # What returns pays for what goes.
        send_back(plain, 0, 1)
        assert Account.objects.get().debt == 30

    def test_says_what_the_shop_would_bear(self, user, order):
        Program.objects.update(debt_policy="clamp")
        forget_cache()
        plain = arrive(buy(user, (a_product("Ball", "40.00"), 1), on=day(4, 5)), on=day(4, 6))
        ripen(on=day(4, 25))
        account = Account.objects.get()
        gone = {"account_id": account.pk, "points": -account.available, "key": "manual:all"}
        ledger.adjust(**gone, because=Because("adjusted"), note="test", actor="staff:1", at=SENT_BACK)
        (change,) = preview(order=plain, at=SENT_BACK).changes
        assert (change.taken, change.owed, change.forgiven) == (0, 0, 40)

    @pytest.mark.parametrize("units", [0, -1])
    def test_of_nothing_is_nothing(self, order, units):
        found = tell(order, line0=units)
        assert (found.minor, found.changes) == (0, ())

    def test_takes_more_than_is_left_for_what_is_left(self, order):
        assert tell(order, line0=99, line1=99).minor == preview(order=order, at=SENT_BACK).minor

    def test_leaves_lines_of_other_orders_out(self, order):
        assert preview(order=order, quantities={999_999: 1}, at=SENT_BACK).changes == ()

    def test_asks_every_effect_that_is_registered(self, order):
        seen = []

        class Curious:
            def apply(self, *, orders, at, batch):
                return ()

            def foresee(self, *, orders, at):
                seen.extend(orders)

            def set_codes(self):
                return frozenset()

        order_effects.register("curious", order=90)(Curious())
        try:
            tell(order, line0=2)
        finally:
            order_effects.unregister("curious")
        assert [line.gone for line in seen[-1].purchase.lines] == [2, 0]


class TestWhatThenHappens:
    @pytest.mark.parametrize("steps", [[(0, 1), (0, 1), (0, 1), (1, 1)], [(1, 1), (0, 3)], [(0, 2), (1, 1), (0, 1)]])
    def test_is_what_was_said_step_by_step(self, order, steps):
        total = {"minor": 0, "taken": 0, "returned": 0}
        for number, units in steps:
            said, before = tell(order, **{f"line{number}": units}), buckets()
            send_back(order, number, units)
            after = buckets()
            assert after[0] - before[0] == said.returned - said.taken
            assert max(0, after[1] - before[1]) == said.owed
            total = {name: value + getattr(said, name) for name, value in total.items()}
        assert total == {"minor": 4500, "taken": 45, "returned": 500}

    def test_is_what_was_said_of_a_cancelled_order(self, order):
        said, before = preview_cancelled(order=order, at=SENT_BACK), buckets()
        assert (said.minor, said.taken, said.returned) == (4500, 45, 500)
        order.status = "Cancelled"
        order.save()
        sync_orders(order_ids=[order.pk], at=SENT_BACK)
        assert buckets()[0] - before[0] == said.returned - said.taken
        assert preview_cancelled(order=order, at=SENT_BACK).changes == ()

    @pytest.mark.parametrize("step", ["a piece comes back", "it is cancelled"])
    def test_leaves_out_what_comes_back_and_runs_out_at_once(self, user, step):
        unit = points_club()
        give(user, 500, unit, until=day(4, 30))
        with clock.at(BOUGHT), transaction.atomic():
            basket = use(user, a_basket(user, (a_product("Bed", "20.00"), 1)), 500, unit=unit, at=BOUGHT)
            order = factories.create_order(basket=basket, user=user, date_placed=BOUGHT)
        sync_orders(order_ids=[order.pk], at=BOUGHT)
        if step == "it is cancelled":
            said, before = preview_cancelled(order=order, at=SENT_BACK), buckets()
            order.status = "Cancelled"
            order.save()
            sync_orders(order_ids=[order.pk], at=SENT_BACK)
        else:
            said, before = tell(order, line0=1), buckets()
            send_back(order, 0, 1)
        assert (said.taken, said.returned) == (15, 0)
        assert buckets()[0] - before[0] == said.returned - said.taken


@pytest.fixture
def desk(client):
    """Staff at the dashboard, who may see points."""
    staff = a_user("staff@example.com")
    staff.is_staff = True
    staff.save()
    staff.user_permissions.set([*Permission.objects.filter(codename="view_account"), *oscars_pages()])
    client.force_login(staff)
    return client


def page(order):
    return reverse("dashboard:order-detail", kwargs={"number": order.number})


class TestWhatElseTheOrderBrought:
    """Gifts and rewards hang on an order too, also those of other people."""

    def test_counts_the_gift_of_the_level_that_goes_with_it(self, user):
        a_ladder(gifts=(0, 0, 500))
        order = buy(user, (a_product("Bed", "500.00"), 1), on=BOUGHT)
        ready, waits = of(user)[:2]
        said = preview(order=order, at=SENT_BACK)
        send_back(order, 0, 1)

        assert said.taken == ready + waits - sum(of(user)[:2]) == 1000

    @pytest.mark.parametrize("occasion", ["level", "goal"])
    def test_counts_what_a_campaign_brought_for_what_goes_with_it(self, user, occasion):
        unit = points_club()
        a_ladder(unit=unit)
        GoalFactory(program=unit.program, metric="orders", target=1, points=5, starts_at=day(1, 1))
        a_campaign(unit, occasion, points=70)
        order = buy(user, (a_product("Bed", "500.00"), 1), on=BOUGHT)
        assert a_night(BOUGHT) == 1
        before = buckets()[0]
        said = preview(order=order, at=SENT_BACK)
        assert buckets()[0] == before
        send_back(order, 0, 1)

        assert said.taken == before - buckets()[0]

    def test_names_the_reward_that_a_campaign_brought_for_a_level(self, user):
        unit = points_club()
        a_ladder(unit=unit)
        a_campaign(unit, "level", points=0, reward=RewardFactory(program=unit.program, name="A grooming"))
        order = buy(user, (a_product("Bed", "500.00"), 1), on=BOUGHT)
        assert (a_night(BOUGHT), Claim.objects.get().state) == (1, "open")
        said = preview(order=order, at=SENT_BACK)
        assert Claim.objects.get().state == "open"
        send_back(order, 0, 1)

        assert Claim.objects.get().state != "open"
        assert any("A grooming" in text for text in said.beside), said.beside

    def test_counts_the_rewards_of_a_friend_brought_in_account_by_account(self):
        club = an_inviting_club()
        priya = a_user("priya@example.com")
        bring(club, priya)
        order = buy(priya, (a_product("Bed", "30.00"), 1), on=BOUGHT)
        changes = preview(order=order, at=SENT_BACK).changes

        assert {(change.taken, change.why) for change in changes} == {
            (130, ""),
            (150, "The friend's first order went back"),
        }

    def test_says_whose_they_are_on_the_page_of_the_order(self, desk):
        club = an_inviting_club()
        priya = a_user("priya@example.com")
        bring(club, priya)
        order = buy(priya, (a_product("Bed", "30.00"), 1), on=BOUGHT)
        with clock.at(SENT_BACK):
            answer = desk.get(page(order))

        assert "130 paws go" in text_of(answer)
        assert "150 paws of another member go (The friend" in text_of(answer)
        assert sorted(numbers(answer, "return-goes")) == [130, 150]

    def test_leaves_out_what_others_do_meanwhile_and_what_runs_out(self, user, order):
        account = Account.objects.get()
        account.lots.update(expires_at=SENT_BACK)
        other = a_user("other@example.com")

        class Neighbor:
            def apply(self, *, orders, at, batch=""):
                give(other, 70, account.unit)

            def set_codes(self):
                return frozenset()

        order_effects.register("neighbor", order=99)(Neighbor())
        try:
            found = preview(order=order, at=SENT_BACK)
        finally:
            order_effects.unregister("neighbor")

        assert [change.unit for change in found.changes] == [account.unit]


class TestThePageOfAnOrder:
    @pytest.fixture(autouse=True)
    def today(self):
        with clock.at(SENT_BACK):
            yield

    def test_says_what_was_used_and_what_a_full_return_would_do(self, desk, order):
        answer = desk.get(page(order))
        assert "500 paws used, €5.00 off" in text_of(answer)
        assert "€45.00 back, 45 paws go, 500 paws return" in text_of(answer)
        assert (numbers(answer, "return-goes"), numbers(answer, "return-comes")) == ([45], [500])

    def test_says_what_came_back(self, desk, order):
        send_back(order, 0, 1)
        assert "500 paws used, €5.00 off; 100 paws came back" in text_of(desk.get(page(order)))

    def test_answers_without_javascript_for_the_lines_that_were_chosen(self, desk, order):
        first, second = order.lines.order_by("pk")
        answer = desk.get(page(order), {f"return-{first.pk}": "1", f"return-{second.pk}": "0"})
        assert numbers(answer, "return-money") == [900]
        assert (numbers(answer, "return-goes"), numbers(answer, "return-comes")) == ([9], [100])
        assert f'name="return-{first.pk}" id="return-{first.pk}" value="1"' in answer.content.decode()

    @pytest.mark.parametrize("typed", ["lots", "", "-1", "9" * 30, "1.5", "6"])
    def test_says_what_to_type_for_what_is_no_such_number(self, desk, order, typed):
        line = order.lines.order_by("pk").first()
        answer = desk.get(page(order), {f"return-{line.pk}": typed})
        assert f"{line.title}: type a whole number from 0 to {line.quantity}." in text_of(answer)
        assert numbers(answer, "return-money") == []
        assert "If the whole order is cancelled: €45.00 back, 45 paws go, 500 paws return" in text_of(answer)

    def test_posts_nothing_however_often_it_is_opened(self, desk, order):
        before = Entry.objects.count()
        for _time in range(3):
            desk.get(page(order))
        assert Entry.objects.count() == before

    def test_says_it_of_an_order_that_is_cancelled_as_a_whole(self, desk, order):
        assert "If the whole order is cancelled: €45.00 back, 45 paws go, 500 paws return" in text_of(
            desk.get(page(order))
        )

    def test_is_silent_about_an_order_that_moved_no_points(self, desk, user):
        points_club()
        guest = factories.create_order(basket=a_basket(user, (a_product(), 1)), user=None)
        assert "If goods come back" not in text_of(desk.get(page(guest)))

    def test_is_as_ever_for_staff_without_the_permission(self, desk, order):
        staff = a_user("other@example.com")
        staff.is_staff = True
        staff.save()
        staff.user_permissions.set(oscars_pages())
        desk.force_login(staff)
        html = desk.get(page(order), {f"return-{order.lines.first().pk}": "1"}).content.decode()
        assert f"Order #{order.number}" in html
        assert "data-loyalty" not in html
