"""Mails of the good and the bad moments: their numbers are those of the statement and of the API."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.people.models import Birthday
from loyalty_oscar.program.models import Event, Member, Notice, Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.shop.notices import announce_ready, clear_inbox, deliver
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from tests.integration.journeys.deeds import a_campaign, a_night
from tests.integration.referrals.friendly import an_inviting_club, bring
from tests.integration.tiers.ladders import a_ladder
from tests.points import a_member_with, give, pay, points_club, use
from tests.storefront import a_basket, a_club, a_product, a_user, arrive, buy, day, ripen, send_back, text_of

pytestmark = pytest.mark.django_db


def leave(at):
    """What leaves at a moment: subjects, with plain spaces."""
    mail.outbox = []
    list(deliver(at=at))
    return [plain(letter.subject) for letter in mail.outbox]


def plain(text):
    return text.replace("\xa0", " ")


def both(letter):
    """The text and the HTML of a letter."""
    return [plain(letter.body), plain(letter.alternatives[0][0])]


def inbox(user):
    rows = get_model("communication", "Notification").objects.filter(recipient=user).order_by("pk")
    return [plain(subject) for subject in rows.values_list("subject", flat=True)]


def looked_up(user, at):
    """What the account page and the API say."""
    client = Client()
    client.force_login(user)
    with clock.at(at):
        page = client.get(reverse("loyalty:overview"))
        return text_of(page), client.get(reverse("loyalty:api-me")).json()


def cancel(order, *, on):
    """The order comes to nothing, its lines first, as Oscar's own cascade writes it."""
    with clock.at(on):
        for line in order.lines.all():
            type(line).objects.filter(pk=line.pk).update(status="Cancelled")
            sync_orders(order_ids=[order.pk], at=on)
        type(order).objects.filter(pk=order.pk).update(status="Cancelled")
        sync_orders(order_ids=[order.pk], at=on)


class TestTheMailAboutPointsThatAreReady:
    @pytest.fixture
    def user(self):
        a_club()
        user = a_user()
        user.first_name = "Boris"
        user.save()
        arrive(buy(user, (a_product("Bed", "127.00"), 1), on=day(3, 1)), on=day(3, 3))
        leave(day(3, 3))
        return user

    def test_says_how_many_and_what_they_are_worth_as_page_and_api_do(self, user):
        ripen(on=day(3, 18))
        assert sum(announce_ready(at=day(3, 18))) == 1
        assert leave(day(3, 18)) == ["Boris, 127 paws ready for you: €1.27 off your next order"]
        for text in both(mail.outbox[0]):
            assert "That takes €1.27 off your next order." in text
            assert "127 paws = €1.27" in text
        page, api = looked_up(user, day(3, 18))
        assert "127 paws" in page
        assert api["ready"] == 127
        assert inbox(user) == ["127 paws ready for you: €1.27 off your next order"]

    def test_comes_once_and_joins_all_of_a_day(self, user):
        arrive(buy(user, (a_product("Rug", "30.00"), 1), on=day(3, 2)), on=day(3, 4))
        leave(day(3, 4))
        ripen(on=day(3, 20))
        assert [sum(announce_ready(at=day(3, 20))) for _twice in range(2)] == [1, 0]
        assert leave(day(3, 20)) == ["Boris, 157 paws ready for you: €1.57 off your next order"]
        assert sum(announce_ready(at=day(3, 21))) == 0

    @pytest.mark.parametrize(("points", "is_told"), [(9, False), (10, True)])
    def test_leaves_little_for_more(self, points, is_told):
        a_club()
        user = a_user()
        for price, number in (("0.99", 1), (f"{points}.00", 2), ("1.00", 4)):
            arrive(buy(user, (a_product(price=price), 1), on=day(3, number)), on=day(3, number))
        ripen(on=day(3, 17))
        list(announce_ready(at=day(3, 17)))
        leave(day(3, 17))
        assert inbox(user) == ([f"{points} paws ready for you: €0.10 off your next order"] if is_told else [])
        ripen(on=day(3, 19))
        list(announce_ready(at=day(3, 19)))
        leave(day(3, 19))
        assert inbox(user) == ["10 paws ready for you: €0.10 off your next order"]

    def test_tells_of_every_single_one_where_the_shop_wants_it(self, settings):
        settings.LOYALTY_READY_NOTICE_LEAST = 1
        a_club()
        user = a_user()
        arrive(buy(user, (a_product(price="1.00"), 1), on=day(3, 1)), on=day(3, 1))
        ripen(on=day(3, 17))
        assert sum(announce_ready(at=day(3, 17))) == 1

    def test_tells_the_next_day_of_what_became_ready_after_it(self, user):
        ripen(on=day(3, 18))
        list(announce_ready(at=day(3, 18)))
        leave(day(3, 18))
        arrive(buy(user, (a_product("Rug", "30.00"), 1), on=day(3, 2)), on=day(3, 4))
        ripen(on=day(3, 18))
        assert sum(announce_ready(at=day(3, 18))) == 0
        assert sum(announce_ready(at=day(3, 19))) == 1
        assert "Boris, 30 paws ready for you: €0.30 off your next order" in leave(day(3, 19))

    def test_is_silent_where_they_went_back_meanwhile(self, user):
        ripen(on=day(3, 18))
        list(announce_ready(at=day(3, 18)))
        send_back(get_model("order", "Order").objects.get(), 1, on=day(3, 18))
        assert leave(day(3, 18)) == []

    def test_does_not_come_for_points_that_were_ready_at_once(self):
        unit = a_club(hold_days=0)
        user = a_user()
        arrive(buy(user, (a_product("Bed", "127.00"), 1), on=day(3, 1)), on=day(3, 1))
        assert Account.objects.get(unit=unit).available == 127
        list(announce_ready(at=day(3, 1)))
        assert not any("ready" in subject for subject in leave(day(3, 2)))


