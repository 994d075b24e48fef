"""
What people try with invitations, by the numbers of the list of attacks.

The same newcomer claimed by two at once, and two first orders at once, are tried in `tests/crowd`, on PostgreSQL.
"""

import statistics
import time
from urllib.parse import quote

import pytest
from django.contrib.sites.models import Site
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.shop.referrals.pending_codes import COOKIE
from tests.integration.ledger.books import assert_clean
from tests.integration.referrals.friendly import an_inviting_club, bring, code_for, landing, points, register
from tests.storefront import a_product, a_user, arrive, buy, day, ripen, send_back, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
INVITE, USE = reverse("loyalty:invite"), reverse("loyalty:use-invite")
WRONG = "zuzu-zuzus"


def always(request):
    """A visitor who accepts every cookie."""
    return True


@pytest.fixture
def browser(client, club):
    """Boris, signed in."""
    client.force_login(club.boris)
    return client


def nothing_moved():
    return not Referral.objects.exists() and not Entry.objects.exists()


def shop_with(user, *, on, price="30.00"):
    return buy(user, (a_product(price=price), 1), on=on)


class TestA19ForgedRequests:
    @pytest.mark.parametrize("address", [INVITE, USE])
    def test_are_refused_without_a_token(self, club, address):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(a_user("priya@example.com"))

        assert strict.post(address, {"code": club.code}).status_code == 403
        assert nothing_moved()
        assert Code.objects.count() == 1

    def test_by_looking_change_nothing(self, club, client):
        priya = a_user("priya@example.com")
        client.force_login(priya)

        assert client.get(INVITE).status_code == 200
        assert client.get(USE, {"code": club.code}).status_code == 405
        assert (Code.objects.count(), nothing_moved()) == (1, True)

    def test_on_a_decision_are_refused_and_looking_decides_nothing(self, club, admin_user):
        referral = bring(club, a_user("priya@example.com"))
        address = reverse("admin:loyalty_referrals_referral_decide", args=[referral.pk])
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(admin_user)

        assert strict.post(address, {"decision": "block", "reason": "x"}).status_code == 403
        assert strict.get(address, {"decision": "block", "reason": "x"}).status_code == 404
        referral.refresh_from_db()
        assert (referral.decision, referral.state) == ("", "invited")


class TestA22TellingCodesApart:
    #: What no code can be, for the one who typed it to see.
    TYPOS = ("x", "%00", "a" * 300, "bafi-muzop")

    def codes(self, club):
        """Right, wrong, used, and one's own (for Boris)."""
        used = code_for(a_user("anna@example.com"), club.unit)
        bring(club, a_user("used@example.com"), code=used)
        return club.code, WRONG, used, club.code

    @pytest.mark.parametrize("signed_in", [False, True])
    def test_is_not_possible_by_the_page_of_a_link(self, club, signed_in):
        for codes in (self.codes(club), self.TYPOS):
            seen = set()
            for code in codes:
                client = Client()
                if signed_in:
                    client.force_login(club.boris)
                page = client.get(landing(code))
                body = page.content.decode().replace(landing(code), "")
                seen.add((page.status_code, body[body.index('id="invitation"') :], page["Cache-Control"], page["Vary"]))
            assert len(seen) == 1

    def test_is_not_possible_by_typing_them(self, club):
        for codes in (self.codes(club), self.TYPOS):
            seen = set()
            for code in codes:
                client = Client()
                client.force_login(a_user(f"{len(seen)}{code[:3]}{time.monotonic_ns()}@example.com"))
                answer = client.post(USE, {"code": code}, follow=True)
                said = [str(message) for message in answer.context["messages"]]
                seen.add((answer.redirect_chain[0], tuple(said)))
            assert len(seen) == 1

    def test_is_not_possible_by_the_queries_or_the_time_that_a_link_takes(self, club, client):
        asked = []
        for code in (WRONG, WRONG, club.code):
            stranger = Client()
            with CaptureQueriesContext(connection) as queries:
                stranger.get(landing(code))
            asked.append(len(queries))
        assert asked[1] == asked[2]
        taken = {club.code: [], WRONG: []}
        for _round in range(60):
            for code, times in taken.items():
                start = time.perf_counter()
                client.get(landing(code))
                times.append(time.perf_counter() - start)
        right, wrong = (statistics.median(times) for times in taken.values())
        assert 0.7 < right / wrong < 1.4


