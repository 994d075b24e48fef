"""What members allow on their pages: in the words that they read, letters by a mail, and nothing along with joining."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.people.consents import allowed
from loyalty_oscar.people.models import Consent, Receipt
from loyalty_oscar.program.models import Member, Program, Segment
from loyalty_oscar.program.queries import forget_cache, shown_unit
from loyalty_oscar.shop.admin.personal import lines
from loyalty_oscar.shop.self_service import consents
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.shop.upkeep.doctor.letters import letters
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import CampaignFactory, MemberFactory
from tests.everything import cells
from tests.functional.test_every_field import writes
from tests.storefront import TODAY, a_club, a_user, day, text_of

pytestmark = pytest.mark.django_db
LETTERS, PERSONAL = "letters", "personal"
PAGE, DOOR = reverse("loyalty:mails"), reverse("loyalty:choose-consent")
LINK = re.compile(r"/loyalty/consent/[^/\s]+/")


@pytest.fixture(autouse=True)
def today():
    cache.clear()
    with clock.at(TODAY):
        yield


@pytest.fixture
def program():
    """A program with a letter, and with content for a segment."""
    program = a_club().program
    CampaignFactory(program=program).texts.create(language="en", subject="Hello", body="Hello.")
    Segment.objects.create(program=program, code="cats", name="Cats", kind=Segment.Kind.RULE)
    forget_cache()
    return program


@pytest.fixture
def member(program):
    return MemberFactory(program=program, user=a_user(), joined_at=day(1, 1))


@pytest.fixture
def client(member):
    client = Client()
    client.force_login(member.user)
    return client


def states(client):
    """What the page of one's mails says of each purpose."""
    found = re.findall(r'data-loyalty="consent" data-state="(\w+) (\w+)"', client.get(PAGE).content.decode())
    return dict(found)


def choose(client, purpose, answer="yes", changed=()):
    """Press a button of the page, as a browser does; returns what one reads then."""
    page = client.get(PAGE).content.decode()
    found = re.findall(r'name="purpose" value="(\w+)">\s*<input type="hidden" name="words" value="([^"]*)"', page)
    data = {"purpose": purpose, "answer": answer, "words": unescape(dict(found)[purpose])}
    return text_of(client.post(DOOR, data | dict(changed), follow=True))


def link():
    """The link of the last mail."""
    return LINK.search(mail.outbox[-1].body)[0]


def may(member, purpose=LETTERS, at=TODAY):
    return allowed(purpose=purpose, member_ids=[member.pk], at=at) == {member.pk}


class TestThePage:
    def test_offers_both_at_first_and_says_that_nothing_was_said(self, client):
        assert states(client) == {LETTERS: "unasked", PERSONAL: "unasked"}
        assert text_of(client.get(PAGE)).count("You have said neither yes nor no.") == 2

    def test_offers_what_there_is_something_for(self, client, program):
        Campaign.objects.all().delete()
        assert states(client) == {PERSONAL: "unasked"}
        Segment.objects.all().delete()
        assert states(client) == {}

    def test_leaves_open_the_way_back_when_there_is_nothing_any_more(self, client, program):
        choose(client, PERSONAL)
        Segment.objects.all().delete()
        assert states(client)[PERSONAL] == "allowed"

    def test_takes_one_query_more(self, member, django_assert_num_queries):
        program = shown_unit(site_id=1).program
        with django_assert_num_queries(1):
            found = consents.choices(member=member, program=program, at=TODAY)
        assert [one.purpose for one in found] == [LETTERS, PERSONAL]

    def test_says_to_customers_of_a_country_why_they_get_letters(self, client, member, program):
        country = get_model("address", "Country").objects.create(iso_3166_1_a2="AT", name="A", printable_name="A")
        place = {"last_name": "B", "line1": "Way", "line4": "Town", "postcode": "1"}
        get_model("address", "UserAddress").objects.create(
            user=member.user, country=country, is_default_for_shipping=True, **place
        )
        money = {"currency": "EUR", "goods_minor": 1, "paid_minor": 1, "pieces": 1, "changed_at": TODAY}
        Receipt.objects.create(order_id=1, program=program, member=member, buyer="u:1", placed_at=TODAY, **money)
        Program.objects.update(existing_customers=["AT"])
        forget_cache()
        assert states(client)[LETTERS] == "customer"
        assert "because you are a customer of ours" in text_of(client.get(PAGE))
        choose(client, LETTERS, "no")
        assert states(client)[LETTERS] == "refused" and not may(member)