class TestTheMailAboutPointsThatWentBack:
    def test_of_a_cancel_is_one_whose_pieces_add_up(self):
        a_club()
        user = a_user()
        order = buy(user, (a_product("Bed", "25.00"), 1), (a_product("Rug", "11.00"), 2), on=day(3, 1))
        leave(day(3, 1))
        cancel(order, on=day(3, 2))
        entries = Entry.objects.filter(kind="claw").order_by("pk")
        assert [entry.because["p"]["units"] for entry in entries] == [1, 2], "the pieces of each entry, three in all"
        assert leave(day(3, 2)) == [], "it waits until all is written down"
        (subject,) = leave(day(3, 3))
        assert subject == f"Order {order.number} was cancelled: 47 paws less"
        for text in both(mail.outbox[0]):
            assert text.count(f"Order {order.number} was cancelled") >= 1
            assert "We took back 47 paws." in text or "Taken back" in text
            assert "piece" not in text
        assert sum(entry.net for entry in entries) == -47
        assert looked_up(user, day(3, 3))[1]["on_the_way"] == 0

    def test_of_a_return_says_how_many_pieces_and_what_is_to_be_made_up(self):
        unit = a_club()
        user = a_user()
        order = arrive(buy(user, (a_product("Bed", "100.00"), 2), on=day(3, 1)), on=day(3, 2))
        ripen(on=day(3, 20))
        account = Account.objects.get(unit=unit)
        why = Because("adjusted")
        ledger.adjust(
            account_id=account.pk, points=-150, key="used", because=why, actor="system", note="used", at=day(3, 21)
        )
        leave(day(3, 21))
        send_back(order, 1, on=day(3, 22))
        assert leave(day(3, 23)) == [f"Return of order {order.number}: 100 paws less"]
        for text in both(mail.outbox[0]):
            assert f"1 piece of order {order.number} went back" in text
            assert "You had used some of them already: your next 50 paws will make up for that." in text
        assert looked_up(user, day(3, 23))[1]["to_make_up"] == 50

    def test_is_not_sent_where_a_cancel_was_undone(self):
        a_club()
        user = a_user()
        order = buy(user, (a_product("Bed", "25.00"), 1), on=day(3, 1))
        leave(day(3, 1))
        for status in ("Cancelled", "Pending"):
            type(order).objects.filter(pk=order.pk).update(status=status)
            sync_orders(order_ids=[order.pk], at=day(3, 2))
        assert Event.objects.filter(topic="points-back").count() == 2
        assert leave(day(3, 3)) == []

    def test_counts_what_was_used_apart_from_what_was_still_on_the_way(self):
        unit = points_club()
        user = a_member_with(500, unit)
        basket = use(user, a_basket(user, (a_product("Bed", "30.00"), 1)), 500, unit=unit, at=day(3, 1))
        with clock.at(day(3, 1)):
            order = pay(basket)
        sync_orders(order_ids=[order.pk], at=day(3, 1))
        leave(day(3, 1))
        cancel(order, on=day(3, 2))
        assert leave(day(3, 3)) == ["500 paws came back to you"]
        for text in both(mail.outbox[0]):
            assert "The order was cancelled. What you used for it is yours again." in text
            assert f"Used for order {order.number}, yours again" in text
        assert looked_up(user, day(3, 3))[1]["ready"] == 500

    @pytest.mark.parametrize(
        ("until", "subject"),
        [(day(3, 20), "200 paws came back to you"), (None, "Order %s was cancelled: 25 paws less")],
    )
    def test_counts_nothing_that_came_back_and_ran_out_at_once(self, until, subject):
        unit = points_club()
        user = a_user()
        give(user, 300, unit, source="soon", until=day(3, 5))
        give(user, 200, unit, source="late", until=until or day(3, 6))
        basket = use(user, a_basket(user, (a_product("Bed", "30.00"), 1)), 500, unit=unit, at=day(3, 1))
        with clock.at(day(3, 1)):
            order = pay(basket)
        sync_orders(order_ids=[order.pk], at=day(3, 1))
        leave(day(3, 1))
        cancel(order, on=day(3, 10))
        assert leave(day(3, 11)) == [subject if until else subject % order.number]
        assert looked_up(user, day(3, 11))[1]["ready"] == (200 if until else 0)
        for text in both(mail.outbox[0]):
            assert ("yours again" in text) == bool(until)

    def test_says_of_a_cancelled_order_that_it_was_cancelled(self):
        a_club()
        order = buy(a_user(), (a_product("Bed", "25.00"), 1), on=day(3, 1))
        leave(day(3, 1))
        cancel(order, on=day(3, 2))
        assert leave(day(3, 3)) == [f"Order {order.number} was cancelled: 25 paws less"]
        assert "The order was cancelled. We take back only what it had earned." in plain(mail.outbox[0].body)

    def test_speaks_of_no_goods_where_a_gift_came_again(self):
        a_ladder(gifts=(0, 50, 0))
        user = a_user()
        order = buy(user, (a_product("Bed", "200.00"), 1), on=day(3, 1))
        leave(day(3, 1))
        for status, at in (("Cancelled", day(3, 2)), ("Pending", day(3, 4))):
            type(order).objects.filter(pk=order.pk).update(status=status)
            sync_orders(order_ids=[order.pk], at=at)
            leave(at + timedelta(hours=20))
        for text in both(mail.outbox[-1]):
            assert "goods that went back" not in text

    def test_leads_to_the_order(self):
        a_club()
        order = buy(a_user(), (a_product("Bed", "25.00"), 1), on=day(3, 1))
        cancel(order, on=day(3, 2))
        leave(day(3, 3))
        assert f"to=%2Faccounts%2Forders%2F{order.number}%2F" in mail.outbox[-1].body


