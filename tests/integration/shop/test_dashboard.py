"""Loyalty in Oscar's dashboard: panels, goodwill points, the page of our own, and who may see what."""

import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from loyalty_oscar.ledger.models import Account, Entry, Note
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program import clock, contributions
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.operations import note_run
from loyalty_oscar.shop.dashboard import nav
from loyalty_oscar.shop.dashboard.permissions import loyalty_permissions, oscars_pages
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing.factories import MemberFactory
from tests.once import a_program
from tests.orders import come_back, deliver, imported, place

LOOK, GIVE = "view_account", "goodwill_account"
OVERVIEW = reverse("loyalty:dashboard")


@pytest.fixture
def unit(db):
    return a_program()


@pytest.fixture
def customer(db):
    return get_user_model().objects.create_user("boris", "boris@example.com", "x")


@pytest.fixture
def staff(db):
    """Make a member of staff with permissions on accounts; returns the user and a signed-in client."""

    def make(*codenames, is_staff=True):
        users = get_user_model().objects
        name = f"staff{users.count()}"
        user = users.create_user(name, f"{name}@example.com", "x", is_staff=is_staff)
        user.user_permissions.set([*Permission.objects.filter(codename__in=codenames), *oscars_pages()])
        client = Client()
        client.force_login(user)
        return user, client

    return make


def order_page(order):
    return reverse("dashboard:order-detail", kwargs={"number": order.number})


def user_page(user):
    return reverse("dashboard:user-detail", kwargs={"pk": user.pk})


def goodwill(user, unit):
    return reverse("loyalty:dashboard-goodwill", args=[user.pk, unit.pk])


def typed(**fields):
    return {"token": str(uuid.uuid4()), "points": "50", "reason": "Parcel was late", **fields}


def text(response):
    return response.content.decode().replace("\xa0", " ")


