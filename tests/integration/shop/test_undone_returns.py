"""A return typed by mistake is taken back on the dashboard: the event goes, points follow at once, a note says so."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.shop.orders.returns import preview, preview_undone
from loyalty_oscar.shop.orders.unreturned import returns_of, undo_return, units_back
from tests.integration.ledger.books import assert_clean, dump
from tests.integration.tiers.ladders import a_ladder, now
from tests.orders import paid_back
from tests.points import give, of
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, ripen, send_back, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
ShippingEvent = get_model("order", "ShippingEvent")


@pytest.fixture
def order(unit, boris):
    """4 × 10.00, which brought 40 paws, ready by now; one piece came back."""
    found = arrive(buy(boris, (a_product(price="10.00"), 4), on=day(4, 1)), on=day(4, 2))
    ripen(on=day(4, 20))
    send_back(found, 1, on=TODAY)
    assert of(boris)[0] == 1030
    return found


@pytest.fixture
def clerk(db):
    user = a_user("clerk@example.com")
    user.is_staff = user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    client.user = user
    return client


def page(order, told):
    return reverse("loyalty:dashboard-unreturn", args=[order.number, told.kind, told.event.pk])


class TestUndoingAReturn:
    def test_gives_back_what_the_return_took(self, boris, order, clerk):
        (told,) = returns_of(order=order)
        assert (told.kind, told.units) == ("shipping", 1)
        undo_return(order=order, kind="shipping", event_id=told.event.pk, staff=clerk.user, at=TODAY)
        assert of(boris)[0] == 1040
        assert returns_of(order=order) == []
        assert "Undone: " in order.notes.get().message
        assert order.notes.get().user == clerk.user
        assert_clean()

    def test_is_said_beforehand(self, boris, order):
        (told,) = returns_of(order=order)
        before = dump()
        (change,) = preview_undone(order=order, quantities=units_back(told=told), at=TODAY).changes
        assert (change.returned, change.taken, dump()) == (10, 0, before)

    def test_happens_once(self, boris, order, clerk):
        (told,) = returns_of(order=order)
        about = {"order": order, "kind": "shipping", "event_id": told.event.pk, "staff": clerk.user, "at": TODAY}
        undo_return(**about)
        before = dump()
        with pytest.raises(NotAllowed):
            undo_return(**about)
        assert dump() == before

    def test_leaves_what_the_refund_says_too(self, boris, order, clerk):
        paid_back(line=order.lines.get(), quantity=1)
        told = next(one for one in returns_of(order=order) if one.kind == "shipping")
        assert units_back(told=told) == {order.lines.get().pk: 0}
        undo_return(order=order, kind="shipping", event_id=told.event.pk, staff=clerk.user, at=TODAY)
        assert of(boris)[0] == 1030

    def test_touches_no_event_of_another_order_or_kind(self, boris, order, clerk):
        other = buy(boris, (a_product(price="10.00"), 1), on=TODAY)
        (told,) = returns_of(order=order)
        for about in ({"order": other, "kind": "shipping"}, {"order": order, "kind": "payment"}):
            with pytest.raises(NotAllowed):
                undo_return(**about, event_id=told.event.pk, staff=clerk.user, at=TODAY)
        assert ShippingEvent.objects.filter(pk=told.event.pk).exists()
        # The parcel that was sent is no return, and nobody undoes it here.
        sent = ShippingEvent.objects.exclude(pk=told.event.pk)
        for event in sent:
            with pytest.raises(NotAllowed):
                undo_return(order=order, kind="shipping", event_id=event.pk, staff=clerk.user, at=TODAY)


class TestTheDashboard:
    def test_leads_there_says_what_it_does_and_does_it(self, boris, order, clerk):
        (told,) = returns_of(order=order)
        where = page(order, told)
        html = clerk.get(reverse("dashboard:order-detail", args=[order.number])).content.decode()
        assert where in html
        assert "10 paws return" in text_of(clerk.get(where))
        assert of(boris)[0] == 1030
        assert clerk.post(where).status_code == 302
        assert of(boris)[0] == 1040
        assert clerk.get(where).status_code == 404
        assert "It was undone before." in clerk.post(where, follow=True).content.decode()

    def test_is_for_who_may(self, boris, order):
        (told,) = returns_of(order=order)
        user = a_user("helper@example.com")
        user.is_staff = True
        user.save()
        client = Client()
        client.force_login(user)
        for code in ("view_account", None):
            assert client.post(page(order, told)).status_code == 403
            if code:
                user.user_permissions.add(Permission.objects.get(codename=code))
        assert of(boris)[0] == 1030
        user.user_permissions.add(Permission.objects.get(codename="undo_return"))
        assert client.post(page(order, told)).status_code == 302
        assert of(boris)[0] == 1040


class TestThePreviewOfAReturn:
    def test_names_the_level_that_falls(self, unit, boris):
        a_ladder(unit=unit)
        small = buy(boris, (a_product(price="10.00"), 1), on=TODAY)
        order = buy(boris, (a_product(price="100.00"), 4), on=TODAY)
        assert now(boris).rank == 3
        assert preview(order=order, at=TODAY).beside == ("The level falls from Gold to Bronze.",)
        half = {order.lines.get().pk: 2}
        assert preview(order=order, quantities=half, at=TODAY).beside == ("The level falls from Gold to Silver.",)
        assert preview(order=small, at=TODAY).beside == ()
        send_back(order, 4, on=TODAY)
        assert now(boris).rank == 1
        assert preview(order=small, at=TODAY).beside == ("The level Bronze goes, and none is left.",)

    def test_shows_it_on_the_page(self, unit, boris, clerk):
        a_ladder(unit=unit)
        order = buy(boris, (a_product(price="100.00"), 4), on=TODAY)
        html = text_of(clerk.get(reverse("dashboard:order-detail", args=[order.number])))
        assert "The level Gold goes, and none is left." in html


def test_members_without_a_level_lose_none(unit, boris):
    order = buy(boris, (a_product(price="100.00"), 4), on=TODAY)
    give(a_user("ada@example.com"), 5, unit, source="ada")
    assert preview(order=order, at=TODAY).beside == ()