class TestTheMailToWhoInvited:
    @pytest.fixture
    def club(self):
        club = an_inviting_club()
        club.anna = a_user("anna@example.com")
        club.anna.first_name = "Anna"
        club.anna.save()
        bring(club, club.anna)
        return club

    def test_says_that_the_friend_joined_and_what_the_first_order_brings(self, club):
        assert leave(day(5, 7)) == ["Anna joined: 150 paws for you with the first order"]
        assert "You get 150 paws once your friend orders for €20.00 or more." in plain(mail.outbox[0].body)
        assert mail.outbox[0].to == [club.boris.email]
        assert inbox(club.boris) == ["Anna joined: 150 paws for you with the first order"]

    def test_says_that_the_friend_ordered_and_then_that_it_went_back(self, club):
        order = buy(club.anna, (a_product("Bed", "30.00"), 1), on=day(5, 8))
        assert "Anna ordered: 150 paws on the way" in leave(day(5, 8))
        assert looked_up(club.boris, day(5, 8))[1]["on_the_way"] == 150
        arrive(order, on=day(5, 9))
        send_back(order, 1, on=day(5, 10))
        leave(day(5, 11))
        (gone,) = [letter for letter in mail.outbox if letter.to == [club.boris.email]]
        assert plain(gone.subject) == "Returns: 150 paws less"
        assert "The friend's first order went back" in gone.body
        assert looked_up(club.boris, day(5, 11))[1]["on_the_way"] == 0

    def test_names_the_day_once_it_is_known(self, club):
        arrive(buy(club.anna, (a_product("Bed", "30.00"), 1), on=day(5, 8)), on=day(5, 9))
        assert "Anna ordered: 150 paws on the way, ready on 23 May 2026" in leave(day(5, 9))


