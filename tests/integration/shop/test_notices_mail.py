"""Contract mails: what they say, to whom, and how often."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import override_settings
from oscar.core.loading import get_class, get_model
from oscar.test.factories import UserFactory

from loyalty_oscar import extend
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.events import announce
from loyalty_oscar.program.models import Delivery, Event, Member, Program
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.notices.letters import first_name, letters
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing import clock
from tests import orders
from tests.once import a_program

NOW = datetime(2026, 5, 6, 12, 31, tzinfo=UTC)


class BrokenServer(BaseEmailBackend):
    """A mail backend that reaches no server."""

    def open(self):
        raise OSError("connection refused")


class DeafServer(BaseEmailBackend):
    """A mail backend that says it sent nothing."""

    def send_messages(self, messages):
        return 0


@pytest.fixture
def at(db):
    with clock.at(NOW):
        yield NOW


def an_order(*, user, lines=(("74.20", 1),), number="100482", status="Pending", placed_at=NOW):
    order = orders.imported(user=user, lines=lines, placed_at=placed_at, number=number, status=status)
    sync_orders(order_ids=[order.pk], at=NOW)
    return order


def send(at=NOW):
    return sum(deliver(at=at))


class TestTheMailAboutPointsEarned:
    def test_says_the_number_the_why_the_balances_and_nothing_else(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory(first_name="Boris", email="boris@mail.example"))
        assert send() == 1
        (letter,) = mail.outbox
        html = letter.alternatives[0][0]
        assert letter.subject.replace("\xa0", " ") == "Boris, 74 paws for order 100482"
        assert letter.to == ["boris@mail.example"]
        for text in (letter.body, html):
            plain = text.replace("\xa0", " ")
            assert "Thank you for your order 100482 of 6 May." in plain
            assert "for you, ready 14 days after delivery, when the return period is over." in plain
            assert "Rounded down" in plain
            assert "for each €1.00" in plain
            assert "On the way" in plain
            assert "74 paws = €0.74" in plain
            assert "http://example.com/loyalty/go/?to=%2Faccounts%2Forders%2F100482%2F" in plain
        assert html.count("<a ") == 3, "the button, the terms and the account"
        assert "<style" not in html
        assert "<script" not in html

    def test_has_the_key_as_its_message_id(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        order = an_order(user=UserFactory())
        send()
        assert mail.outbox[0].message()["Message-ID"] == f"<points-earned.order.{order.pk}.earned@example.com>"

    def test_goes_out_once_however_often_the_job_runs(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory())
        assert [send(), send(), send(NOW + timedelta(days=9))] == [1, 0, 0]
        assert len(mail.outbox) == 1

    def test_greets_nobody_by_name_whose_name_is_not_known(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory(first_name=""))
        send()
        assert mail.outbox[0].subject.replace("\xa0", " ") == "74 paws for order 100482"
        assert mail.outbox[0].body.startswith("Hello,\n")

    def test_names_the_day_once_it_is_known(self, at):
        a_program(live_from=NOW - timedelta(days=30), hold_days=14)
        an_order(user=UserFactory(), status="Delivered")
        send()
        assert "20 May 2026" in mail.outbox[0].body

    def test_holds_the_number_of_the_moment_it_leaves(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        order = an_order(user=UserFactory(first_name=""), lines=(("37.10", 2),))
        orders.come_back(line=order.lines.get(), quantity=1)
        sync_orders(order_ids=[order.pk], at=NOW)
        send()
        assert mail.outbox[0].subject.replace("\xa0", " ") == "37 paws for order 100482"
        assert "Rounded" not in mail.outbox[0].body

    def test_is_not_sent_when_nothing_is_left_to_tell(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        order = an_order(user=UserFactory())
        orders.Order.objects.filter(pk=order.pk).update(status="Cancelled")
        sync_orders(order_ids=[order.pk], at=NOW)
        assert send() == 0
        assert mail.outbox == []
        assert Delivery.objects.get(event__topic="points-earned").error == "nothing left to tell"

    def test_speaks_the_language_that_the_shop_knows(self, at):
        a_program(
            live_from=NOW - timedelta(days=30),
            names={"en": {"one": "paw", "other": "paws"}, "de": {"one": "Pfote", "other": "Pfoten"}},
        )
        an_order(user=UserFactory(first_name=""))
        extend.languages.register("test")(lambda user: "de")
        try:
            send()
        finally:
            extend.languages.unregister("test")
        assert mail.outbox[0].subject.replace("\xa0", " ").startswith("74 Pfoten")
        assert 'lang="de"' in mail.outbox[0].alternatives[0][0]

    def test_takes_its_address_from_the_site_and_never_from_a_request(self, at):
        site = get_model("sites", "Site").objects.get(pk=1)
        site.domain = "tumblepaw.example"
        site.save()
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory())
        with override_settings(OSCAR_URL_SCHEMA="https"):
            send()
        assert "https://tumblepaw.example/loyalty/go/" in mail.outbox[0].body
        site.domain = "example.com"
        site.save()

    def test_can_be_reworded_in_oscars_dashboard_without_a_row_made_by_us(self, at):
        kinds = get_model("communication", "CommunicationEventType")
        assert not kinds.objects.exists()
        kinds.objects.create(
            code="LOYALTY_POINTS_EARNED", name="Points", category="User related",
            email_subject_template="{{ points }}!", email_body_template="Own words", email_body_html_template="<p>",
        )  # fmt: skip
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory())
        send()
        assert (mail.outbox[0].subject, mail.outbox[0].body) == ("74\xa0paws!", "Own words")


class TestANameInAMail:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("Boris", "Boris"),
            ("Anna Maria", "Anna Maria"),
            ("J. R.", "J. R."),
            ("Zoë-Łucja", "Zoë-Łucja"),
            ("", ""),
            ("Boris\r\nBcc: all@shop.example", "Boris Bcc:"),
            ("www.evil.tk", ""),
            ("Win https://evil.tk/x now", "Win now"),
            ("evil.tk", ""),
            ("a@b.example", ""),
            ("<script>alert(1)</script>", ""),
            ("Ann\u202eevil", "Annevil"),
            ("{{ 7|add:7 }}", "{{ 7|add:7 }}"),
            ("x" * 300, "x" * 40),
        ],
    )
    def test_is_harmless(self, name, shown):
        class Person:
            first_name = name

        assert first_name(user=Person()) == shown

    def test_is_not_needed(self):
        assert first_name(user=object()) == ""

    def test_breaks_neither_subject_nor_body(self, at):
        a_program(live_from=NOW - timedelta(days=30), name="Paws <b>& Co")
        an_order(user=UserFactory(first_name="Bo\r\nBcc: x@y.example\n & <i>Co"))
        send()
        (letter,) = mail.outbox
        assert letter.subject.replace("\xa0", " ") == "Bo Bcc: & Co, 74 paws for order 100482".replace("& Co", "&")
        assert letter.to == [Member.objects.get().user.email] == letter.recipients()
        html = letter.alternatives[0][0]
        assert "Paws &lt;b&gt;&amp; Co" in html
        assert "<i>" not in html
        assert "Paws <b>& Co" in letter.body


class TestAMessageThatFails:
    def test_is_tried_again_with_growing_pauses_and_then_left_with_its_error(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory())
        tries, pauses = [], []
        with override_settings(EMAIL_BACKEND=f"{__name__}.BrokenServer", LOYALTY_MAIL_ATTEMPTS=4):
            moment = NOW
            for _minute in range(40):
                send(moment)
                message = Delivery.objects.get()
                if not tries or message.attempts != tries[-1]:
                    tries.append(message.attempts)
                    pauses.append((message.next_at - moment).total_seconds() / 60)
                moment += timedelta(minutes=5)
        assert tries == [1, 2, 3, 4]
        assert pauses == [5, 15, 45, 135]
        assert not message.is_open
        assert message.done_at is None
        assert message.error == "OSError: connection refused"
        assert mail.outbox == []

    def test_leaves_once_the_server_is_back(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory())
        with override_settings(EMAIL_BACKEND=f"{__name__}.DeafServer"):
            assert send() == 0
        assert Delivery.objects.get().error.startswith("NotSent")
        assert send() == 0, "not before its time"
        assert send(NOW + timedelta(minutes=5)) == 1
        message = Delivery.objects.get()
        assert (message.is_open, message.error, message.attempts) == (False, "", 2)

    def test_comes_due_again_when_the_process_died_on_the_way(self, at, monkeypatch):
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory())

        class Died(BaseException):
            pass

        def die(*args, **kwargs):
            raise Died

        with monkeypatch.context() as patched, pytest.raises(Died):
            patched.setattr(get_class("communication.utils", "Dispatcher"), "dispatch_user_messages", die)
            send()
        assert Delivery.objects.get().is_open
        assert send(NOW + timedelta(minutes=5)) == 1

    def test_does_not_keep_the_next_one_back(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        user = UserFactory()
        an_order(user=user)
        announce(
            topic="points-earned", key="a:broken", member_id=Member.objects.get().pk, payload={"order": "x"}, at=NOW
        )
        assert send() == 1
        assert Delivery.objects.get(event__key="a:broken").error.startswith("ValueError")

    def test_may_be_gone_once_it_was_sent_and_the_next_one_leaves_all_the_same(self, at, monkeypatch):
        a_program(live_from=NOW - timedelta(days=30))
        for number in ("1", "2"):
            an_order(user=UserFactory(), number=number)
        real = letters.get("points-earned")

        def undone_meanwhile(*, event, at):
            Event.objects.filter(pk=event.pk, payload__order=orders.Order.objects.get(number="1").pk).delete()
            return real(event=event, at=at)

        monkeypatch.setitem(letters._things, "points-earned", undone_meanwhile)
        assert send() == 2
        assert len(mail.outbox) == 2
        assert not Delivery.objects.get().is_open


class TestSomebodyWhomNoMailReaches:
    @pytest.mark.parametrize("state", ["erased", "gone", "no address"])
    def test_gets_none(self, at, state):
        a_program(live_from=NOW - timedelta(days=30))
        user = UserFactory()
        an_order(user=user)
        if state == "erased":
            Member.objects.update(erased_at=NOW)
        elif state == "gone":
            Member.objects.update(user=None)
        else:
            type(user).objects.update(email="")
        assert send() == 0
        assert mail.outbox == []
        assert not Delivery.objects.get().is_open


class TestTheWelcome:
    def test_is_one_mail_for_all_old_orders(self, at):
        a_program(live_from=NOW - timedelta(days=1))
        user = UserFactory(first_name="Boris")
        old = [
            orders.imported(user=user, lines=[("10.00", 1)], placed_at=NOW - timedelta(days=90), number=f"old-{n}").pk
            for n in range(3)
        ]
        sync_orders(order_ids=old, at=NOW, batch="spring")
        assert Account.objects.get().net == 30
        announce(
            topic="welcome", key="spring:1", member_id=Member.objects.get().pk, payload={"batch": "spring"}, at=NOW
        )
        assert send() == 1
        assert mail.outbox[0].subject.replace("\xa0", " ") == "Boris, 30 paws to begin with"
        assert "Your 3 orders so far count: 30 paws for you." in mail.outbox[0].body.replace("\xa0", " ")

    def test_is_silent_after_its_undoing(self, at):
        a_program(live_from=NOW - timedelta(days=1))
        member = Member.objects.create(program=Program.objects.get(), user=UserFactory(), joined_at=NOW)
        announce(topic="welcome", key="spring:1", member_id=member.pk, payload={"batch": "spring"}, at=NOW)
        assert send() == 0
        assert mail.outbox == []


class TestManyMessages:
    def test_leave_in_batches(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        for number in range(45):
            an_order(user=UserFactory(), number=f"n{number}", lines=((Decimal(5 + number), 1),))
        assert list(deliver(at=NOW)) == [20, 20, 5]
        assert len({letter.message()["Message-ID"] for letter in mail.outbox}) == 45


class SilentServer(BaseEmailBackend):
    """A mail backend that sends and does not say how many."""

    def send_messages(self, messages):
        mail.outbox.extend(messages)


class TestAMailServer:
    def test_that_says_nothing_took_the_message(self, at):
        a_program(live_from=NOW - timedelta(days=30))
        an_order(user=UserFactory())
        with override_settings(EMAIL_BACKEND=f"{__name__}.SilentServer"):
            assert send() == 1
            assert send(NOW + timedelta(days=1)) == 0
        assert len(mail.outbox) == 1
