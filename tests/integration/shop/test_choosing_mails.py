"""The page on which a member chooses which mails to get: what may be refused, what always comes, and what is kept."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import reminders
from loyalty_oscar.ledger.operations import mature_due, merge, unmerge
from loyalty_oscar.people.models import UnwantedMail
from loyalty_oscar.people.operations import choose_mails
from loyalty_oscar.people.queries import unwanted_mails
from loyalty_oscar.program.models import Delivery, Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.shop.notices import announce_ready, deliver
from loyalty_oscar.shop.notices.letters import letters, mail_kinds
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory, SchemeFactory
from loyalty_oscar.tiers.models import Ladder
from tests.integration.exclusives.sales import a_sale
from tests.integration.tiers.ladders import a_ladder
from tests.once import a_program
from tests.storefront import TODAY, a_club, a_product, a_user, arrive, buy, day, text_of

pytestmark = pytest.mark.django_db
PAGE = reverse("loyalty:mails")
OPTIONAL = ["friend-joined", "friend-ordered", "points-ready", "tier-up"]


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def unit():
    """The Paw Club with friends, and with levels that nobody reaches here."""
    unit = a_club()
    a_ladder(unit=unit, bronze=10**7, silver=2 * 10**7, gold=3 * 10**7)
    SchemeFactory(program=unit.program)
    return unit


@pytest.fixture
def member(unit):
    return MemberFactory(program=unit.program, user=a_user(), joined_at=day(1, 1))


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def choose(user, *wanted):
    """The answer to the form with these boxes ticked."""
    return signed_in(user).post(PAGE, {"wanted": wanted}, follow=True)


def ticked(user):
    """The boxes of the page that are ticked, and all of them."""
    html = signed_in(user).get(PAGE).content.decode()
    boxes = re.findall(r'<input type="checkbox" name="wanted" value="([\w-]+)"([^>]*)>', html)
    return [name for name, rest in boxes if "checked" in rest], [name for name, _rest in boxes]


def told_ready(user):
    """Points of an order become ready, and whoever waits is told; returns the mails about that."""
    arrive(buy(user, (a_product(), 1), on=day(5, 6)), on=day(5, 7))
    at = day(5, 25)
    list(mature_due(at=at))
    list(announce_ready(at=at))
    mail.outbox.clear()
    sum(deliver(at=at))
    return [letter for letter in mail.outbox if "ready" in letter.subject]


class TestThePage:
    def test_is_for_those_who_are_signed_in(self, unit):
        answer = Client().get(PAGE)
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("customer:login"))

    def test_ticks_what_comes_and_names_what_always_does(self, member):
        assert ticked(member.user) == (OPTIONAL, OPTIONAL)
        said = text_of(signed_in(member.user).get(PAGE))
        always = said.partition("Always sent")[2]
        for text in ("What an order brings", "What runs out soon", "A level that ends soon", "A gift"):
            assert text in always
        assert "What is ready to use" not in always
        assert "Mails go to boris@example.com." in said

    def test_names_nothing_that_the_program_does_not_have(self, member):
        def named():
            said = text_of(signed_in(member.user).get(PAGE)).partition("Mail me about")[2].lower()
            return [word for word in ("friend", "level", "reward", "sale") if word in said]

        assert named() == ["friend", "level"]
        SchemeFactory(program=a_program(code="cats", is_default=False).program)
        Scheme.objects.filter(program=member.program).delete()
        Ladder.objects.update(is_on=False)
        forget_cache()
        RewardFactory(program=member.program)
        assert named() == ["reward"]
        assert ticked(member.user) == (["points-ready"], ["points-ready"])
        a_sale(member.program.unit, a_product("Trail bed"))
        assert named() == ["reward", "sale"]

    def test_keeps_what_was_refused_of_what_the_program_does_not_have_now(self, member):
        choose(member.user, "tier-up")
        Ladder.objects.update(is_on=False)
        forget_cache()
        assert ticked(member.user)[1] == OPTIONAL[:3]
        choose(member.user, "points-ready")
        Ladder.objects.update(is_on=True)
        forget_cache()
        assert ticked(member.user)[0] == ["points-ready", "tier-up"]
        assert set(unwanted_mails(member_id=member.pk)) == {"friend-joined", "friend-ordered"}

    def test_keeps_what_was_chosen(self, member):
        page = choose(member.user, "points-ready", "tier-up")
        assert "Your choice is saved." in text_of(page)
        assert ticked(member.user)[0] == ["points-ready", "tier-up"]
        choose(member.user, *OPTIONAL)
        assert (ticked(member.user)[0], UnwantedMail.objects.count()) == (OPTIONAL, 0)

    def test_keeps_the_day_of_what_was_refused_before(self, member):
        choose(member.user)
        with clock.at(TODAY + timedelta(days=3)):
            choose(member.user, "tier-up")
        assert set(unwanted_mails(member_id=member.pk).values()) == {TODAY}

    @pytest.mark.parametrize("name", ["points-expiring", "points-earned", "nothing"])
    def test_refuses_to_choose_what_always_comes(self, member, name):
        assert choose(member.user, name).status_code == 200
        assert not UnwantedMail.objects.exists()

    def test_makes_who_will_be_a_member_with_an_order_one_now(self, unit):
        user = a_user("new@example.com")
        choose(user, "tier-up")
        assert set(unwanted_mails(member_id=Member.objects.get(user=user).pk)) == set(OPTIONAL) - {"tier-up"}

    def test_leads_who_has_not_joined_to_joining(self, unit):
        unit.program.enrolment = "opt-in"
        unit.program.save()
        user = a_user("new@example.com")
        assert signed_in(user).get(PAGE)["Location"] == reverse("loyalty:join")
        assert signed_in(user).post(PAGE, {})["Location"] == reverse("loyalty:join")
        assert not Member.objects.filter(user=user).exists()

    def test_does_not_offer_what_the_shop_switched_off(self, member, settings):
        settings.LOYALTY_UNTOLD_TOPICS = ["tier-up"]
        assert ticked(member.user)[1] == OPTIONAL[:3]

    def test_lists_the_sales_one_asked_to_be_told_of_and_takes_that_back(self, unit, member):
        sale = a_sale(unit, a_product("Trail bed"))
        reminders.ask(sale=sale, member=member, words="One message.", at=TODAY)
        page = signed_in(member.user).get(PAGE)
        assert f"When {sale.name} opens for you. You asked on 6 May 2026." in text_of(page)
        signed_in(member.user).post(reverse("loyalty:sale-remind", kwargs={"code": sale.code}), {"forget": "1"})
        assert "You asked to be told" not in text_of(signed_in(member.user).get(PAGE))

    def test_is_found_from_the_account(self, member):
        assert f'href="{PAGE}"' in signed_in(member.user).get(reverse("loyalty:overview")).content.decode()


class TestAMail:
    def test_that_may_be_refused_leads_to_the_page_through_login(self, member):
        (letter,) = told_ready(member.user)
        (link,) = re.findall(r"Choose which mails you get: (\S+)", letter.body)
        assert "Choose which mails you get</a>" in letter.alternatives[0][0]
        address = link.removeprefix("http://example.com")
        assert signed_in(member.user).get(address)["Location"] == PAGE
        assert Client().get(address)["Location"] == f"{reverse('customer:login')}?next={PAGE}"

    def test_that_was_refused_does_not_leave_but_stands_in_the_inbox(self, member):
        choose(member.user, "tier-up")
        assert told_ready(member.user) == []
        inbox = get_model("communication", "Notification").objects.filter(recipient=member.user)
        assert inbox.filter(subject__contains="ready").exists()
        assert Delivery.objects.filter(consumer="mail", event__topic="points-ready").get().error == "not wanted"

    def test_that_always_comes_leaves_whatever_was_chosen_and_names_no_choice(self, member):
        choose_mails(member=member, unwanted=["points-earned"], offered=["points-earned"], at=TODAY)
        buy(member.user, (a_product(), 1), on=TODAY)
        sum(deliver(at=TODAY))
        (letter,) = mail.outbox
        assert "Choose which mails" not in letter.body + letter.alternatives[0][0]

    def test_of_every_kind_has_its_words_on_the_page(self):
        assert set(mail_kinds) == set(letters)


class TestWhatWasChosen:
    def test_goes_along_when_two_members_become_one_and_back(self, unit, member):
        other = MemberFactory(program=unit.program, user=a_user("other@example.com"), joined_at=day(1, 1))
        for one, unwanted in ((member, OPTIONAL[:2]), (other, OPTIONAL[1:3])):
            choose_mails(member=one, unwanted=unwanted, offered=OPTIONAL, at=TODAY)
        row = merge(member=other, into=member, actor="staff:1", at=TODAY)
        assert row.moved["parts"]["mails"] == ["points-ready"]
        assert set(unwanted_mails(member_id=member.pk)) == set(OPTIONAL[:3])
        unmerge(merge=row, actor="staff:1", at=TODAY)
        assert set(unwanted_mails(member_id=member.pk)) == set(OPTIONAL[:2])
        assert set(unwanted_mails(member_id=other.pk)) == set(OPTIONAL[1:3])

    def test_is_in_the_download_and_leaves_with_the_profile(self, member):
        choose(member.user, *OPTIONAL[1:])
        told = export_member(member=member, at=TODAY)["member"]["unwanted_mails"]
        assert told == {"friend-joined": TODAY.isoformat()}
        erase(member=member, at=TODAY)
        assert not UnwantedMail.objects.exists()