class TestLetters:
    def test_come_once_the_mailbox_says_yes(self, client, member):
        text = choose(client, LETTERS)
        assert "A mail is on its way to you" in text
        assert states(client)[LETTERS] == "asked" and not may(member)
        answer = Client().post(link())
        assert "Letters may come from now on" in text_of(answer)
        assert states(client)[LETTERS] == "allowed" and may(member)

    def test_keep_the_words_and_the_language(self, client):
        words = consents.words_of(purpose=LETTERS, program=Program.objects.get())
        choose(client, LETTERS)
        row = Consent.objects.get()
        assert row.words == words and "Paw Club" in words
        assert (row.language, row.asked_at, row.confirmed_at) == ("en", TODAY, None)
        assert row.words in mail.outbox[-1].body

    def test_are_not_confirmed_by_looking(self, client, member):
        choose(client, LETTERS)
        address = link()
        with writes() as written:
            page = Client().get(address)
        assert written == [] and not may(member)
        assert "Yes, write to me" in text_of(page) and page["Cache-Control"] == "private, no-store"

    def test_need_the_token_of_the_page_to_be_confirmed(self, client, member):
        choose(client, LETTERS)
        assert Client(enforce_csrf_checks=True).post(link()).status_code == 403
        assert not may(member)

    @pytest.mark.parametrize(
        ("days", "is_good"), [(0, True), (6.99, True), (7.01, False)], ids=["now", "in time", "too late"]
    )
    def test_are_confirmed_within_seven_days(self, client, member, days, is_good, monkeypatch):
        choose(client, LETTERS)
        now = consents.signing.time.time()
        monkeypatch.setattr(consents.signing.time, "time", lambda: now + timedelta(days=days).total_seconds())
        Client().post(link())
        assert may(member) is is_good

    def test_are_not_confirmed_for_an_address_of_before(self, client, member):
        choose(client, LETTERS)
        member.user.email = "new@example.com"
        member.user.save()
        assert "too old" in text_of(Client().post(link())) and not may(member)

    def test_come_to_no_other_address_until_that_says_yes_too(self, client, member):
        choose(client, LETTERS)
        Client().post(link())
        member.user.email = "nobody-asked@example.com"
        member.user.save()
        assert not may(member) and states(client)[LETTERS] == "moved"
        assert "To nobody-asked@example.com letters come once you say yes again" in text_of(client.get(PAGE))
        (said,) = lines(member=Member.objects.get(pk=member.pk), staff=member.user)
        assert said.endswith("for an e-mail address of before, so none are sent")

        assert "A mail is on its way to you" in choose(client, LETTERS)
        assert mail.outbox[-1].to == ["nobody-asked@example.com"] and not may(member)
        Client().post(link())
        assert may(member) and states(client)[LETTERS] == "allowed"

    def test_come_again_to_an_address_that_said_yes(self, client, member):
        choose(client, LETTERS)
        Client().post(link())
        for email, is_good in (("other@example.com", False), ("Boris@Example.com", True), ("boris@example.com", True)):
            get_user_model().objects.filter(pk=member.user_id).update(email=email)  # Without a signal.
            assert may(member) is is_good

    def test_may_be_refused_for_whatever_address(self, client, member):
        choose(client, LETTERS)
        Client().post(link())
        get_user_model().objects.filter(pk=member.user_id).update(email="other@example.com")
        choose(client, LETTERS, "no")
        assert states(client)[LETTERS] == "refused"
        get_user_model().objects.filter(pk=member.user_id).update(email="boris@example.com")
        assert not may(member) and states(client)[LETTERS] == "refused"

    def test_are_not_confirmed_after_a_no(self, client, member):
        choose(client, LETTERS)
        choose(client, LETTERS, "no")
        assert "too old" in text_of(Client().post(link())) and not may(member)
        assert states(client)[LETTERS] == "refused"

    def test_are_not_confirmed_for_who_was_forgotten(self, client, member):
        choose(client, LETTERS)
        erase(member=member, at=TODAY)
        assert "too old" in text_of(Client().post(link()))
        assert not Consent.objects.exists()

    def test_have_a_link_that_stands_in_the_mail_alone(self, client):
        choose(client, LETTERS)
        token = link().split("/")[3]
        kept = [*cells(apps.get_models())]
        kept += [(address, client.get(address, follow=True).content.decode()) for address in (
            PAGE, reverse("loyalty:overview"), reverse("loyalty:export"), reverse("customer:email-list"),
            reverse("customer:notifications-inbox"),
        )]  # fmt: skip
        assert len(kept) > 100
        assert [where for where, text in kept if token in text] == []
        assert not get_model("communication", "Email").objects.exists()

    def test_are_asked_about_three_times_a_day(self, client):
        texts = [choose(client, LETTERS) for _time in range(4)]
        assert len(mail.outbox) == 3
        assert "No more mails today" in texts[3]
        with clock.at(TODAY + timedelta(days=1)):
            choose(client, LETTERS)
        assert len(mail.outbox) == 4

    def test_are_asked_about_no_more_often_in_one_mailbox(self, client, member, program):
        for number in range(4):
            user = a_user(f"bo+{number}@example.com")
            MemberFactory(program=program, user=user, joined_at=day(1, 1))
            other = Client()
            other.force_login(user)
            choose(other, LETTERS)
        assert len(mail.outbox) == 3

    def test_are_asked_about_again_when_no_mail_left(self, client, monkeypatch):
        with override_settings(EMAIL_BACKEND="tests.everything.Refusing"):
            assert "could not be sent just now" in choose(client, LETTERS)
        assert states(client)[LETTERS] == "asked"
        for _time in range(3):
            choose(client, LETTERS)
        assert len(mail.outbox) == 3

    def test_need_an_address(self, client, member):
        type(member.user).objects.update(email="")
        assert "has no e-mail address" in choose(client, LETTERS)
        assert not Consent.objects.exists()


