"""A newcomer comes by a link or a typed code, and is tied whatever made the account."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.signing import Signer
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from oscar.apps.customer.signals import user_registered
from oscar.core.loading import get_model

from loyalty_oscar import extend
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.referrals.models import Referral, Scheme
from loyalty_oscar.shop.middleware import LoyaltyMiddleware, response_hooks
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.referrals import pending_codes
from loyalty_oscar.shop.referrals.pending_codes import COOKIE, KEY, SALT, take
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory
from tests.storefront import TODAY, a_club, a_product, a_user, buy, day, text_of

from .friendly import an_inviting_club, bring, code_for, landing, points, register

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
HOOK = "tests.integration.referrals.test_coming.consents"


def consents(request):
    """What a store's consent banner would know."""
    return request.GET.get("no") is None


def giver():
    return Referral.objects.get().giver.user.email


class TestALink:
    def test_shows_what_each_side_gets_and_when(self, club, client):
        page = client.get(landing(club.code))
        text = text_of(page)

        assert page.status_code == 200
        assert "With your first order from €20.00." in text
        assert "100 paws = €1.00" in text
        assert "150 paws" in text
        assert "ready 14 days after it has arrived" in text

    def test_is_not_there_where_nobody_invites(self, client):
        a_club()
        assert client.get(landing("bafi-muzob")).status_code == 404

    def test_ties_who_registers_after_it(self, club, client):
        client.get(landing(club.code))
        assert not Referral.objects.exists()
        register(client)
        referral = Referral.objects.get()

        assert (referral.newcomer.user.email, giver()) == ("priya@example.com", "boris@example.com")
        assert (referral.giver_points, referral.newcomer_points, referral.least_minor) == (150, 100, 2000)
        assert KEY not in client.session

    def test_ties_whatever_made_the_account_at_the_first_page_after(self, club, client):
        client.get(landing(club.code))
        client.force_login(a_user("social@example.com"))
        client.get(reverse("catalogue:index"))

        assert giver() == "boris@example.com"

    def test_counts_from_when_it_was_opened_so_that_an_order_in_between_is_the_first(self, club, client):
        client.get(landing(club.code))
        user = a_user("quick@example.com")
        buy(user, (a_product(price="30.00"), 1), on=day(5, 7))
        client.force_login(user)
        with clock.at(day(5, 8)):
            client.get(reverse("basket:summary"))

        assert Referral.objects.get().bound_at == TODAY
        sync_orders(order_ids=get_model("order", "Order").objects.values_list("pk", flat=True), at=day(5, 8))
        assert points(user) == (0, 100)

    def test_lets_the_first_of_two_friends_count(self, club, client):
        anna = code_for(a_user("anna@example.com"), club.unit)
        client.get(landing(club.code))
        client.get(landing(anna))
        register(client)

        assert giver() == "boris@example.com"

    def test_that_was_mistyped_does_not_stand_in_the_way_of_the_right_one(self, club, client):
        client.get(landing("zuzu-zuzus"))
        client.get(landing(club.code))
        register(client)

        assert giver() == "boris@example.com"

    def test_waits_where_people_join_by_choice_until_they_have(self, client):
        club = an_inviting_club(club={"enrolment": Program.Enrolment.OPT_IN})
        client.get(landing(club.code))
        register(client)
        assert not Referral.objects.exists()
        assert not Member.objects.filter(user__email="priya@example.com").exists()
        join(program=club.unit.program, user_id=client.session["_auth_user_id"], at=TODAY)
        client.get(reverse("loyalty:overview"))

        assert giver() == "boris@example.com"

    def test_in_a_scheme_that_was_switched_off_ties_nobody(self, club, client):
        client.get(landing(club.code))
        club.scheme.is_on = False
        club.scheme.save()
        register(client)

        assert not Referral.objects.exists()

    def test_ties_through_an_asynchronous_server_too(self, club):
        visitor = a_user("async@example.com")

        async def page(request):
            await sync_to_async(take)(request=request, code=club.code)
            return HttpResponse()

        request = RequestFactory().get("/")
        request.user, request.session = visitor, SessionStore()
        request.session["_auth_user_id"] = str(visitor.pk)
        async_to_sync(LoyaltyMiddleware(page))(request)

        assert giver() == "boris@example.com"
        assert KEY not in request.session

    def test_that_fails_to_tie_by_a_fault_of_ours_leaves_the_page_alone(self, club, client, monkeypatch, caplog):
        monkeypatch.setattr("loyalty_oscar.shop.referrals.attribution.bind", lambda **told: 1 / 0)
        client.force_login(a_user("unlucky@example.com"))

        assert client.get(landing(club.code)).status_code == 200
        assert "response_hooks: referrals failed and is left out" in caplog.text
        assert not Referral.objects.exists()