@pytest.fixture
def order(unit, customer, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        return place(user=customer, lines=[("12.50", 2)])


class TestTheCustomersPage:
    def test_shows_what_the_customer_has(self, staff, order, customer):
        html = text(staff(LOOK)[1].get(user_page(customer)))
        assert 'data-loyalty="pending" data-value="25"' in html
        assert "Give goodwill" not in html

    def test_offers_goodwill_to_who_may_give_it(self, staff, order, customer, unit):
        html = text(staff(LOOK, GIVE)[1].get(user_page(customer)))
        assert goodwill(customer, unit) in html

    def test_offers_goodwill_to_a_customer_without_points(self, staff, unit, customer):
        html = text(staff(LOOK, GIVE)[1].get(user_page(customer)))
        assert "Nothing yet." in html
        assert goodwill(customer, unit) in html

    def test_leads_to_the_statement_where_that_may_be_read(self, staff, order, customer):
        url = reverse("admin:loyalty_program_member_change", args=[Member.objects.get().pk])
        assert url in text(staff(LOOK, "view_member")[1].get(user_page(customer)))
        assert url not in text(staff(LOOK)[1].get(user_page(customer)))

    def test_is_as_ever_for_staff_without_the_permission(self, staff, order, customer):
        html = text(staff()[1].get(user_page(customer)))
        assert customer.email in html
        assert "data-loyalty" not in html

    def test_is_as_ever_before_a_program_is_live(self, staff, customer):
        Program.objects.create(code="club", name="Club", is_default=True)
        assert "data-loyalty" not in text(staff(LOOK)[1].get(user_page(customer)))

    def test_survives_a_panel_that_fails(self, staff, order, customer, caplog):
        @contributions.register("dashboard:user", "broken", order=0)
        def broken(*, subject, request):
            raise RuntimeError("never mind")

        try:
            response = staff(LOOK)[1].get(user_page(customer))
        finally:
            contributions.at("dashboard:user").unregister("broken")
        assert 'data-loyalty="pending"' in text(response)
        assert "dashboard:user: broken failed and is left out" in caplog.text


class TestAnOrdersPage:
    def test_shows_what_the_order_brought_and_why(self, staff, order):
        html = text(staff(LOOK)[1].get(order_page(order)))
        assert 'data-loyalty="earn" data-value="25"' in html
        assert "for each €1.00" in html
        assert "on the way until the order has reached its last status" in html

    def test_shows_what_was_taken_back(self, staff, order):
        deliver(order)
        come_back(line=order.lines.get(), quantity=1)
        sync_orders(order_ids=[order.pk], at=clock.now())
        html = text(staff(LOOK)[1].get(order_page(order)))
        assert 'data-loyalty="earn" data-value="13"' in html
        assert "12 paws" in html

    @pytest.mark.parametrize(
        ("about", "says"),
        [
            ({"placed_at": -timedelta(days=2)}, "before the program went live"),
            ({"status": "Cancelled"}, "came to nothing"),
            ({"user": None, "guest_email": "guest@example.com"}, "a guest placed it"),
            ({}, "Not counted yet"),
        ],
    )
    def test_says_why_an_order_brought_nothing(self, staff, unit, customer, about, says):
        placed_at = clock.now() + about.pop("placed_at", timedelta(0))
        about = {"user": customer, "status": "Delivered", **about}
        order = imported(lines=[("10", 1)], placed_at=placed_at, **about)
        assert says in text(staff(LOOK)[1].get(order_page(order)))

    def test_says_that_the_customer_had_not_joined(self, staff, customer):
        a_program(enrolment="opt-in")
        order = imported(user=customer, lines=[("10", 1)], placed_at=clock.now())
        assert "had not joined" in text(staff(LOOK)[1].get(order_page(order)))

    def test_is_as_ever_for_staff_without_the_permission(self, staff, order):
        assert "data-loyalty" not in text(staff()[1].get(order_page(order)))


class TestGoodwill:
    def test_is_given_with_the_reason_and_the_name(self, staff, unit, customer):
        user, client = staff(LOOK, GIVE)
        assert client.post(goodwill(customer, unit), typed()).status_code == 302
        entry = Entry.objects.get()
        assert (entry.d_available, entry.actor, entry.note.text) == (50, f"staff:{user.pk}", "Parcel was late")
        assert entry.because["c"] == "goodwill"
        assert entry.lots.get().expires_at is not None

    def test_leads_back_to_where_one_came_from(self, staff, order, customer, unit):
        client = staff(LOOK, GIVE)[1]
        assert client.post(goodwill(customer, unit), typed())["Location"] == user_page(customer)
        member = reverse("admin:loyalty_program_member_change", args=[Member.objects.get().pk])
        assert client.post(goodwill(customer, unit) + "?back=member", typed())["Location"] == member

    def test_counts_once_however_often_the_form_is_sent(self, staff, unit, customer, settings):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 50
        client, data = staff(LOOK, GIVE)[1], typed()
        assert [client.post(goodwill(customer, unit), data).status_code for _ in range(2)] == [302, 302]
        assert Account.objects.get().available == 50

    def test_is_refused_where_the_same_form_comes_with_another_number(self, staff, unit, customer):
        client, data = staff(LOOK, GIVE)[1], typed()
        client.post(goodwill(customer, unit), data)
        assert client.post(goodwill(customer, unit), {**data, "points": "51"}).context["form"].errors["__all__"]
        assert Account.objects.get().available == 50

    def test_ends_at_the_limit_of_the_day(self, staff, unit, customer, settings):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 120
        client = staff(LOOK, GIVE)[1]
        client.post(goodwill(customer, unit), typed(points="100"))
        response = client.post(goodwill(customer, unit), typed(points="21"))
        assert "20" in response.context["form"].errors["points"][0]
        assert Account.objects.get().available == 100
        assert client.post(goodwill(customer, unit), typed(points="20")).status_code == 302
        assert Account.objects.get().available == 120

    def test_ends_at_the_limit_though_the_customer_has_left_meanwhile(self, staff, unit, customer, settings):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 120
        client = staff(LOOK, GIVE)[1]
        client.post(goodwill(customer, unit), typed(points="100"))
        customer.delete()
        assert not Note.objects.exists()
        other = get_user_model().objects.create_user("other", "other@example.com", "x")
        assert client.post(goodwill(other, unit), typed(points="21")).status_code == 200
        assert not Account.objects.filter(member__user=other, available__gt=0).exists()
        assert client.post(goodwill(other, unit), typed(points="20")).status_code == 302

    def test_has_a_limit_for_each_of_staff_and_each_day(self, staff, unit, customer, settings):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 100
        first, second = staff(LOOK, GIVE)[1], staff(LOOK, GIVE)[1]
        assert first.post(goodwill(customer, unit), typed(points="100")).status_code == 302
        assert second.post(goodwill(customer, unit), typed(points="100")).status_code == 302
        assert first.post(goodwill(customer, unit), typed(points="1")).status_code == 200
        with clock.at(clock.now() + timedelta(hours=25)):
            assert first.post(goodwill(customer, unit), typed(points="100")).status_code == 302
        assert Account.objects.get().available == 300

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"points": "0"}, "points"),
            ({"points": "-5"}, "points"),
            ({"points": "501"}, "points"),
            ({"points": "lots"}, "points"),
            ({"reason": " "}, "reason"),
            ({"token": ""}, "token"),
        ],
    )
    def test_is_refused_beside_the_field_and_nothing_moves(self, staff, unit, customer, fields, wrong):
        response = staff(LOOK, GIVE)[1].post(goodwill(customer, unit), typed(**fields))
        assert list(response.context["form"].errors) == [wrong]
        assert not Entry.objects.exists()
        assert not Member.objects.exists()

    @pytest.mark.parametrize("permissions", [(), (LOOK,), (GIVE,), (LOOK, "adjust_account")])
    def test_needs_a_permission_of_its_own(self, staff, unit, customer, permissions):
        client = staff(*permissions)[1]
        assert client.get(goodwill(customer, unit)).status_code == 403
        assert client.post(goodwill(customer, unit), typed()).status_code == 403
        assert not Entry.objects.exists()

    def test_is_nothing_for_customers_and_strangers(self, staff, unit, customer):
        assert staff(LOOK, GIVE, is_staff=False)[1].post(goodwill(customer, unit), typed()).status_code == 403
        assert Client().post(goodwill(customer, unit), typed()).status_code == 302
        assert not Entry.objects.exists()

    def test_is_never_for_oneself(self, staff, unit):
        user, client = staff(LOOK, GIVE)
        assert client.post(goodwill(user, unit), typed()).status_code == 403
        assert "Give goodwill" not in text(client.get(user_page(user)))
        assert not Entry.objects.exists()

    @pytest.mark.parametrize("stays", ["clerk", "customer"])
    def test_is_not_for_another_login_of_ones_own(self, staff, unit, customer, stays):
        user, client = staff(LOOK, GIVE)
        own, other = (MemberFactory(program=unit.program, user=one) for one in (user, customer))
        told = {"member": other, "into": own} if stays == "clerk" else {"member": own, "into": other}
        merge(**told, actor="staff:1", at=clock.now())
        assert client.post(goodwill(customer, unit), typed()).status_code == 403
        assert not Account.objects.filter(available__gt=0).exists()

    def test_waits_until_a_customer_has_joined_where_people_join_by_choice(self, staff, customer):
        unit = a_program(enrolment="opt-in")
        response = staff(LOOK, GIVE)[1].post(goodwill(customer, unit), typed())
        assert "has not joined" in response.context["form"].errors["__all__"][0]
        assert not Member.objects.exists()

    @pytest.mark.parametrize("user_id", ["999999", "nobody"])
    def test_is_for_people_who_exist(self, staff, unit, user_id):
        url = reverse("loyalty:dashboard-goodwill", args=[user_id, unit.pk])
        assert staff(LOOK, GIVE)[1].post(url, typed()).status_code == 404
        assert not Entry.objects.exists()