class TestPersonalContent:
    def test_needs_no_mail(self, client, member):
        assert "Done: you said yes." in choose(client, PERSONAL)
        assert may(member, PERSONAL) and mail.outbox == []
        assert "Done: you said no." in choose(client, PERSONAL, "no")
        assert not may(member, PERSONAL)


class TestAChoice:
    @pytest.mark.parametrize(
        "changed",
        [{"purpose": "everything"}, {"answer": "perhaps"}, {"answer": ""}, {"words": "x" * 1001}],
        ids=["purpose", "answer", "no answer", "words"],
    )
    def test_that_is_none_changes_nothing(self, client, changed):
        assert "did not arrive whole" in choose(client, LETTERS, changed=changed)
        assert not Consent.objects.exists() and mail.outbox == []

    def test_in_other_words_than_the_page_has_now_changes_nothing(self, client):
        assert "These words have changed" in choose(client, PERSONAL, changed={"words": "Yes to all."})
        assert not Consent.objects.exists()

    def test_is_for_members_alone(self, member):
        answer = Client().post(DOOR, {"purpose": LETTERS, "answer": "yes"})
        assert answer.status_code == 302 and "/login/" in answer.url
        assert not Consent.objects.exists()


class TestJoining:
    def test_allows_nothing_and_asks_for_nothing(self, program):
        Program.objects.update(enrolment=Program.Enrolment.OPT_IN)
        forget_cache()
        user, client = a_user("new@example.com"), Client()
        client.force_login(user)
        join, register = reverse("loyalty:join"), reverse("customer:register")
        for page in (client.get(join).content.decode(), Client().get(register).content.decode()):
            assert "consent" not in page and "letters" not in page.lower()
        assert [*client.get(join).context["form"].fields] == ["accept"]
        client.post(join, {"accept": "on"}, follow=True)
        assert program.members.filter(user=user).exists()
        assert not Consent.objects.exists()


class TestWhatIsKept:
    def test_is_taken_along_and_forgotten(self, client, member):
        choose(client, PERSONAL)
        (told,) = export_member(member=member, at=TODAY)["member"]["consents"]
        row = Consent.objects.get()
        assert told == {
            "purpose": PERSONAL, "words": row.words, "language": row.language, "asked_at": TODAY.isoformat(),
            "confirmed_at": TODAY.isoformat(), "withdrawn_at": None, "is_current": True,
        }  # fmt: skip
        erase(member=member, at=TODAY)
        assert not Consent.objects.exists()


class TestTheDoctor:
    def found(self):
        return [(one.level, one.text) for one in letters(at=TODAY)]

    def test_says_nothing_where_there_are_no_letters(self, program):
        Campaign.objects.all().delete()
        assert self.found() == []

    @override_settings(OSCAR_URL_SCHEMA="https")
    def test_minds_letters_that_nobody_allows(self, client):
        assert self.found() == [("note", "“Paw Club”: 0 members said yes to letters")]
        choose(client, LETTERS)
        Client().post(link())
        assert self.found() == [("ok", "“Paw Club”: 1 members said yes to letters")]

    @override_settings(OSCAR_URL_SCHEMA="https")
    def test_knows_where_nobody_is_asked(self, program):
        Program.objects.update(existing_customers=["AT"])
        forget_cache()
        assert self.found() == [("ok", "“Paw Club”: 0 members said yes to letters; customers in AT get them too")]

    def test_minds_links_that_no_mail_program_takes(self, program):
        assert self.found()[-1] == (
            "note", "links of letters begin with http, and no mail program shows a button to stop them",
        )  # fmt: skip


def test_a_yes_from_an_old_tab_to_letters_that_are_allowed_promises_no_mail(client, member, program):
    words = consents.words_of(purpose=LETTERS, program=program)
    choose(client, LETTERS)
    client.post(link())
    mail.outbox.clear()

    told = text_of(client.post(DOOR, {"purpose": LETTERS, "answer": "yes", "words": words}, follow=True))

    assert may(member) and mail.outbox == []
    assert "Done: you said yes." in told and "A mail is on its way" not in told
