"""A guest's order finds its owner: with a password on the thank-you page, or by an address that was confirmed."""

import re
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.contrib.auth import get_user_model
from django.core import mail, signing
from django.core.cache import cache
from django.test import override_settings
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock
from loyalty_oscar.program.hooks import order_effects
from loyalty_oscar.program.models import Member, Program, TermsVersion
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sweep, sync_orders
from loyalty_oscar.shop.self_service import guests
from tests import orders
from tests.once import a_program

EMAIL, PASSWORD = "mei.tanaka@mail.example", "a sentence is fine"
User = get_user_model()


@pytest.fixture
def unit(db):
    cache.clear()
    return a_program(live_from=clock.now() - timedelta(days=100))


def a_guest_order(*, number="100483", days_ago=0, email=EMAIL, lines=(("24.90", 1),)):
    placed_at = clock.now() - timedelta(days=days_ago)
    order = orders.imported(
        user=None, lines=lines, placed_at=placed_at, status="Pending", number=number, guest_email=email
    )
    sync_orders(order_ids=[order.pk], at=clock.now())
    return order


def thank_you(client, order):
    """The session has just placed this order."""
    client.get("/")
    session = client.session
    session["checkout_order_id"] = order.pk
    session.save()
    return client.get(reverse("checkout:thank-you")).content.decode().replace("\xa0", " ")


def choose(client, password=PASSWORD):
    return client.post(reverse("loyalty:keep"), {"password": password})


def assert_nothing_moved(order):
    order.refresh_from_db()
    assert order.user is None
    assert not Member.objects.exists()
    assert not Account.objects.exists()
    assert not Award.objects.exists()


class TestTheThankYouPageOfAGuest:
    def test_says_what_the_order_brings_and_asks_for_a_password_only(self, client, unit):
        page = thank_you(client, a_guest_order())
        assert "This order brings 24 paws" in page
        assert "24 paws = €0.24" in page
        assert f"Password for {EMAIL}" in page
        assert page.count('type="password"') == 1
        assert reverse("loyalty:how-it-works") in page
        assert "checkbox" not in page
        assert 'data-loyalty="earn" data-value="24"' in page

    def test_counts_the_bonus_for_a_first_order(self, client, unit):
        save_rule(
            unit=unit, code="first", name="First", type="first-order", params={"points": 40}, actor="system",
            at=clock.now() - timedelta(days=1),
        )  # fmt: skip
        page = thank_you(client, a_guest_order())
        assert "This order brings 64 paws" in page
        choose(client)
        assert Account.objects.get().pending == 64

    @pytest.mark.parametrize("why", ["not this session's", "somebody's", "too old", "worth nothing", "no program"])
    def test_says_nothing_about_an_order_that_is(self, client, unit, why):
        order = a_guest_order(
            days_ago=31 if why == "too old" else 0, lines=(("0.10", 1),) if why == "worth nothing" else (("24.90", 1),)
        )
        if why == "somebody's":
            orders.Order.objects.update(user=User.objects.create_user(username="x", email="x@example.com"))
        if why == "no program":
            Program.objects.all().update(state="draft")
            forget_cache()
        page = thank_you(client, order)
        if why == "not this session's":
            client.cookies.clear()
            thank_you(client, a_guest_order(number="other", lines=(("0.10", 1),)))
            page = client.get(reverse("checkout:thank-you")).content.decode()
        assert "Keep them" not in page
        assert choose(client).status_code == 302
        order.refresh_from_db()
        assert not User.objects.exclude(username="x").exists()
        assert order.user_id is None or why == "somebody's"


