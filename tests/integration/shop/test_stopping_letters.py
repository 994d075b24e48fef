"""Letters are stopped by one press, without signing in, once and again, and never by looking."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from django.contrib.sites.models import Site
from django.core import mail
from django.test import Client, override_settings

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.people.consents import allowed, ask, confirm
from loyalty_oscar.people.models import Consent
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.notices.letters import Letter, letters
from loyalty_oscar.shop.notices.stopping import stop_headers, stop_link
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory
from tests.functional.test_every_field import writes
from tests.storefront import TODAY, a_club, a_product, a_user, arrive, buy, day, text_of

pytestmark = pytest.mark.django_db
LETTERS = Consent.Purpose.LETTERS
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FAR = "far-from-here-and-long.shop.example"


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def member():
    member = MemberFactory(program=a_club().program, user=a_user(), joined_at=day(1, 1))
    row = ask(member=member, purpose=LETTERS, words="Yes.", language="en", at=TODAY)
    confirm(consent_id=row.pk, at=TODAY)
    return member


@pytest.fixture
def mail_program():
    """Nobody is signed in, and no page was opened before."""
    return Client(enforce_csrf_checks=True)


def link_of(member):
    return stop_link(member=member, site=Site(domain="testserver")).removeprefix("http://testserver")


def is_allowed(member):
    return bool(allowed(purpose=LETTERS, member_ids=[member.pk], at=TODAY))


class TestOnePress:
    def test_stops_letters_without_signing_in(self, member, mail_program):
        assert mail_program.post(link_of(member), ONE_CLICK).status_code == 200
        assert not is_allowed(member)
        assert Consent.objects.get().withdrawn_at == TODAY

    def test_changes_nothing_the_second_time(self, member, mail_program):
        mail_program.post(link_of(member), ONE_CLICK)
        with clock.at(day(7, 1)):
            assert mail_program.post(link_of(member), ONE_CLICK).status_code == 200
        assert Consent.objects.get().withdrawn_at == TODAY

    def test_stops_what_nobody_was_asked_for(self, member, mail_program):
        Consent.objects.all().delete()
        mail_program.post(link_of(member), ONE_CLICK)
        assert Consent.objects.get(is_current=True).withdrawn_at == TODAY

    def test_works_after_years(self, member, mail_program):
        link = link_of(member)
        with clock.at(TODAY.replace(year=2036)):
            mail_program.post(link, ONE_CLICK)
        assert not is_allowed(member)

    def test_works_though_the_address_is_another(self, member, mail_program):
        link = link_of(member)
        member.user.email = "new@example.com"
        member.user.save()
        mail_program.post(link, ONE_CLICK)
        assert not is_allowed(member)

    def test_leaves_the_other_purpose(self, member, mail_program):
        row = ask(member=member, purpose=Consent.Purpose.PERSONAL, words="Yes.", language="en", at=TODAY)
        confirm(consent_id=row.pk, at=TODAY)
        mail_program.post(link_of(member), ONE_CLICK)
        assert allowed(purpose=Consent.Purpose.PERSONAL, member_ids=[member.pk], at=TODAY)

    @pytest.mark.parametrize("change", [lambda path: path.replace("letters", "personal"), lambda path: path[:-4] + "/"])
    def test_of_a_link_that_is_not_ours_stops_nothing(self, member, mail_program, change):
        assert mail_program.post(change(link_of(member)), ONE_CLICK).status_code == 404
        assert is_allowed(member)

    def test_says_so(self, member, mail_program):
        text = text_of(mail_program.post(link_of(member)))
        assert "You get no more letters" in text
        assert member.user.email not in text


class TestLooking:
    @pytest.mark.parametrize("method", ["get", "head", "options"])
    def test_changes_nothing(self, member, mail_program, method):
        with writes() as written:
            getattr(mail_program, method)(link_of(member))
        assert written == []
        assert is_allowed(member)

    def test_shows_one_button(self, member, mail_program):
        page = mail_program.get(link_of(member))
        assert page["Cache-Control"] == "private, no-store"
        assert page.content.decode().count("Stop letters</button>") == 1
        assert "The Paw Club then writes you no more letters" in text_of(page)

    def test_with_a_broken_link_shows_another_way(self, mail_program):
        page = mail_program.get("/loyalty/stop/abc/")
        assert page.status_code == 404
        assert "This link is not whole" in text_of(page)


class TestTheLinkOfSomebody:
    def test_who_was_merged_stops_letters_to_both(self, member, mail_program):
        other = MemberFactory(program=member.program, user=a_user("two@example.com"), joined_at=day(1, 2))
        row = ask(member=other, purpose=LETTERS, words="Yes.", language="en", at=TODAY)
        confirm(consent_id=row.pk, at=TODAY)
        ledger.merge(member=member, into=other, actor="staff:1", at=TODAY)
        assert is_allowed(other)
        mail_program.post(link_of(member), ONE_CLICK)
        assert not is_allowed(other) and not is_allowed(member)

    def test_who_was_forgotten_writes_nothing(self, member, mail_program):
        link = link_of(member)
        erase(member=member, at=TODAY)
        with writes() as written:
            assert mail_program.post(link, ONE_CLICK).status_code == 200
        assert written == [] and not Consent.objects.exists()


class TestTheHeaders:
    def test_are_those_of_rfc_8058(self, member):
        with override_settings(OSCAR_URL_SCHEMA="https"):
            headers = stop_headers(member=member, site=Site(domain=FAR))
        link = headers["List-Unsubscribe"]
        assert link.startswith(f"<https://{FAR}/loyalty/stop/letters:") and link.endswith("/>")
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    def test_stay_whole_however_a_mail_is_written(self, member):
        headers = stop_headers(member=member, site=Site(domain=FAR))
        newer = EmailMessage(policy=SMTP)
        for name, value in headers.items():
            newer[name] = str(value)
        older = mail.EmailMessage("Hello", "Hello.", to=["a@example.com"], headers=headers).message()
        for message in (newer, older):
            assert headers["List-Unsubscribe"].encode() in message.as_bytes()

    def test_of_a_letter_go_with_its_mail(self, member, monkeypatch):
        def with_headers(*, event, at):
            return Letter(code="LOYALTY_POINTS_EARNED", context={"link": "x"}, headers={"X-Stop": "yes"})

        monkeypatch.setitem(letters._things, "points-earned", with_headers)
        arrive(buy(member.user, (a_product(), 1), on=day(5, 1)), on=day(5, 2))
        with clock.at(day(5, 3)):
            list(deliver(at=day(5, 3)))
        sent = [message.extra_headers for message in mail.outbox if "X-Stop" in message.extra_headers]
        assert [headers["Auto-Submitted"] for headers in sent] == ["auto-generated"]
