"""A member asks to be told when a sale opens: one message, when it opens for this member, and none after a no."""

from datetime import date, timedelta
from urllib.parse import quote

import pytest
from django.core import mail
from django.test import Client
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import reminders
from loyalty_oscar.exclusives.models import Door, Reminder, Sale
from loyalty_oscar.kernel.periods import start_of_day
from loyalty_oscar.ledger.operations import merge, unmerge
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Delivery, Event, Member, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives.lifecycle import export
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.upkeep import jobs
from tests.storefront import a_product, a_user, day, numbers, text_of

from .sales import ENDS_AT, GOLD, GOLD_FROM, PUBLIC_FROM, SILVER, a_member_of, a_sale, give, take

pytestmark = pytest.mark.django_db
PAGE = "/loyalty/sales/trail/"
BEFORE = day(5, 6)
SECOND = timedelta(seconds=1)


@pytest.fixture
def sale(unit):
    return a_sale(unit, a_product("Explorer carrier", "57.90"), percent=20)


def client_of(user=None):
    client = Client()
    if user:
        client.force_login(user)
    return client


def press(user, *, at=BEFORE, **data):
    with clock.at(at):
        return client_of(user).post(f"{PAGE}remind/", data, follow=True)


def look(user=None, *, at=BEFORE):
    with clock.at(at):
        return client_of(user).get(PAGE)


def run(at):
    """Run the job, then let the messages leave."""
    for name in ("reminders", "messages"):
        assert not any(step.error for step in jobs.run(only=name, at=at))


def letters():
    """What was mailed about a sale that opened."""
    return [letter for letter in mail.outbox if "is open for you" in letter.subject]


def inbox(user):
    rows = get_model("communication", "Notification").objects.filter(recipient=user)
    return [subject for subject in rows.values_list("subject", flat=True) if "is open for you" in subject]