class TestChoosingAPassword:
    def test_makes_an_account_that_owns_the_order_and_its_points(self, client, unit):
        order = a_guest_order()
        thank_you(client, order)
        answer = choose(client)
        assert (answer.status_code, answer["Location"]) == (302, reverse("checkout:thank-you"))
        user = User.objects.get()
        assert user.email == EMAIL
        assert user.check_password(PASSWORD)
        assert client.session["_auth_user_id"] == str(user.pk)
        order.refresh_from_db()
        assert order.user == user
        member, account = Member.objects.get(), Account.objects.get()
        assert (member.user, member.joined_at) == (user, order.date_placed)
        assert (account.pending, account.seq) == (24, 1)
        assert "24 paws" in client.get(reverse("checkout:thank-you")).content.decode().replace("\xa0", " ")

    def test_counts_once_whatever_is_swept_and_sent_again(self, client, unit, django_capture_on_commit_callbacks):
        order = a_guest_order()
        thank_you(client, order)
        with django_capture_on_commit_callbacks(execute=True):
            choose(client)
            choose(client)
        orders.Order.objects.get().save()
        list(sweep(at=clock.now(), everything=True))
        assert Account.objects.get().seq == 1
        assert User.objects.count() == Award.objects.count() == 1
        assert [step.wrong for step in audit() if step.wrong] == []

    @override_settings(
        AUTH_PASSWORD_VALIDATORS=[
            {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 9}},
            {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
        ]
    )
    @pytest.mark.parametrize(
        ("password", "says"),
        [("", "Choose a password."), ("short", "at least 9 characters"), ("mei.tanaka", "too similar")],
    )
    def test_refuses_a_bad_one_and_says_what_to_do(self, client, unit, password, says):
        order = a_guest_order()
        assert "at least 9 characters" in thank_you(client, order)
        answer = choose(client, password)
        assert answer.status_code == 200
        page = answer.content.decode()
        assert says in page
        assert 'aria-invalid="true"' in page
        assert "no-store" in answer["Cache-Control"]
        assert not User.objects.exists()
        assert_nothing_moved(order)

    def test_joins_under_the_terms_where_people_join_by_choice(self, client, unit):
        Program.objects.update(enrolment="opt-in")
        for version in (1, 2):
            TermsVersion.objects.create(
                program=unit.program, version=version, text="x", starts_at=unit.program.earns_from
            )
        order = a_guest_order()
        thank_you(client, order)
        choose(client)
        assert Member.objects.get().terms_version == 2
        assert Account.objects.get().pending == 24

    def test_needs_the_token_against_forged_forms(self, unit):
        from django.test import Client

        strict = Client(enforce_csrf_checks=True)
        order = a_guest_order()
        thank_you(strict, order)
        assert choose(strict).status_code == 403
        assert_nothing_moved(order)

    def test_is_not_spoilt_by_a_fault_of_ours(self, client, unit, monkeypatch):
        order = a_guest_order()
        thank_you(client, order)
        with monkeypatch.context() as patched:
            patched.setattr(order_effects.get("earning"), "apply", _broken, raising=False)
            assert choose(client).status_code == 302
        order.refresh_from_db()
        assert order.user == User.objects.get()
        list(sweep(at=clock.now()))
        assert Account.objects.get().pending == 24


def _broken(**kwargs):
    raise RuntimeError("the ledger is away")


class TestAnAddressThatHasAnAccount:
    def test_is_asked_to_log_in_and_then_keeps_the_points(self, client, unit):
        user = User.objects.create_user(username="mei", email=EMAIL.upper(), password=PASSWORD)
        order = a_guest_order()
        page = thank_you(client, order)
        assert "log in" in page
        assert 'name="password"' not in page
        assert f"{reverse('customer:login')}?next={reverse('loyalty:keep')}" in page
        client.login(username=EMAIL.upper(), password=PASSWORD)
        client.session["checkout_order_id"] = order.pk
        page = thank_you(client, order)
        assert "Keep my 24 paws" in page
        assert 'name="password"' not in page
        client.post(reverse("loyalty:keep"))
        order.refresh_from_db()
        assert order.user == user
        assert Account.objects.get().pending == 24

    def test_gets_no_second_account_by_posting_all_the_same(self, client, unit):
        User.objects.create_user(username="mei", email=EMAIL, password="other")
        order = a_guest_order()
        thank_you(client, order)
        answer = choose(client)
        assert answer.status_code == 200
        assert "log in" in answer.content.decode()
        assert User.objects.count() == 1
        assert "_auth_user_id" not in client.session
        assert_nothing_moved(order)


@pytest.fixture
def mei(unit):
    return User.objects.create_user(username="mei", email=EMAIL, password=PASSWORD)


def ask_for_link(client):
    """Ask for the mail and return the path of the link in it."""
    mail.outbox = []
    answer = client.post(reverse("loyalty:confirm-address"))
    assert answer["Location"] == reverse("loyalty:address-sent")
    assert client.get(answer["Location"]).status_code == 200
    return re.search(r"http://example\.com(/loyalty/address/\S+/)", mail.outbox[0].body)[1]


