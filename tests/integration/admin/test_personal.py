"""What a member told and agreed to, on the member's page, and all of it as a file for whoever may hand it out."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from loyalty_oscar.people.operations import choose_mails, confirm_address, save_birthday
from loyalty_oscar.program.models import Member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import SaleFactory
from tests.points import a_member_with, points_club
from tests.storefront import TODAY

pytestmark = pytest.mark.django_db
LOOK, BIRTHDAY, EXPORT = (
    "loyalty_program.view_member",
    "loyalty_people.view_birthday",
    "loyalty_program.export_member",
)


@pytest.fixture
def member(db):
    with clock.at(TODAY):
        user = a_member_with(1000, points_club())
        found = Member.objects.get(user=user)
        Member.objects.filter(pk=found.pk).update(terms_version=2, terms_accepted_at=TODAY)
        save_birthday(member=found, day=29, month=2, at=TODAY)
        confirm_address(user_id=user.pk, mark="x", at=TODAY)
        yield found


def page(member, what="change"):
    return reverse(f"admin:loyalty_program_member_{what}", args=[member.pk])


class TestTheMembersPage:
    def test_tells_the_birthday_to_who_may_view_it_alone(self, staff, member):
        assert "Birthday: February 29, told on" in staff(LOOK, BIRTHDAY)[1].get(page(member)).content.decode()
        html = staff(LOOK)[1].get(page(member)).content.decode()
        assert "Birthday" not in html
        assert "Terms: version 2 accepted on" in html
        assert "E-mail address confirmed on" in html

    def test_tells_which_messages_were_asked_for_in_which_words(self, staff, member):
        sale = SaleFactory(program=member.program, name="Bones")
        sale.reminders.create(member=member, asked_at=TODAY, words="Send me one mail")
        html = staff(LOOK)[1].get(page(member)).content.decode()
        assert "Send me one mail" in html
        assert "Bones" in html

    def test_tells_which_mails_are_not_wanted(self, staff, member):
        choose_mails(member=member, unwanted=["tier-up"], offered=["tier-up", "points-ready"], at=TODAY)
        html = staff(LOOK)[1].get(page(member)).content.decode()
        assert "Mails not wanted since 6 May 2026: A level you reached" in html
        assert html.count("Mails not wanted") == 1


class TestTheDownload:
    def test_is_what_members_download_themselves_and_is_written_down(self, staff, member, client):
        clerk = staff(LOOK, EXPORT)[1]
        assert page(member, "export") in clerk.get(page(member)).content.decode()
        answer = clerk.get(page(member, "export"))
        client.force_login(member.user)
        own = client.get(reverse("loyalty:export"))
        assert json.loads(answer.content) == json.loads(own.content)
        assert str(member.public_id) in answer["Content-Disposition"]
        assert "no-store" in answer["Cache-Control"]
        assert LogEntry.objects.get().get_change_message() == "Data downloaded"

    def test_is_for_who_may(self, staff, member):
        clerk = staff(LOOK)[1]
        assert clerk.get(page(member, "export")).status_code == 403
        assert page(member, "export") not in clerk.get(page(member)).content.decode()
        assert LogEntry.objects.count() == 0