class TestTheButton:
    def test_says_what_one_agrees_to_and_keeps_these_words(self, unit, sale):
        silver = a_member_of(unit, SILVER)
        words = f"One message to {silver.email} and in your inbox when this sale opens for you, nothing else."
        page = look(silver)
        assert "Remind me" in text_of(page)
        assert words in text_of(page)
        assert numbers(page, "remind") == [0]
        page = press(silver)
        assert "You asked on 6 May 2026 to be told when" in text_of(page)
        assert numbers(page, "remind") == [1]
        row = Reminder.objects.get()
        assert (row.member.user, row.words, row.asked_at, row.told_at) == (silver, words, BEFORE, None)

    def test_pressed_twice_asks_once(self, unit, sale):
        silver = a_member_of(unit, SILVER)
        press(silver)
        press(silver, at=BEFORE + SECOND)
        assert Reminder.objects.get().asked_at == BEFORE

    def test_is_taken_back(self, unit, sale):
        silver = a_member_of(unit, SILVER)
        press(silver)
        assert "Done: we will not remind you." in text_of(press(silver, forget="1"))
        run(PUBLIC_FROM)
        assert not Reminder.objects.exists()
        assert not Event.objects.filter(topic=reminders.TOPIC).exists()
        assert letters() == []

    def test_asks_strangers_to_sign_in_and_notes_nothing(self, unit, sale):
        assert "Remind me" not in text_of(look())
        with clock.at(BEFORE):
            answer = client_of().post(f"{PAGE}remind/")
        assert answer.status_code == 302
        assert "login" in answer.url
        assert not Reminder.objects.exists()

    def test_makes_a_member_of_who_is_none_yet_where_people_join_by_doing(self, unit, sale):
        user = a_user("newcomer@example.com")
        press(user)
        assert Reminder.objects.get().member.user == user

    def test_sends_who_has_not_joined_to_the_page_that_asks(self, unit, sale):
        Program.objects.update(enrolment=Program.Enrolment.OPT_IN)
        forget_cache()
        user = a_user("newcomer@example.com")
        with clock.at(BEFORE):
            assert client_of(user).post(f"{PAGE}remind/").url == "/loyalty/join/"
        assert not Reminder.objects.exists()
        assert not Member.objects.filter(user=user).exists()

    def test_is_not_there_where_the_sale_is_open_or_over(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        assert numbers(look(gold, at=GOLD_FROM), "remind") == []
        press(gold, at=GOLD_FROM)
        press(gold, at=ENDS_AT)
        assert not Reminder.objects.exists()

    def test_is_hidden_with_a_hidden_sale(self, unit, sale):
        Sale.objects.update(mode=Sale.Mode.HIDE)
        forget_cache()
        assert press(a_member_of(unit, SILVER)).status_code == 404
        assert not Reminder.objects.exists()

    def test_looked_at_leads_to_the_sale(self, unit, sale):
        with clock.at(BEFORE):
            answer = client_of(a_member_of(unit, SILVER)).get(f"{PAGE}remind/")
        assert answer.url == PAGE
        assert not Reminder.objects.exists()


class TestTheMessage:
    def test_comes_at_the_second_when_it_opens_for_each(self, unit, sale):
        gold, silver = a_member_of(unit, GOLD), a_member_of(unit, SILVER)
        press(gold)
        press(silver)
        run(GOLD_FROM - SECOND)
        assert letters() == []
        run(GOLD_FROM)
        assert [letter.to for letter in letters()] == [[gold.email]]
        assert (inbox(gold), inbox(silver)) == (["First on the trail is open for you"], [])
        run(PUBLIC_FROM - SECOND)
        assert len(letters()) == 1
        run(PUBLIC_FROM)
        assert [letter.to for letter in letters()] == [[gold.email], [silver.email]]

    def test_says_why_it_comes_and_holds_no_price(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        press(gold)
        run(GOLD_FROM)
        (letter,) = letters()
        assert letter.subject.endswith("First on the trail is open for you")
        assert "You asked for this message on 6 May 2026. It is the only one." in letter.body
        assert "Everybody joins on 11 May 2026. It ends on 17 May 2026." in letter.body
        assert f"/loyalty/go/?to={quote(PAGE, safe='')}" in letter.body
        assert "46" not in letter.body

    def test_names_the_last_day_of_a_sale_that_ends_at_midnight(self, unit, sale):
        Sale.objects.update(ends_at=start_of_day(day=date(2026, 5, 17), zone=unit.program.time_zone))
        press(a_member_of(unit, GOLD))
        run(GOLD_FROM)
        assert "It ends on 16 May 2026." in letters()[0].body

    def test_comes_once_however_often_the_job_runs(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        press(gold)
        for hours in range(3):
            run(GOLD_FROM + timedelta(hours=hours))
        assert len(letters()) == len(inbox(gold)) == 1
        assert Reminder.objects.get().told_at == GOLD_FROM

    def test_comes_once_where_two_do_the_job_step_by_step_in_turn(self, unit, sale):
        press(a_member_of(unit, GOLD))
        both = [reminders.tell(at=GOLD_FROM), reminders.tell(at=GOLD_FROM)]
        assert sorted(step for job in both for step in job) in ([1], [0, 1])
        assert Event.objects.filter(topic=reminders.TOPIC).count() == 1

    def test_comes_when_a_member_climbs_to_the_level(self, unit, sale):
        silver = a_member_of(unit, SILVER)
        press(silver)
        run(GOLD_FROM)
        assert letters() == []
        give(Member.objects.get(user=silver), GOLD, at=GOLD_FROM + SECOND)
        run(GOLD_FROM + SECOND)
        assert len(letters()) == 1

    def test_comes_once_to_members_who_are_one_by_now(self, unit, sale):
        silver, other = a_member_of(unit, SILVER), a_member_of(unit, 0)
        for user in (silver, other):
            press(user)
        gone, stays = Member.objects.get(user=other), Member.objects.get(user=silver)
        row = merge(member=gone, into=stays, actor="staff:1", at=BEFORE + SECOND)
        run(PUBLIC_FROM)
        assert [letter.to for letter in letters()] == [[silver.email]]
        unmerge(merge=row, actor="staff:1", at=PUBLIC_FROM + SECOND)
        run(PUBLIC_FROM + 2 * SECOND)
        assert [letter.to for letter in letters()] == [[silver.email], [other.email]]

    def test_does_not_leave_once_the_program_is_closed(self, unit, sale):
        press(a_member_of(unit, SILVER))
        Program.objects.update(state="closed")
        forget_cache()
        run(PUBLIC_FROM)
        assert (letters(), Reminder.objects.get().told_at) == ([], None)

    def test_does_not_leave_where_the_door_has_closed_meanwhile(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        press(gold)
        list(jobs.run(only="reminders", at=GOLD_FROM))
        take(gold, at=GOLD_FROM)
        list(jobs.run(only="messages", at=GOLD_FROM + SECOND))
        assert letters() == []
        assert inbox(gold) == []
        said = {"inbox": "nothing left to tell", "mail": "nothing left to tell"}
        assert {row.consumer: row.error for row in Delivery.objects.filter(event__topic=reminders.TOPIC)} == said

    @pytest.mark.parametrize("change", [{"is_on": False}, {"ends_at": GOLD_FROM}])
    def test_does_not_come_for_a_sale_that_is_off_or_over(self, unit, sale, change):
        press(a_member_of(unit, GOLD))
        Sale.objects.update(**{"public_from": None, **change})
        forget_cache()
        run(GOLD_FROM + SECOND)
        assert letters() == []
        assert Reminder.objects.filter(told_at=None).exists() is ("is_on" in change)

    def test_waits_for_the_new_day_of_a_door_that_was_moved(self, unit, sale):
        press(a_member_of(unit, GOLD))
        Door.objects.update(buys_from=GOLD_FROM + timedelta(days=1))
        forget_cache()
        run(GOLD_FROM)
        assert letters() == []
        run(GOLD_FROM + timedelta(days=1))
        assert len(letters()) == 1


class TestWhoLeaves:
    def test_takes_what_was_asked_for_along(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        press(gold)
        (row,) = export(member=Member.objects.get(user=gold))["reminders"]
        assert (row["sale"], row["asked"], row["told"]) == ("trail", BEFORE.isoformat(), None)
        assert gold.email in row["agreed_to"]

    def test_is_told_nothing_any_more(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        press(gold)
        erase(member=Member.objects.get(user=gold), at=BEFORE)
        run(GOLD_FROM)
        assert not Reminder.objects.exists()
        assert letters() == []


class TestAMemberWhoIsToldAndShutOutAgain:
    def moved(self, sale):
        """The shop moves the opening to a later day, after it was told."""
        sale.doors.update(buys_from=day(5, 20))
        sale.public_from, sale.ends_at = day(5, 25), None
        sale.save()
        forget_cache()

    def test_is_told_again_when_asked_again(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        press(gold)
        run(GOLD_FROM)
        assert len(letters()) == 1
        self.moved(sale)
        run(day(5, 21))
        assert len(letters()) == 1
        press(gold, at=day(5, 10))
        assert Reminder.objects.get().told_at is None
        for at in (day(5, 19), day(5, 21), day(5, 22)):
            run(at)
        assert len(letters()) == 2

    def test_is_told_once_however_often_the_button_is_pressed(self, unit, sale):
        gold = a_member_of(unit, GOLD)
        for minutes in range(3):
            press(gold, at=BEFORE + timedelta(minutes=minutes))
        assert Reminder.objects.get().asked_at == BEFORE
        run(GOLD_FROM)
        run(GOLD_FROM + timedelta(days=1))
        assert len(letters()) == 1