class TestConfirmingAnAddress:
    def test_brings_the_guest_orders_of_thirty_days(self, client, mei):
        mine = [a_guest_order(number="a", days_ago=3), a_guest_order(number="b", days_ago=29, email=EMAIL.upper())]
        not_mine = [a_guest_order(number="c", days_ago=31), a_guest_order(number="d", email="eve@example.com")]
        client.force_login(mei)
        link = ask_for_link(client)
        assert "Yes, it is mine" in client.get(link).content.decode()
        assert Member.objects.count() == 0, "opening the link does nothing: mail programs open links by themselves"
        assert "2 orders that you placed as a guest" in client.post(link).content.decode()
        assert set(orders.Order.objects.filter(user=mei)) == set(mine)
        assert set(orders.Order.objects.filter(user=None)) == set(not_mine)
        assert Account.objects.get().pending == 48
        assert Member.objects.get().joined_at == mine[1].date_placed
        assert "Your address is confirmed." in client.post(link).content.decode()
        assert [step.wrong for step in audit() if step.wrong] == []

    def test_never_happens_by_an_equal_address_alone(self, client, mei):
        order = a_guest_order()
        client.force_login(mei)
        client.get(reverse("loyalty:overview"))
        list(sweep(at=clock.now(), everything=True))
        assert_nothing_moved(order)

    @pytest.mark.parametrize("why", ["somebody else's", "changed since", "tampered with", "too old", "of another use"])
    def test_refuses_a_link_that_is(self, client, mei, why):
        order = a_guest_order()
        client.force_login(mei)
        link = ask_for_link(client)
        if why == "somebody else's":
            client.force_login(User.objects.create_user(username="eve", email="eve@example.com"))
        elif why == "changed since":
            User.objects.update(email="new@example.com")
        elif why == "tampered with":
            link = link[:-3] + ("A" if link[-3] != "A" else "B") + link[-2:]
        elif why == "too old":
            import time_machine

            with time_machine.travel(clock.now() + timedelta(days=4)):
                client.force_login(mei)
                assert "too old" in client.post(link).content.decode()
            assert_nothing_moved(order)
            return
        else:
            link = reverse("loyalty:address", args=[signing.dumps([str(mei.pk), mei.email], salt="other")])
        assert "too old or was made for another account" in client.post(link).content.decode()
        assert_nothing_moved(order)

    def test_asks_strangers_to_log_in_first(self, client, mei):
        order = a_guest_order()
        path = reverse("loyalty:address", args=[guests.make_token(user=mei)])
        for answer in (client.get(path), client.post(path), client.post(reverse("loyalty:confirm-address"))):
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("customer:login"))
        assert mail.outbox == []
        assert_nothing_moved(order)

    def test_cannot_be_used_to_flood_a_mailbox(self, client, mei):
        client.force_login(mei)
        ask_for_link(client)
        client.post(reverse("loyalty:confirm-address"))
        assert len(mail.outbox) == 1

    def test_joins_nobody_where_people_join_by_choice(self, client, mei):
        Program.objects.update(enrolment="opt-in")
        a_guest_order()
        guests.keep_orders(user=mei, email=EMAIL, at=clock.now())
        assert orders.Order.objects.get().user == mei
        assert not Member.objects.exists()
        assert not Award.objects.exists()

    def test_counts_no_order_from_before_the_program(self, client, mei):
        at = clock.now()
        a_guest_order(days_ago=5)
        Program.objects.update(earns_from=at - timedelta(days=1))
        forget_cache()
        guests.keep_orders(user=mei, email=EMAIL, at=at)
        assert orders.Order.objects.get().user == mei
        assert not Member.objects.exists()
        assert not Award.objects.exists()

    def test_gives_one_order_to_one_person_only(self, unit, mei):
        order = a_guest_order()
        other = User.objects.create_user(username="other", email="other@example.com")
        assert guests.keep_orders(user=mei, email=EMAIL, at=clock.now()) == [order.pk]
        assert guests.keep_orders(user=other, email=EMAIL, at=clock.now()) == []
        assert guests.keep_order(order=order, user=other, at=clock.now()) is False
        assert get_model("order", "Order").objects.get().user == mei

    def test_gives_the_bonus_for_a_first_order_once_though_a_kept_order_is_older(self, unit, mei):
        save_rule(
            unit=unit, code="first", name="First", type="first-order", params={"points": 100},
            actor="system", at=clock.now() - timedelta(days=90),
        )  # fmt: skip
        lines = [("10.00", 1)]
        orders.imported(user=mei, lines=lines, placed_at=clock.now() - timedelta(days=2), status="Pending")
        list(sweep(at=clock.now()))
        assert Account.objects.get().pending == 110
        a_guest_order(days_ago=5, lines=lines)
        guests.keep_orders(user=mei, email=EMAIL, at=clock.now())
        assert Account.objects.get().pending == 120

    def test_gives_nothing_to_an_address_that_only_a_database_takes_for_the_same(self, unit, mei, monkeypatch):
        order = a_guest_order()
        # What PostgreSQL finds where its upper("ı") is "I".
        monkeypatch.setattr(guests, "keepable", lambda **kwargs: orders.Order.objects.all())
        assert guests.keep_orders(user=mei, email=EMAIL.replace("i", "ı"), at=clock.now()) == []
        assert_nothing_moved(order)

    def test_sends_the_link_at_the_next_try_when_the_mail_server_refused_the_first(self, client, mei, monkeypatch):
        client.force_login(mei)
        with monkeypatch.context() as patched:
            patched.setattr("django.core.mail.EmailMultiAlternatives.send", Mock(side_effect=OSError("refused")))
            patched.setattr("django.core.mail.EmailMessage.send", Mock(side_effect=OSError("refused")))
            answer = client.post(reverse("loyalty:confirm-address"), follow=True)
        assert answer.redirect_chain == [(reverse("loyalty:overview"), 302)]
        assert "The mail could not be sent just now." in answer.content.decode()
        assert ask_for_link(client)

    @pytest.mark.parametrize("method", ["add", "delete"])
    def test_sends_nothing_and_says_so_where_the_cache_is_away(self, client, mei, monkeypatch, method):
        client.force_login(mei)
        monkeypatch.setattr(cache, method, Mock(side_effect=ConnectionError("no cache")))
        if method == "delete":
            monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", Mock(side_effect=OSError("refused")))
        answer = client.post(reverse("loyalty:confirm-address"), follow=True)
        assert "The mail could not be sent just now." in answer.content.decode()
        assert mail.outbox == []

    def test_sends_nothing_where_the_cache_keeps_nothing_and_any_mailbox_could_be_flooded(self, client, mei, settings):
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        client.force_login(mei)
        answer = client.post(reverse("loyalty:confirm-address"), follow=True)
        assert "The mail could not be sent just now." in answer.content.decode()
        assert mail.outbox == []

    def test_takes_no_link_that_was_sent_when_it_could_be_read_in_the_account(self, client, mei):
        order = a_guest_order()
        client.force_login(mei)
        old = signing.dumps([str(mei.pk), mei.email], salt="loyalty_oscar.people.address")
        assert "too old" in client.post(reverse("loyalty:address", args=[old])).content.decode()
        assert_nothing_moved(order)

    def test_means_nothing_without_an_address(self, mei):
        a_guest_order(email="")
        assert guests.keep_orders(user=mei, email=" ", at=clock.now()) == []


