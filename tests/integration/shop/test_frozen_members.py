"""Members whose points staff froze: none is used, what orders bring is decided on their day, it ends by itself."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_oscar.earning.models import Award
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import Frozen, LoyaltyError
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Hold
from loyalty_oscar.program.freezing import freezes_of, without_points
from loyalty_oscar.program.models import Freeze, Member
from loyalty_oscar.program.operations import give as give_promised
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.use_points import Refused
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.shop.storefront.basket_holds import fates
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean, dump
from tests.integration.tiers.ladders import a_ladder, now
from tests.points import account, give, of, on, pay, reload, use
from tests.storefront import TODAY, a_basket, a_product, a_user, buy, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
LATER = TODAY + timedelta(days=3)
KIND = "What you have can’t be used at the moment. Please contact us."


def freeze(user, *, until=None, earns=True, at=TODAY, reason="Many accounts, one card"):
    member = Member.objects.get(user=user)
    return ledger.freeze(member=member, until=until, earns=earns, reason=reason, actor="staff:1", at=at)


def release(user, *, at=TODAY):
    return ledger.end_freeze(member=Member.objects.get(user=user), actor="staff:2", at=at)


def bought(basket):
    """The order of a basket, placed today."""
    order = pay(basket)
    type(order).objects.filter(pk=order.pk).update(date_placed=TODAY)
    return order


@pytest.fixture
def basket(boris):
    """Goods for 20.00."""
    return a_basket(boris, (a_product(price="10.00"), 2))


class TestUsing:
    def test_is_refused_and_moves_nothing(self, unit, boris, basket):
        freeze(boris)
        before = dump()
        with pytest.raises(Refused) as refused:
            use(boris, basket, 500, unit=unit)
        assert (refused.value.code, refused.value.text, dump()) == ("points_frozen", KIND, before)

    def test_is_refused_at_the_desk_itself(self, unit, boris):
        freeze(boris)
        before = dump()
        with pytest.raises(Frozen):
            ledger.place_hold(
                account_id=account(boris).pk,
                slot="basket:1",
                points=1,
                expires_at=LATER,
                because=Because("set_aside"),
                at=TODAY,
            )
        assert dump() == before

    def test_gives_back_what_is_set_aside_in_an_open_basket(self, unit, boris, basket):
        use(boris, basket, 500, unit=unit)
        freeze(boris)
        assert of(boris) == (1000, 0, 0, 0)
        assert on(reload(boris, basket)) == (0, D("20.00"))
        assert Entry.objects.get(kind="release").because["c"] == "freeze_began"
        assert_clean()

    def test_leaves_alone_what_is_being_paid_for_and_the_order_goes_through(self, unit, boris, basket):
        basket = use(boris, basket, 500, unit=unit)
        basket.freeze()
        freeze(boris)
        assert of(boris) == (500, 0, 500, 0)
        assert pay(basket).total_incl_tax == D("15.00")
        assert of(boris) == (500, 0, 0, 0)
        assert_clean()

    def test_gives_back_what_was_being_paid_for_once_that_failed(self, unit, boris, basket):
        basket = use(boris, basket, 500, unit=unit)
        basket.freeze()
        freeze(boris)
        basket.thaw()
        assert ledger.settle_holds(account_id=account(boris).pk, fates=fates, at=TODAY + timedelta(seconds=1)) == 1
        assert of(boris) == (1000, 0, 0, 0)

    def test_can_still_be_taken_out_of_the_basket(self, unit, boris, basket):
        freeze(boris)
        assert use(boris, basket, 0, unit=unit) is not None

    @pytest.mark.parametrize(("after", "is_refused"), [(timedelta(microseconds=-1), True), (timedelta(0), False)])
    def test_ends_by_itself_at_its_date(self, unit, boris, basket, after, is_refused):
        freeze(boris, until=LATER)
        with clock.at(LATER + after):
            if is_refused:
                with pytest.raises(Refused):
                    use(boris, basket, 500, unit=unit, at=LATER + after)
                assert Hold.objects.count() == 0
            else:
                use(boris, basket, 500, unit=unit, at=LATER)
                assert Hold.objects.count() == 1

    def test_is_open_again_once_it_was_ended(self, unit, boris, basket):
        freeze(boris)
        assert release(boris) is True
        assert release(boris) is False
        use(boris, basket, 500, unit=unit)
        assert of(boris) == (500, 0, 500, 0)

    def test_lets_staff_correct_by_hand(self, unit, boris):
        freeze(boris)
        told = {"because": Because("adjusted"), "actor": "staff:1", "note": "Mistake", "at": TODAY}
        ledger.adjust(account_id=account(boris).pk, points=-100, key="manual:1", **told)
        ledger.adjust(account_id=account(boris).pk, points=50, key="manual:2", **told)
        assert of(boris) == (950, 0, 0, 0)


class TestGifts:
    def test_are_given_meanwhile_and_wait_with_the_rest(self, unit, boris):
        freeze(boris, earns=False)
        told = {"promise": Promise(points=50), "key": "tier:1:gift", "because": Because("tier_gift"), "at": TODAY}
        assert give_promised(member_id=account(boris).member_id, **told) is Outcome.GIVEN
        assert of(boris) == (1050, 0, 0, 0)

    def test_of_levels_come_with_orders_that_bring_nothing_else(self, unit, boris):
        a_ladder(unit=unit, gifts=(0, 40, 0))
        freeze(boris, earns=False, at=TODAY)
        with clock.at(LATER):
            buy(boris, (a_product(price="200.00"), 1), on=LATER)
        assert (now(boris).rank, of(boris)[1]) == (2, 40)


class TestTheHistory:
    def test_keeps_every_freeze_with_who_and_why(self, boris):
        freeze(boris, reason="First")
        freeze(boris, reason="Second", until=LATER, at=TODAY + timedelta(hours=1))
        release(boris, at=TODAY + timedelta(hours=2))
        rows = freezes_of(member_id=Member.objects.get(user=boris).pk)
        assert [(row.reason, row.actor, row.ended_by, row.is_current) for row in rows] == [
            ("Second", "staff:1", "staff:2", None),
            ("First", "staff:1", "staff:1", None),
        ]
        assert [row.over_at - TODAY for row in rows] == [timedelta(hours=2), timedelta(hours=1)]

    def test_of_one_that_ended_by_itself_names_nobody(self, boris):
        freeze(boris, until=LATER)
        freeze(boris, at=LATER + timedelta(days=1))
        row = Freeze.objects.order_by("pk").first()
        assert (row.ended_at, row.ended_by, row.over_at) == (None, "", LATER)

    @pytest.mark.parametrize("wrong", [{"reason": " "}, {"until": TODAY}, {"until": TODAY - timedelta(days=1)}])
    def test_takes_no_freeze_without_reason_or_end_ahead(self, boris, wrong):
        with pytest.raises(LoyaltyError):
            freeze(boris, **wrong)
        assert (Freeze.objects.count(), Member.objects.get(user=boris).frozen_since) == (0, None)

    def test_is_taken_along_and_forgets_the_reason_with_the_person(self, boris):
        freeze(boris, earns=False)
        member = Member.objects.get(user=boris)
        (told,) = export_member(member=member, at=TODAY)["freezes"]
        assert (told["reason"], told["orders_bring_points"]) == ("Many accounts, one card", False)
        erase(member=member, at=TODAY)
        assert Freeze.objects.get().reason == ""


class TestOrders:
    @pytest.mark.parametrize(("earns", "points"), [(True, 20), (False, 0)])
    def test_bring_points_meanwhile_or_not_as_staff_chose(self, unit, boris, basket, earns, points):
        freeze(boris, earns=earns)
        order = bought(basket)
        sync_orders(order_ids=[order.pk], at=TODAY)
        award = Award.objects.get(source_id=order.pk)
        assert award.points == points
        assert award.because["c"] == ("earned" if earns else "member_frozen")
        assert of(boris)[1] == points

    def test_placed_meanwhile_bring_nothing_when_they_are_counted_later(self, unit, boris, basket):
        freeze(boris, earns=False, at=TODAY - timedelta(days=1))
        order = bought(basket)
        release(boris, at=TODAY + timedelta(hours=1))
        sync_orders(order_ids=[order.pk], at=LATER)
        assert Award.objects.get(source_id=order.pk).points == 0

    def test_placed_before_it_keep_what_they_were_promised(self, unit, boris, basket):
        order = bought(basket)
        freeze(boris, earns=False, at=TODAY + timedelta(hours=1))
        sync_orders(order_ids=[order.pk], at=LATER)
        assert Award.objects.get(source_id=order.pk).points == 20

    def test_ask_one_query_only_where_the_member_was_ever_frozen(self, unit, boris):
        member = Member.objects.get(user=boris)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert without_points(placed=[(member, 1, TODAY)]) == set()
        assert len(asked) == 0
        freeze(boris, earns=False)
        member.refresh_from_db()
        with CaptureQueriesContext(connection) as asked:
            assert without_points(placed=[(member, 1, TODAY), (member, 2, TODAY - timedelta(days=1))]) == {1}
        assert len(asked) == 1


class TestTheCustomersPages:
    def test_say_it_kindly(self, unit, boris, basket, client):
        client.force_login(boris)
        freeze(boris)
        assert KIND in text_of(client.get(reverse("basket:summary")))
        assert KIND in text_of(client.get(reverse("loyalty:overview")))
        assert "Many accounts" not in text_of(client.get(reverse("loyalty:overview")))
        release(boris)
        assert KIND not in text_of(client.get(reverse("basket:summary")))

    def test_promise_nothing_for_an_order_that_brings_nothing(self, unit, boris, basket, client):
        client.force_login(boris)
        assert "20 paws" in text_of(client.get(reverse("basket:summary")))
        freeze(boris, earns=False)
        html = text_of(client.get(reverse("basket:summary")))
        assert "20 paws" not in html
        assert "Orders bring nothing at the moment" in html

    def test_refuse_a_form_that_was_open_before(self, unit, boris, basket, client):
        client.force_login(boris)
        freeze(boris)
        client.post(reverse("loyalty:use-points"), {"use": "500"})
        assert (Hold.objects.count(), of(boris)) == (0, (1000, 0, 0, 0))


@pytest.fixture
def clerk(db):
    user = a_user("clerk@example.com")
    user.is_staff = True
    user.save()
    for code in ("view_member", "freeze_member", "view_account"):
        user.user_permissions.add(Permission.objects.get(codename=code, content_type__app_label__startswith="loyalty"))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def page(user):
    return reverse("admin:loyalty_program_member_freeze", args=[Member.objects.get(user=user).pk])


class TestTheAdmin:
    def test_freezes_until_the_end_of_a_day_and_shows_why(self, boris, clerk):
        answer = clerk.post(page(boris), {"reason": "Under review", "last_day": "2026-05-08"})
        assert answer.status_code == 302
        row = Freeze.objects.get()
        assert (row.earns, row.actor, row.until.isoformat()) == (
            False,
            f"staff:{clerk.user.pk}",
            "2026-05-08T22:00:00+00:00",
        )
        html = clerk.get(answer["Location"]).content.decode()
        for said in ("Under review", "The account is frozen", "Frozen so far"):
            assert said in html
        assert "Under review" in clerk.get(page(boris)).content.decode()

    def test_ends_it(self, boris, clerk):
        freeze(boris)
        clerk.post(page(boris), {"end": "1"})
        assert Freeze.objects.get().ended_by == f"staff:{clerk.user.pk}"
        assert not Member.objects.get(user=boris).is_frozen(at=TODAY)

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ({"reason": ""}, "This field is required."),
            ({"reason": "x", "last_day": "2026-05-05"}, "This day is over."),
            ({"reason": "x", "last_day": "9999-12-31"}, "Choose a day within ten years"),
            ({"reason": "x", "last_day": "xx"}, "Enter a valid date."),
            ({"reason": "x" * 301}, "at most 300 characters"),
        ],
    )
    def test_says_at_the_field_what_is_wrong_and_writes_nothing(self, boris, clerk, typed, says):
        answer = clerk.post(page(boris), typed)
        assert (answer.status_code, Freeze.objects.count()) == (200, 0)
        assert says in answer.content.decode()

    def test_refuses_oneself_and_who_may_not(self, boris, clerk, unit):
        give(clerk.user, 100, unit)
        assert clerk.post(page(clerk.user), {"reason": "x"}).status_code == 403
        clerk.user.user_permissions.remove(Permission.objects.get(codename="freeze_member"))
        assert clerk.post(page(boris), {"reason": "x"}).status_code == 403
        assert Freeze.objects.count() == 0

    def test_lists_who_is_frozen(self, boris, clerk, unit):
        other = a_user("ada@example.com")
        give(other, 10, unit)
        freeze(boris, until=LATER)
        where = reverse("admin:loyalty_program_member_changelist")

        def listed(value):
            found = clerk.get(where, {"frozen": value}).context["cl"].result_list
            return [member.user.email for member in found]

        assert (listed("now"), listed("before")) == ([boris.email], [])
        with clock.at(LATER):
            assert (listed("now"), listed("before")) == ([], [boris.email])


class TestTheDashboard:
    def test_shows_the_reason_on_the_customers_page(self, boris, clerk):
        freeze(boris)
        clerk.user.is_superuser = True
        clerk.user.save()
        html = clerk.get(reverse("dashboard:user-detail", args=[boris.pk])).content.decode()
        assert "Many accounts, one card" in html
        assert page(boris) in html