class TestTheEmblem:
    """Of a shop whose static files have names with a fingerprint, as Django's page on deployment has it."""

    @pytest.fixture(autouse=True)
    def storages(self, settings, tmp_path):
        (tmp_path / "staticfiles.json").write_text(
            json.dumps({"version": "1.1", "paths": {"shop/paw.png": "shop/paw.5f2a.png"}, "hash": ""})
        )
        kind = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        settings.STATIC_ROOT = str(tmp_path)
        settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": kind}}

    @pytest.mark.parametrize(("emblem", "shown"), [("shop/paw.png", "shop/paw.5f2a.png"), ("shop/pow.png", "★")])
    def test_is_a_star_where_there_is_no_such_file_and_stops_no_mail(self, settings, emblem, shown, caplog):
        settings.LOYALTY_MAIL_EMBLEM = emblem
        unit = a_club()
        a_campaign(unit, "birthday", points=100)
        member = join(program=unit.program, user_id=a_user().pk, at=day(1, 1))
        Birthday.objects.create(member=member, day=6, month=5, set_at=day(1, 2))
        a_night(day(5, 6))
        assert leave(day(5, 6)) == ["Happy birthday: 100 paws for you"]
        (html, _kind), *_more = mail.outbox[0].alternatives
        assert shown in html
        assert ("LOYALTY_MAIL_EMBLEM" in caplog.text) is (shown == "★")


class TestTheMailAboutAGift:
    def test_wishes_a_happy_birthday(self):
        unit = a_club()
        a_campaign(unit, "birthday", points=100)
        user = a_user()
        user.first_name = "Boris"
        user.save()
        member = join(program=unit.program, user_id=user.pk, at=day(1, 1))
        Birthday.objects.create(member=member, day=6, month=5, set_at=day(1, 2))
        assert a_night(day(5, 6)) == 1
        assert leave(day(5, 6)) == ["Happy birthday, Boris: 100 paws for you"]
        for text in both(mail.outbox[0]):
            assert "That takes €1.00 off your next order." in text
        assert looked_up(user, day(5, 6))[1]["ready"] == 100
        assert inbox(user) == ["Happy birthday: 100 paws for you"]


class TestTheMailAboutALevel:
    def test_lists_what_the_page_lists_and_explains_the_gift(self):
        a_ladder(gifts=(0, 50, 0))
        user = a_user()
        buy(user, (a_product("Bed", "200.00"), 1), on=day(3, 1))
        leave(day(3, 2))
        letter = next(letter for letter in mail.outbox if "elcome to Silver" in letter.subject)
        page, api = looked_up(user, day(3, 2))
        assert "Paws: 10 % more" in plain(letter.body)
        assert "Paws: 10 % more" in page
        assert "Your gift for reaching it: 50 paws" in plain(letter.body)
        assert api["on_the_way"] == 200 + 50
        assert "Silver" in letter.alternatives[0][0]


class TestTheInbox:
    def test_loses_what_is_over_and_keeps_what_was_read(self):
        a_club()
        user = a_user()
        member = Member.objects.create(program=Program.objects.get(), user=user, joined_at=day(1, 1))
        rows = get_model("communication", "Notification").objects
        for number, read in enumerate((None, day(3, 1))):
            row = rows.create(recipient=user, subject=f"Old {number}", body="", date_read=read)
            Notice.objects.create(
                member=member, topic="points-expiring", key=str(number), about=str(number), created_at=day(3, 1),
                inbox_id=str(row.pk), until=day(4, 1),
            )  # fmt: skip
        rows.create(recipient=user, subject="Of the shop", body="")
        assert clear_inbox(at=day(3, 31)) == 0
        assert rows.count() == 3
        assert clear_inbox(at=day(4, 1)) == 2
        assert sorted(rows.values_list("subject", "location")) == [("Of the shop", "Inbox"), ("Old 1", "Archive")]
        assert clear_inbox(at=day(4, 2)) == 0

    def test_is_told_nothing_of_a_topic_that_is_switched_off(self):
        a_club()
        user = a_user()
        arrive(buy(user, (a_product("Bed", "127.00"), 1), on=day(3, 1)), on=day(3, 3))
        leave(day(3, 3))
        ripen(on=day(3, 18))
        list(announce_ready(at=day(3, 18)))
        with override_settings(LOYALTY_UNTOLD_TOPICS=("points-ready",)):
            assert leave(day(3, 18)) == []
        assert inbox(user) == []