class TestThePageOfAMember:
    def test_offers_to_confirm_an_address_whether_or_not_there_are_orders(self, client, mei):
        client.force_login(mei)
        without = client.get(reverse("loyalty:overview")).content.decode()
        a_guest_order()
        assert "Ordered as a guest before?" in without
        assert client.get(reverse("loyalty:overview")).content.decode().count("Ordered as a guest") == 1

    @pytest.mark.parametrize("why", ["an old account", "no guests"])
    def test_does_not_offer_it_to(self, client, mei, why, settings):
        if why == "an old account":
            User.objects.update(date_joined=clock.now() - timedelta(days=31))
        else:
            settings.OSCAR_ALLOW_ANON_CHECKOUT = False
        mei.refresh_from_db()
        client.force_login(mei)
        page = client.get(reverse("loyalty:overview")).content.decode()
        assert "Ordered as a guest" not in page
        assert reverse("loyalty:export") in page


class TestAnAccountMadeOfAGuestsOrder:
    def kept(self, user):
        order = a_guest_order()
        country = get_model("address", "Country").objects.create(iso_3166_1_a2="DE", printable_name="Germany")
        fields = {"first_name": "Mei", "last_name": "Tanaka", "line1": "Lane 7", "line4": "Bremen", "postcode": "28195"}
        order.shipping_address = get_model("order", "ShippingAddress").objects.create(**fields, country=country)
        order.save()
        assert guests.keep_order(order=order, user=user, at=clock.now())
        user.refresh_from_db()
        return get_model("address", "UserAddress").objects.filter(user=user)

    def test_has_the_names_and_the_address_of_the_order(self, unit):
        mei = User.objects.create_user(username="mei", email=EMAIL)
        (address,) = self.kept(mei)
        assert (mei.first_name, mei.last_name) == ("Mei", "Tanaka")
        assert (address.line1, address.postcode, address.country.pk) == ("Lane 7", "28195", "DE")

    def test_keeps_the_name_that_it_has(self, unit):
        mei = User.objects.create_user(username="mei", email=EMAIL, first_name="M.", last_name="T.")
        self.kept(mei)
        assert (mei.first_name, mei.last_name) == ("M.", "T.")

    def test_keeps_its_points_where_a_name_is_refused(self, unit, monkeypatch):
        mei = User.objects.create_user(username="mei", email=EMAIL)
        monkeypatch.setattr(User, "save", Mock(side_effect=ValueError("no names here")))
        assert list(self.kept(mei)) == []
        assert Account.objects.get().pending == 24
