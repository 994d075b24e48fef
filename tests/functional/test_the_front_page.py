"""The one page of loyalty, in Django's admin and on Oscar's dashboard: who sees what, and what it says."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from loyalty_oscar.earning.models import Award, Rule
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.journeys.models import Campaign, Goal
from loyalty_oscar.program.models import Delivery, Event, PointWorth, Program, State
from loyalty_oscar.program.operations import note_run
from loyalty_oscar.shop.earning.front import in_percent, promised_rate, real_rate
from loyalty_oscar.shop.front.checklist import checklist_of
from loyalty_oscar.shop.front.planned import calendar_of
from loyalty_oscar.shop.orders.sync import sync_order
from loyalty_oscar.testing.factories import GoalFactory
from tests.once import a_program
from tests.orders import imported, place
from tests.storefront import text_of

pytestmark = pytest.mark.django_db

INDEX = reverse("admin:index")
FRONT = reverse("admin:app_list", args=["loyalty_program"])
DASHBOARD = reverse("loyalty:dashboard")


@pytest.fixture
def unit():
    return a_program()


@pytest.fixture
def staff():
    """Make a signed-in client of somebody of staff with these permissions (`app.codename`), or with all of them."""

    def make(*names, superuser=False):
        users = get_user_model().objects
        name = f"staff{users.count()}"
        user = users.create_user(name, f"{name}@example.org", "x", is_staff=True, is_superuser=superuser)
        for label in names:
            app, codename = label.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client()
        client.force_login(user)
        return client

    return make


def text(response):
    return response.content.decode().replace("\xa0", " ")


def boxes(response):
    return [app["app_label"] for app in response.context["app_list"] if app["app_label"].startswith("loyalty_")]


def ticks(unit):
    return {one.text: one.done for one in checklist_of(program=unit.program, at=timezone.now())}


class TestDjangosIndex:
    def test_has_one_box_with_what_is_written_most(self, unit, staff):
        response = staff(superuser=True).get(INDEX)
        assert boxes(response) == ["loyalty_program"]
        box = next(app for app in response.context["app_list"] if app["app_label"] == "loyalty_program")
        assert {model["object_name"] for model in box["models"]} == {"Program", "Member", "ProductSet", "Segment"}

    def test_has_the_box_for_whoever_may_open_one_list_of_ours(self, unit, staff):
        clerk = staff("loyalty_referrals.view_referral")
        response = clerk.get(INDEX)
        assert boxes(response) == ["loyalty_program"]
        assert reverse("admin:loyalty_program_program_changelist") not in text(response)
        assert clerk.get(reverse("admin:loyalty_program_program_changelist")).status_code == 403

    def test_has_no_box_of_ours_for_staff_without_rights(self, unit, staff):
        clerk = staff("auth.view_group")
        assert boxes(clerk.get(INDEX)) == []
        assert clerk.get(FRONT).status_code == 404


class TestTheFrontPage:
    @pytest.mark.parametrize("app", ["program", "earning", "ledger", "tiers", "shop"])
    def test_stands_where_the_way_back_of_every_page_leads(self, unit, staff, app):
        response = staff(superuser=True).get(reverse("admin:app_list", args=[f"loyalty_{app}"]))
        assert response.status_code == 200
        assert "What you still owe" in text(response)

    def test_begins_its_way_back_with_the_admins_own_word(self, unit, staff, settings):
        settings.LANGUAGE_CODE = "de"
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("LocaleMiddleware")]
        client = staff(superuser=True)
        program = reverse("admin:loyalty_program_program_change", args=[unit.program.pk])
        for page in (
            program,
            FRONT,
            f"{program[: -len('change/')]}try/",
            reverse("admin:loyalty_insights_book_changelist"),
        ):
            assert f'<a href="{INDEX}">Start</a>' in text(client.get(page)), page

    def test_leads_to_every_list_that_stands_in_no_box(self, unit, staff):
        html = text(staff(superuser=True).get(FRONT))
        for name in ("earning_rule", "redemption_useterms", "program_reward", "redemption_claim",
                     "tiers_ladder", "tiers_memberprice", "exclusives_sale",
                     "referrals_scheme", "referrals_referral", "journeys_campaign", "journeys_goal",
                     "ledger_account", "ledger_entry", "ledger_hold", "shop_ordersync", "program_jobrun",
                     "program_delivery", "program_event"):  # fmt: skip
            assert reverse(f"admin:loyalty_{name}_changelist") in html

    def test_shows_who_may_not_look_at_points_the_lists_alone(self, unit, staff):
        html = text(staff("loyalty_earning.view_rule").get(FRONT))
        assert reverse("admin:loyalty_earning_rule_changelist") in html
        assert reverse("admin:loyalty_program_member_changelist") not in html
        assert "What you still owe" not in html
        assert "Jobs" not in html

    @pytest.mark.parametrize("state", [State.PAUSED, State.CLOSING, State.CLOSED])
    def test_asks_nothing_of_a_closed_program_before_customers_can_count_on_it(self, unit, staff, state):
        Program.objects.filter(pk=unit.program_id).update(state=state)
        html = text(staff(superuser=True).get(FRONT))
        assert "What you still owe" in html
        for said in ("before customers can count on it", "The program is live"):
            assert (said in html) == (state != State.CLOSED)

    def test_says_the_same_on_oscars_dashboard(self, unit, staff):
        desk = staff(superuser=True)
        for url in (FRONT, DASHBOARD):
            html = text(desk.get(url))
            assert "You give back <strong>1.0 %</strong> of what members spend." in html
            assert f'href="{reverse("admin:loyalty_earning_rule_changelist")}"' in html

    def test_counts_no_message_of_whom_nobody_tells_any_more_as_the_doctor_does(self, unit, staff):
        event = Event.objects.create(topic="welcome", key="a", at=timezone.now())
        told = {"event": event, "attempts": 3, "next_at": timezone.now()}
        Delivery.objects.create(consumer="left-us", **told)
        root = staff(superuser=True)
        assert "could not be sent yet" not in text(root.get(FRONT))
        Delivery.objects.create(consumer="mail", **told)
        assert "1 message could not be sent yet." in text(root.get(FRONT))

    def test_says_what_a_job_does_for_the_shop(self, unit, staff):
        note_run(name="mature", started_at=timezone.now(), finished_at=timezone.now(), done=3)
        html = text(staff(superuser=True).get(FRONT))
        assert "<td>Makes ready what orders brought, after the return period</td>" in html
        assert "<td>mature</td>" not in html

    def test_asks_as_little_with_many_rules_and_campaigns(self, unit, staff, django_assert_num_queries):
        desk = staff(superuser=True)
        desk.get(FRONT)
        with django_assert_num_queries(FRONT_QUERIES):
            desk.get(FRONT)
        for number in range(20):
            Campaign.objects.create(
                program=unit.program, code=f"c{number}", name=f"C{number}", occasion="sign-up", points=1
            )
        desk.get(FRONT)
        with django_assert_num_queries(FRONT_QUERIES):
            desk.get(FRONT)


#: Of all features together, with the session and the user.
FRONT_QUERIES = 27


class TestTheCalendar:
    def test_tells_what_runs_comes_and_is_over(self, unit):
        at = timezone.now()
        Rule.objects.all().delete()
        soon, later, ago = at + timedelta(days=3), at + timedelta(days=9), at - timedelta(days=3)
        for code, starts_at, ends_at in (
            ("running", ago, later),
            ("coming", soon, later),
            ("gone", ago - timedelta(days=9), ago),
            ("long-gone", None, at - timedelta(days=100)),
        ):
            Campaign.objects.create(
                program=unit.program, code=code, name=code, occasion="sign-up", points=5,
                starts_at=starts_at, ends_at=ends_at,
            )  # fmt: skip
        Campaign.objects.create(
            program=unit.program, code="off", name="off", occasion="sign-up", points=5, is_on=False
        )  # fmt: skip
        found = calendar_of(program=unit.program, at=at)
        names = {span: [one.row.name for one in planned] for span, planned in found.items()}
        assert names == {"now": ["running"], "next": ["coming"], "over": ["gone"]}

    def test_names_goals_among_them(self, unit):
        at = timezone.now()
        for code, is_on in (("card", True), ("off", False)):
            GoalFactory(program=unit.program, code=code, name=code, is_on=is_on)
        found = calendar_of(program=unit.program, at=at)
        assert [one.row.name for one in found["now"] if isinstance(one.row, Goal)] == ["card"]

    def test_ends_a_rule_with_the_last_day_it_names(self, unit):
        save_rule(
            unit=unit, code="may", name="May", type="multiplier", params={"percent": 200},
            narrowed=[{"code": "dates", "params": {"first": "2031-05-01", "last": "2031-05-31"}}],
            actor="system", at=timezone.now(),
        )  # fmt: skip
        found = calendar_of(program=unit.program, at=timezone.now())
        planned = next(one for one in found["next"] if one.row.name == "May")
        assert planned.dates(zone=unit.program.time_zone) == "1 May 2031 to 31 May 2031"


class TestTheGiveBackRate:
    def test_is_what_an_order_then_brings(self, unit, customer_order):
        at = timezone.now()
        assert in_percent(promised_rate(unit=unit, at=at)) == "1.0 %"
        assert promised_rate(unit=unit, at=at) == real_rate(unit=unit, at=at)

    def test_is_of_orders_in_the_programs_currency(self, unit, customer_order):
        at = timezone.now()
        order = imported(
            user=get_user_model().objects.get(), lines=[("24000", 1)], placed_at=at - timedelta(seconds=1),
            currency="JPY",
        )  # fmt: skip
        sync_order(order_id=order.pk)
        assert Award.objects.filter(source_id=order.pk).exists()
        assert in_percent(real_rate(unit=unit, at=at)) == "1.0 %"

    def test_follows_what_points_are_worth(self, unit):
        PointWorth.objects.update(minor=250)
        assert in_percent(promised_rate(unit=unit, at=timezone.now() + timedelta(minutes=2))) == "2.5 %"

    def test_counts_a_multiplier_that_always_counts_as_an_order_then_does(self, unit, order_of):
        at = timezone.now() - timedelta(minutes=1)
        save_rule(
            unit=unit, code="double", name="Double", type="multiplier", params={"percent": 200}, actor="system", at=at
        )  # fmt: skip
        order_of()
        assert in_percent(promised_rate(unit=unit, at=timezone.now())) == "2.0 %"
        assert promised_rate(unit=unit, at=timezone.now()) == real_rate(unit=unit, at=timezone.now())

    def test_says_where_it_ends(self, staff, unit):
        narrowed = [{"code": "cap-per-order", "params": {"points": 50}}]
        save_rule(
            unit=unit, code="double", name="Double", type="multiplier", params={"percent": 200}, narrowed=narrowed,
            actor="system", at=timezone.now() - timedelta(minutes=1),
        )  # fmt: skip
        page = text_of(staff(superuser=True).get(FRONT))
        assert "You give back 2.0 % of what members spend. “Double” brings at most 50 paws an order." in page

    def test_leaves_out_a_rule_for_some_products_and_says_nothing_without_a_worth(self, unit):
        save_rule(
            unit=unit, code="cats", name="Cats", type="per-amount",
            params={"currency": "EUR", "points": 5, "step_minor": 100},
            narrowed=[{"code": "minimum-spend", "params": {"currency": "EUR", "minimum_minor": 5000}}],
            actor="system", at=timezone.now() - timedelta(minutes=1),
        )  # fmt: skip
        assert in_percent(promised_rate(unit=unit, at=timezone.now())) == "1.0 %"
        PointWorth.objects.all().delete()
        assert promised_rate(unit=unit, at=timezone.now()) is None

    @pytest.fixture
    def customer_order(self, order_of):
        order_of()

    @pytest.fixture
    def order_of(self, unit, django_capture_on_commit_callbacks):
        user = get_user_model().objects.create_user("boris", "boris@example.org", "x")

        def order():
            with django_capture_on_commit_callbacks(execute=True):
                return place(user=user, lines=[("12.00", 2)])

        return order


class TestTheChecklist:
    def test_ticks_the_jobs_once_they_ran(self, unit):
        assert not ticks(unit)["The jobs run"]
        note_run(name="sweep", started_at=timezone.now(), finished_at=timezone.now(), done=0)
        assert ticks(unit)["The jobs run"]

    def test_ticks_the_address_once_it_is_the_shops(self, unit):
        Site.objects.update(domain="example.com")
        assert not ticks(unit)["Links lead to your shop"]
        Site.objects.update(domain="cats.shop")
        assert ticks(unit)["Links lead to your shop"]

    def test_ticks_the_sender_once_it_is_the_shops(self, unit, settings):
        settings.OSCAR_FROM_EMAIL = "oscar@example.com"
        assert not ticks(unit)["Mails come from your shop"]
        settings.OSCAR_FROM_EMAIL = "hello@cats.shop"
        assert ticks(unit)["Mails come from your shop"]