class TestA23CodesThatLeak:
    def test_stay_out_of_search_engines_other_sites_and_caches(self, club, client):
        page = client.get(landing(club.code))

        assert "noindex" in page["X-Robots-Tag"]
        assert page["Referrer-Policy"] == "same-origin"
        assert {"private", "no-store"} <= set(page["Cache-Control"].replace(" ", "").split(","))
        assert club.code not in page.content.decode().replace(f'value="{landing(club.code)}"', "")

    def test_stay_out_of_caches_on_the_members_page(self, browser):
        assert {"private", "no-store"} <= set(browser.get(INVITE)["Cache-Control"].replace(" ", "").split(","))

    def test_stay_out_of_the_log(self, club, client, caplog):
        client.get(landing(club.code))
        register(client)
        assert Referral.objects.exists()
        assert club.code not in caplog.text


class TestA24Redirects:
    BAD = ("//evil.example", "https:evil.example", "\\\\evil.example", "javascript:alert(1)", "/\\evil.example")

    @pytest.mark.parametrize("bad", BAD)
    def test_lead_nowhere_else_by_next_or_ref(self, club, browser, bad):
        for name in ("next", "ref", "from"):
            page = Client().get(landing(club.code), {name: bad})
            assert page.status_code == 200
            assert bad not in page.content.decode()[page.content.decode().index('id="invitation"') :]
            answer = browser.post(f"{USE}?{name}={quote(bad)}", {"code": club.code, name: bad})
            assert answer.url == reverse("loyalty:overview")

    @pytest.mark.parametrize(
        "bad",
        [
            "bafi-muzob;Domain=.evil.example",
            "bafi-muzob\r\nSet-Cookie: a=b",
            "bafi-muzob%0d%0aX: y",
            "bafi.muzo",
            "ＢＡＦＩ",
        ],
    )
    def test_put_nothing_into_a_cookie_or_a_header(self, club, client, settings, bad):
        settings.LOYALTY_REFERRAL_CONSENT = f"{__name__}.always"
        page = client.get(f"/loyalty/invite/{quote(bad, safe='')}/")

        assert page.status_code == 200
        assert COOKIE not in page.cookies
        assert not [line for line in map(str, page.headers.items()) if "evil" in line or "a=b" in line]

    def test_cookies_hold_letters_of_codes_alone_and_our_signature(self, club, client, settings):
        settings.LOYALTY_REFERRAL_CONSENT = f"{__name__}.always"
        client.get(landing(club.code))
        cookie = client.cookies[COOKIE]
        code, rest = cookie.value.split(".")

        assert code == club.code
        assert rest.replace(":", "").replace("-", "").replace("_", "").isalnum()
        assert cookie["domain"] == ""
        client.cookies[COOKIE] = cookie.value.replace(club.code, "mimi-mimis")
        client.cookies.pop("sessionid")
        register(client)
        assert nothing_moved()


class TestA25PoisonedHosts:
    @pytest.mark.parametrize("header", ["HTTP_HOST", "HTTP_X_FORWARDED_HOST"])
    def test_never_get_into_a_link(self, club, browser, settings, header):
        settings.USE_X_FORWARDED_HOST = True
        Site.objects.filter(pk=settings.SITE_ID).update(domain="shop.example")
        Site.objects.clear_cache()
        told = browser.get(INVITE, **{header: "evil.example"}).context

        assert told["link"] == f"{settings.OSCAR_URL_SCHEMA}://shop.example{landing(club.code)}"
        for name in ("link", "whatsapp", "sms", "mail", "text"):
            assert "evil" not in told[name]
        Site.objects.clear_cache()


class TestA26Names:
    NAMES = {
        "<script>alert(1)</script>": "A friend",
        '"><img src=x onerror=alert(1)>': None,
        "www.evil.tk": "A friend",
        "Priya http://evil.tk/win": "Priya",
        "{{7*7}}": "{{7*7}}",
        "Anna-Lena": "Anna-Lena",
    }

    @pytest.mark.parametrize(("name", "shown"), NAMES.items())
    def test_with_markup_or_links_are_words_on_the_page_and_in_the_statement(self, club, browser, name, shown):
        friend = a_user("priya@example.com")
        type(friend).objects.filter(pk=friend.pk).update(first_name=name)
        bring(club, friend)
        shop_with(friend, on=day(5, 5))
        for address in (INVITE, reverse("loyalty:overview")):
            page = browser.get(address).content.decode()
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "evil.tk" not in page
        said = text_of(browser.get(reverse("loyalty:overview")))
        assert "First order of a friend you invited: " in said
        assert shown is None or f"First order of a friend you invited: {shown}" in said

    def test_are_mailed_to_nobody_by_the_shop(self, club, client):
        mail.outbox.clear()
        client.get(landing(club.code))
        bring(club, a_user("priya@example.com"))

        assert mail.outbox == []