class TestThePageOfOurOwn:
    def test_says_how_the_program_stands(self, staff, order):
        note_run(name="sweep", started_at=clock.now(), finished_at=clock.now(), done=7)
        html = text(staff(LOOK)[1].get(OVERVIEW))
        assert 'data-loyalty="members" data-value="1"' in html
        assert 'data-loyalty="owed" data-value="25"' in html
        assert "worth €0.25" in html
        assert "Counts new and changed orders" in html

    def test_says_of_a_job_that_failed_when_it_last_went_well(self, staff, unit):
        good, bad = clock.now() - timedelta(hours=3), clock.now()
        for at, error in ((good, ""), (bad, "OSError: away")):
            note_run(name="sweep", started_at=at, finished_at=at, done=1, error=error)
        note_run(name="expire", started_at=bad, finished_at=bad, done=1)
        page = staff(LOOK)[1].get(OVERVIEW).content.decode()
        moment = date_format(timezone.localtime(good), "DATETIME_FORMAT")
        assert f"OSError: away<br>It last went well at {moment}." in page
        assert page.count("It last went well") == 1

    def test_says_so_where_there_is_nothing_yet(self, staff):
        html = text(staff(LOOK)[1].get(OVERVIEW))
        assert "There is no program yet." in html
        assert "No job ran so far." in html

    @pytest.mark.parametrize(("who", "status"), [((), 403), ((GIVE,), 403), ((LOOK,), 200)])
    def test_is_for_who_may_see_points(self, staff, unit, who, status):
        assert staff(*who)[1].get(OVERVIEW).status_code == status

    def test_asks_strangers_to_log_in(self, db):
        assert reverse("dashboard:login") in Client().get(OVERVIEW)["Location"]

    def test_stands_in_the_navigation_for_who_may_see_it(self, staff, unit):
        index = reverse("dashboard:index")
        assert f'href="{OVERVIEW}"' in text(staff(LOOK)[1].get(index))
        assert f'href="{OVERVIEW}"' not in text(staff()[1].get(index))

    def test_stands_there_once_however_often_the_apps_are_made_ready(self):
        nav.add()
        nav.add()
        assert [e.get("url_name") for e in settings.OSCAR_DASHBOARD_NAVIGATION].count(nav.URL_NAME) == 1

    def test_hides_where_our_addresses_are_not_included(self, staff):
        assert not nav.is_shown(staff(LOOK)[0], "nowhere:dashboard")


class TestTheMerchantsPermissions:
    def test_are_all_of_ours_and_nothing_else(self, db):
        labels = {permission.content_type.app_label for permission in loyalty_permissions()}
        features = ("earning", "redemption", "tiers", "referrals", "exclusives", "journeys", "insights")
        always = ("program", "ledger", "people", "shop")
        assert labels == {f"loyalty_{name}" for name in (*always, *features)}
        codes = set(loyalty_permissions().values_list("codename", flat=True))
        assert {"adjust_account", "goodwill_account", "change_program", "add_rule"} <= codes

    def test_open_every_page_of_loyalty_in_the_admin(self, staff, order):
        user, client = staff()
        user.user_permissions.set(loyalty_permissions())
        pages = ("program_program", "program_member", "program_productset", "earning_rule", "ledger_entry")
        for name in (*pages, "redemption_useterms", "redemption_redemption"):
            assert client.get(reverse(f"admin:loyalty_{name}_changelist")).status_code == 200
        assert client.get(reverse("admin:order_order_changelist")).status_code == 403