class TestManyVisits:
    """Each that carries a code is a row: whoever asks for the page without end fills no table."""

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(pending_codes, "NEW_VISITS", 3)

    def look(self, club, **request):
        page = Client().get(landing(club.code), **request)
        assert page.status_code == 200
        return Session.objects.count()

    def test_from_one_network_address_begin_so_often_an_hour(self, club):
        assert [self.look(club) for _time in range(6)] == [1, 2, 3, 3, 3, 3]
        assert self.look(club, REMOTE_ADDR="192.0.2.7") == 4
        with clock.at(TODAY + timedelta(hours=1)):
            assert self.look(club) == 5

    def test_of_somebody_who_is_here_already_carry_the_code_all_the_same(self, club, client):
        for _time in range(4):
            self.look(club)
        session = client.session
        session["basket"] = 1
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        client.get(landing(club.code))
        assert client.session[KEY][0][0] == club.code

    def test_show_the_same_page_when_no_more_are_kept(self, club):
        pages = {Client().get(landing(club.code)).content.partition(b'id="invitation"')[2] for _time in range(5)}
        assert len(pages) == 1

    def test_are_kept_where_nobody_can_count_them(self, club, settings):
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        assert [self.look(club) for _time in range(5)] == [1, 2, 3, 4, 5]

    def test_are_not_begun_by_who_asks_for_the_headers_alone(self, club):
        assert Client().head(landing(club.code)).status_code == 200
        assert not Session.objects.exists()


class TestATypedCode:
    def test_at_registration_comes_before_the_link(self, club, client):
        anna = code_for(a_user("anna@example.com"), club.unit)
        client.get(landing(club.code))
        assert f'value="{club.code}" form="register_form"' in client.get(reverse("customer:login")).content.decode()
        register(client, loyalty_code=f" {anna.upper().replace('-', ' ')} ")

        assert giver() == "anna@example.com"

    def test_is_taken_from_an_app_that_registers_without_a_session(self, club, rf):
        request = rf.post("/", {"loyalty_code": club.code})
        user = a_user("app@example.com")
        user_registered.send(sender=None, request=request, user=user)

        assert giver() == "boris@example.com"

    def test_is_taken_by_the_stores_own_word_once(self, club):
        user = a_user("app@example.com")

        assert extend.brought(user=user, code="zuzu-zuzus") is False
        assert extend.brought(user=user, code=club.code) is True
        assert extend.brought(user=user, code=club.code) is False

    def test_at_checkout_is_asked_of_who_never_ordered(self, club, client):
        priya = a_user("priya@example.com")
        client.force_login(priya)
        client.post(reverse("basket:add", args=[a_product().pk]), {"quantity": 1})
        ask = {"code": club.code, "from": "checkout"}
        response = client.post(reverse("loyalty:use-invite"), ask)

        assert response.url == reverse("checkout:payment-details")
        assert giver() == "boris@example.com"

    def test_after_the_first_order_brings_nothing(self, club, client):
        priya = a_user("priya@example.com")
        buy(priya, (a_product(price="30.00"), 1), on=day(5, 5))
        client.force_login(priya)
        client.post(reverse("loyalty:use-invite"), {"code": club.code})
        buy(priya, (a_product(price="30.00"), 1), on=day(5, 7))

        assert not Referral.objects.exists()
        assert (points(club.boris), points(priya)) == ((0, 0), (0, 0))

    def test_of_a_friend_tells_the_friend_nothing_of_who_has_ordered_before(self, club, client):
        vera = a_user("vera@example.com")
        buy(vera, (a_product(price="30.00"), 1), on=day(2, 1))
        client.force_login(vera)
        client.get(landing(club.code))

        assert KEY not in client.session
        assert not Referral.objects.exists()