class TestA29InvitingOneself:
    def test_by_ones_own_link_ties_nothing(self, club, browser):
        browser.get(landing(club.code))
        browser.post(USE, {"code": club.code})

        assert nothing_moved()

    @pytest.mark.parametrize("email", ["boris+friend@example.com", "BORIS@EXAMPLE.COM ", "Boris+a+b@Example.com"])
    def test_by_another_spelling_of_ones_mailbox_is_blocked(self, club, email):
        twin = a_user(email.strip())
        bring(club, twin)
        shop_with(twin, on=day(5, 5))

        assert Referral.objects.get().state == "blocked"
        assert (points(club.boris), points(twin)) == ((0, 0), (0, 0))

    def test_by_dots_in_a_google_address_is_blocked(self):
        club = an_inviting_club()
        me, twin = a_user("bo.ris@gmail.com"), a_user("b.oris@googlemail.com")
        bring(club, twin, code=code_for(me, club.unit))
        shop_with(twin, on=day(5, 5))

        assert Referral.objects.get().state == "blocked"
        assert points(me) == points(twin) == (0, 0)

    @pytest.mark.parametrize(
        ("line1", "phone", "check"), [("Elm Street 1", "", "same-address"), ("", "1", "same-phone")]
    )
    def test_from_one_household_waits_for_a_look(self, club, line1, phone, check):
        friend = a_user("priya@example.com")
        country = get_model("address", "Country").objects.create(iso_3166_1_a2="DE", name="Germany")
        for number, user in enumerate((club.boris, friend)):
            get_model("address", "UserAddress").objects.create(
                user=user, first_name=f"No. {number}", line1=line1 or f"House {number}", postcode="10115",
                country=country, phone_number="+4930123456" if phone else "",
            )  # fmt: skip
        bring(club, friend)
        shop_with(friend, on=day(5, 5))
        referral = Referral.objects.get()

        assert (referral.state, [found["check"] for found in referral.findings]) == ("review", [check])
        assert points(club.boris) == points(friend) == (0, 0)

    def test_one_another_is_tied_once(self, club):
        priya = a_user("priya@example.com")
        back = code_for(priya, club.unit, joined=day(2, 1))
        assert bring(club, priya)

        assert bring(club, club.boris, code=back) is None
        assert Referral.objects.count() == 1

    def test_in_a_ring_is_never_closed(self, club):
        people = [club.boris, a_user("b@example.com"), a_user("c@example.com")]
        codes = [code_for(user, club.unit, joined=day(1, 2 + n)) for n, user in enumerate(people)]
        assert bring(club, people[1], code=codes[0])
        assert bring(club, people[2], code=codes[1])

        assert bring(club, people[0], code=codes[2]) is None
        assert Referral.objects.filter(newcomer__user=people[0]).count() == 0

    def test_as_a_customer_of_old_is_blocked(self, club):
        old = a_user("old@example.com")
        shop_with(old, on=day(2, 1))
        bring(club, old)
        shop_with(old, on=day(5, 5))

        assert Referral.objects.get().state == "blocked"
        assert points(club.boris) == points(old) == (0, 0)

    def test_as_a_guest_of_old_is_blocked(self, club):
        order = shop_with(a_user("x@example.com"), on=day(2, 1))
        type(order).objects.filter(pk=order.pk).update(user=None, guest_email="OLD@example.com")
        old = a_user("old@example.com")
        bring(club, old)
        shop_with(old, on=day(5, 5))

        assert Referral.objects.get().state == "blocked"

    def test_by_a_code_after_the_order_ties_nobody(self, club, client):
        priya = a_user("priya@example.com")
        shop_with(priya, on=day(5, 5))
        client.force_login(priya)
        client.get(landing(club.code))
        shop_with(priya, on=day(5, 7))

        assert not Referral.objects.exists()
        assert points(club.boris) == points(priya) == (0, 0)


class TestA30RewardThenRefund:
    def test_takes_it_from_both_sides(self, club):
        priya = a_user("priya@example.com")
        bring(club, priya)
        order = arrive(shop_with(priya, on=day(3, 3)), on=day(3, 5))
        ripen(on=day(3, 20))
        assert (points(club.boris), points(priya)) == ((150, 0), (100, 0))
        send_back(order, 1, on=day(3, 21))

        assert points(club.boris) == points(priya) == (0, 0)
        assert Referral.objects.get().state == "reversed"
        assert_clean()