class TestTheCookie:
    def test_is_set_for_nobody_without_the_stores_hook(self, club, client):
        assert COOKIE not in client.get(landing(club.code)).cookies

    def test_keeps_the_first_code_for_30_days_once_the_hook_allows(self, club, client, settings):
        settings.LOYALTY_REFERRAL_CONSENT = HOOK
        assert COOKIE not in client.get(landing(club.code) + "?no=1").cookies
        client.get(landing(code_for(a_user("anna@example.com"), club.unit)) + "?no=1")
        cookie = client.get(reverse("catalogue:index")).cookies[COOKIE]

        assert cookie.value.startswith(f"{club.code}.")
        assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 30 * 24 * 3600)
        assert COOKIE not in client.get(reverse("catalogue:index")).cookies
        del client.cookies[settings.SESSION_COOKIE_NAME]
        register(client)
        assert giver() == "boris@example.com"
        assert client.cookies[COOKIE].value == ""

    @pytest.mark.parametrize("days", [29, 30])
    def test_is_believed_for_30_days(self, club, client, days):
        signed = Signer(salt=SALT).sign(f"{club.code}.{int(TODAY.timestamp())}")
        client.cookies[COOKIE] = signed
        with clock.at(day(5, 6 + days) if days < 26 else TODAY.replace(month=6, day=days - 25)):
            register(client)

        assert Referral.objects.exists() == (days == 29)

    @pytest.mark.parametrize("salt", ["another", "django.core.signing.Signer"])
    def test_that_we_did_not_sign_is_not_believed(self, club, client, salt):
        client.cookies[COOKIE] = Signer(salt=salt).sign(f"{club.code}.{int(TODAY.timestamp())}")
        register(client)

        assert not Referral.objects.exists()


class TestEverybodyElse:
    PAGES = ("catalogue:index", "basket:summary", "customer:login")

    def headers(self, client, name):
        response = client.get(reverse(name))
        return response.get("Vary"), sorted(response.cookies), response.get("Cache-Control")

    @pytest.mark.parametrize("name", PAGES)
    def test_gets_the_same_headers_as_without_anybody_who_invites(self, client, name):
        a_club()
        before = self.headers(client, name)
        Scheme.objects.create(program=Program.objects.get())
        client.cookies.clear()

        assert self.headers(client, name) == before

    def test_costs_a_signed_in_visitor_without_a_code_no_query(self, club, client, django_assert_num_queries):
        client.force_login(club.boris)
        response = client.get(reverse("catalogue:index"))
        codes = response_hooks.get("referrals")
        with django_assert_num_queries(0):
            assert codes.is_due(request=response.wsgi_request) is False


class TestAMember:
    def test_who_was_there_before_cannot_be_brought_by_a_younger_one(self, club):
        young = a_user("young@example.com")
        bring(club, young, at=day(3, 1))
        code = code_for(young, club.unit, joined=day(3, 1))

        assert bring(club, club.boris, code=code, at=day(3, 2)) is None
        assert Referral.objects.get().newcomer.user == young

    def test_is_nobody_by_a_link_that_ties_nobody(self, club, client):
        late = code_for(a_user("late@example.com"), club.unit, joined=day(6, 1))
        stranger = a_user("stranger@example.com")
        client.force_login(stranger)
        client.get(landing(late))

        assert not Member.objects.filter(user=stranger).exists()
        assert not Referral.objects.exists()

    def test_who_was_merged_is_no_newcomer_by_the_old_login(self, club):
        old, other = a_user("boris@elsewhere.example"), a_user("zoe@example.com")
        younger = code_for(other, club.unit, joined=day(2, 1))
        member = MemberFactory(program=club.unit.program, user=old, joined_at=day(3, 1))
        boris = Member.objects.get(user=club.boris)
        merge(member=member, into=boris, actor="staff:1", at=day(3, 2))

        assert bring(club, old, at=day(3, 3)) is None  # Nobody brings themselves,
        assert bring(club, old, code=younger, at=day(3, 3)) is None  # nor a younger member an older one.
        assert not Referral.objects.exists()
