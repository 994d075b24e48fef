"""Letters of campaigns: with consent, by day, with a pause, at most once, safe, and by every channel of the store."""

from datetime import timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused, SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import override_settings
from django.utils.html import escape
from oscar.core.loading import get_model

from loyalty_oscar import extend
from loyalty_oscar.journeys.answers import save_answer
from loyalty_oscar.journeys.cases import open_case
from loyalty_oscar.journeys.models import Case, Occurrence
from loyalty_oscar.journeys.operations import act, undo_act
from loyalty_oscar.journeys.texts import fill
from loyalty_oscar.people.consents import withdraw
from loyalty_oscar.people.models import Consent, Contact
from loyalty_oscar.program.models import Delivery, Event, Member
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing.factories import RewardFactory
from tests.storefront import a_product, arrive, buy, day

from .deeds import a_campaign, a_member, a_night, allows, has, leave, says, whys

pytestmark = pytest.mark.django_db
NOON = day(5, 6)
Order = get_model("order", "Order")


@pytest.fixture
def member(unit):
    member = allows(a_member(unit, at=day(1, 1)))
    member.user.first_name = "Boris"
    member.user.save()
    return member


def reviewed(member, detail="1", at=NOON):
    return act(program=member.program, user_id=member.user_id, occasion="review", detail=detail, at=at)


def why_not(topic="campaign"):
    """Why messages about a topic were not sent."""
    rows = Delivery.objects.filter(event__topic=topic, is_open=False, done_at__isnull=False)
    return [row.error for row in rows.exclude(error="")]


class TestALetter:
    def test_goes_to_who_allows_it_beside_the_contract_notice_of_what_was_promised(self, unit, member):
        says(a_campaign(unit, points=50))
        reviewed(member)

        assert sorted(leave(NOON)) == ["Boris, 50 paws for your review", "Hello Boris"]
        assert leave(NOON + timedelta(days=9)) == []
        assert Occurrence.objects.get().told_at == NOON

    def test_has_the_headers_and_the_link_by_which_letters_stop(self, unit, member):
        says(a_campaign(unit, points=0), body="Look: {link}")
        reviewed(member)
        leave(NOON)

        (letter,) = mail.outbox
        assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = str(letter.extra_headers["List-Unsubscribe"]).strip("<>")
        html = letter.alternatives[0][0]
        assert link in letter.body and link.replace("&", "&amp;") in html

    def test_of_a_contract_holds_no_text_of_the_merchant(self, unit, member):
        says(a_campaign(unit, points=50), subject="Buy now", body="Only today: {gift}")
        reviewed(member)
        leave(NOON)

        notice = next(letter for letter in mail.outbox if letter.subject != "Buy now")
        assert "Only today" not in notice.body + notice.alternatives[0][0]
        assert "List-Unsubscribe" not in notice.extra_headers

    @pytest.mark.parametrize("name", ["<b>Eve</b>", "{gift}", "{{ shop }}", "{% now %}", "&amp;"])
    def test_holds_no_markup_and_no_placeholder_that_a_name_brings(self, unit, member, name):
        member.user.first_name = name
        member.user.save()
        says(a_campaign(unit, points=0), subject="Hello {first_name}", body="<i>Dear</i> {first_name}: {shop}")
        reviewed(member)
        leave(NOON)

        html = mail.outbox[0].alternatives[0][0]
        assert "<b>Eve" not in html and "<i>Dear" not in html and "&lt;i&gt;Dear" in html

    @pytest.mark.parametrize(
        ("body", "links"),
        [
            ("{link}", 1),
            ("See {link}. Or ({link}), or:\n{link}!", 3),
            ("“{link}” {link}", 2),
            ("{link}sale {link}?a=1 {link}/x", 0),
            ("http://other.example/?next={link}", 0),
            ("{link}sale or {link}", 1),
            ("<{link}>", 1),
        ],
    )
    def test_leads_to_its_link_and_to_no_part_of_another_address(self, unit, member, body, links):
        says(a_campaign(unit, points=0), body=body)
        reviewed(member)
        leave(NOON)

        (letter,) = mail.outbox
        html, told = (
            letter.alternatives[0][0],
            escape(fill(text=body, values={"link": "http://example.com/catalogue/"})),
        )
        shown = '<a href="http://example.com/catalogue/">example.com</a>'
        assert html.count(shown) == links
        assert told.replace("\n", "") in html.replace(shown, "http://example.com/catalogue/").replace("<br>", "")

    def test_is_written_in_the_members_language_else_in_the_shops(self, unit, member):
        campaign = says(a_campaign(unit, points=0), subject="Hello")
        says(campaign, subject="Hallo {first_name}", body="Servus", language="de")
        extend.languages.register("of-tests")(lambda *, user: "de")
        try:
            reviewed(member)
            assert leave(NOON) == ["Hallo Boris"]
        finally:
            extend.languages.unregister("of-tests")
        assert "Servus" in mail.outbox[0].body

    def test_is_of_one_language_where_there_is_no_text_in_the_members(self, unit, member, settings):
        settings.LANGUAGE_CODE = "en-gb"
        campaign = says(a_campaign(unit, points=50, params={"question": "problem"}), language="de", body="{gift}")
        says(campaign, subject="Hello", body="It is {gift}.")
        unit.names |= {"pl": {"one": "łapka", "few": "łapki", "many": "łapek", "other": "łapki"}}
        unit.save()
        extend.languages.register("of-tests")(lambda *, user: "pl")
        try:
            reviewed(member)
            assert "Hello" in leave(NOON)
        finally:
            extend.languages.unregister("of-tests")
        body = next(letter.body for letter in mail.outbox if letter.subject == "Hello").replace("\xa0", " ")
        assert "It is 50 paws." in body
        assert "Everything is fine" in body

    def test_tells_amounts_as_the_members_region_writes_them(self, unit, member):
        unit.is_money, unit.names = True, {}
        unit.save()
        forget_cache()
        says(a_campaign(unit, points=500), language="de", subject="Hallo", body="{gift}.")
        extend.languages.register("of-tests")(lambda *, user: "de-at")
        with override_settings(LANGUAGES=[("de", "Deutsch"), ("de-at", "Österreich"), ("en", "English")]):
            try:
                reviewed(member)
                leave(NOON)
            finally:
                extend.languages.unregister("of-tests")
        letter = next(letter for letter in mail.outbox if letter.subject == "Hallo")
        assert "€ 5,00." in letter.body.replace("\xa0", " ")

    def test_speaks_of_the_order_and_leads_to_it_and_asks_its_question(self, unit, member):
        campaign = a_campaign(unit, "order-final", points=0, params={"question": "problem"})
        says(campaign, subject="Is all well with {product}?", body="{link}")
        order = arrive(buy(member.user, (a_product("Kennel"), 1), on=day(5, 1)), on=day(5, 3))
        assert a_night(NOON) == 1

        assert "Is all well with Kennel?" in leave(NOON)
        body = next(letter.body for letter in mail.outbox if letter.subject.startswith("Is all"))
        assert "Something is wrong: http" in body
        assert str(order.number) in body

    def test_leads_to_no_order_that_its_member_cannot_see(self, unit, member):
        says(a_campaign(unit, "order-final", points=0), subject="Here", body="{link}")
        order = arrive(buy(member.user, (a_product(), 1), on=day(5, 1)), on=day(5, 3))
        Order.objects.filter(pk=order.pk).update(user=a_member(unit, "ada@example.com").user)
        sync_orders(order_ids=[order.pk], at=day(5, 4))
        a_night(NOON)

        assert "Here" in leave(NOON)
        body = next(letter.body for letter in mail.outbox if letter.subject == "Here")
        assert "http://example.com/catalogue/" in body
        assert str(order.number) not in body

    @pytest.mark.parametrize("body", ["Look: {link}", "Look."])
    def test_tells_once_where_it_leads(self, unit, member, body):
        says(a_campaign(unit, points=0), body=body)
        reviewed(member)
        leave(NOON)

        (letter,) = mail.outbox
        assert letter.body.count("http://example.com/catalogue/") == 1
        assert "\n\n\n" not in letter.body

    def test_of_a_reward_names_it(self, unit, member):
        reward = RewardFactory(program=unit.program, name="A grooming")
        says(a_campaign(unit, points=0, reward=reward, is_public=False), subject="For you: {gift}")
        reviewed(member)

        assert "For you: “A grooming”" in leave(NOON)


class TestALetterThatMayNotGo:
    def test_has_no_consent(self, unit):
        member = a_member(unit)
        says(a_campaign(unit, points=0))
        reviewed(member)

        assert leave(NOON) == []
        assert whys() == [("skipped", "no_consent")]

    def test_would_show_what_goes_with_something_where_nothing_does(self, unit, member):
        campaign = says(a_campaign(unit, "order-final", points=0, params={"related": True}), subject="Goes with it")
        arrive(buy(member.user, (a_product("Kennel"), 1), on=day(5, 1)), on=day(5, 3))
        assert a_night(NOON) == 1

        assert "Goes with it" not in leave(NOON)
        assert whys() == [("skipped", "nothing_goes_with_it")]
        campaign.refresh_from_db()
        assert campaign.given == 0

    def test_lost_the_consent_between_planned_and_told_and_keeps_why(self, unit, member):
        campaign = says(a_campaign(unit, points=0))
        reviewed(member)
        withdraw(member_id=member.pk, purpose="letters", at=NOON)

        assert leave(NOON) == []
        assert whys() == [("skipped", "no_consent")]
        assert why_not() == ["Not sent: no consent to letters"]
        campaign.refresh_from_db()
        assert campaign.given == 0

    def test_leaves_once_the_consent_is_back_while_its_occasion_is_found(self, unit, member):
        campaign = says(a_campaign(unit, "anniversary", points=0))
        Member.objects.filter(pk=member.pk).update(joined_at=day(5, 6, 2025))
        assert a_night(NOON) == 1
        withdraw(member_id=member.pk, purpose="letters", at=NOON)
        assert (leave(NOON), whys()) == ([], [("skipped", "no_consent")])

        nights = [NOON + timedelta(days=days) for days in (1, 2, 3)]
        assert [a_night(nights[0]), *leave(nights[0])] == [0]
        Consent.objects.all().delete()
        allows(member, at=nights[1])
        assert [a_night(nights[1]), *leave(nights[1])] == [1, "Hello Boris"]
        assert [a_night(nights[2]), *leave(nights[2])] == [0]
        campaign.refresh_from_db()
        assert campaign.given == 1

    @pytest.mark.parametrize(("sent", "wanted"), [(False, 2), (True, 0)])
    def test_leaves_once_its_order_stands_again_unless_it_has_left(self, unit, member, sent, wanted):
        says(a_campaign(unit, "order-placed", points=50))
        order = buy(member.user, (a_product(), 1), on=NOON)
        a_night(NOON)

        def ours(at):
            return sum("50 paws" in subject or subject == "Hello Boris" for subject in leave(at))

        assert not sent or ours(NOON) == 2
        for status, hours in (("Cancelled", 1), ("Pending", 2)):
            at = NOON + timedelta(hours=hours)
            Order.objects.update(status=status)
            sync_orders(order_ids=[order.pk], at=at)
            a_night(at)
            left = ours(at)
        assert left == wanted

    def test_lost_the_consent_and_what_was_promised_stays_given(self, unit, member):
        says(a_campaign(unit, points=50))
        reviewed(member)
        withdraw(member_id=member.pk, purpose="letters", at=NOON)

        assert leave(NOON) == ["Boris, 50 paws for your review"]
        assert (whys(), has(member)) == ([("done", "")], (50, 0))
        assert why_not() == ["Not sent: no consent to letters"]

    def test_was_taken_back_before(self, unit, member):
        says(a_campaign(unit, points=50))
        reviewed(member)
        undo_act(user_id=member.user_id, occasion="review", detail="1", at=NOON)

        assert leave(NOON) == []

    def test_meets_a_case_that_is_open(self, unit, member):
        says(a_campaign(unit, points=0))
        open_case(member=member, kind="problem", source="answer:1", order_id=None, at=NOON)
        reviewed(member)

        assert leave(NOON) == []
        assert whys() == [("skipped", "problem_open")]

    def test_is_about_an_order_with_which_something_was_wrong(self, unit, member):
        says(a_campaign(unit, "order-final", points=0), subject="Review it")
        order = arrive(buy(member.user, (a_product(), 1), on=day(5, 1)), on=day(5, 3))
        a_night(NOON)
        save_answer(member=member, question="problem", source="x", order_id=order.pk, choice="wrong", at=NOON)
        Case.objects.update(state="closed")

        assert "Review it" not in leave(NOON)
        assert whys() == [("skipped", "stopped_before")]

    @pytest.mark.parametrize("email", ["", "boris@example.com"])
    def test_has_no_address_or_one_that_mail_came_back_from(self, unit, member, email):
        says(a_campaign(unit, points=0))
        member.user.email = email
        member.user.save()
        extend.report_bounce(email="boris@example.com", at=NOON)
        reviewed(member)

        assert leave(NOON) == []
        assert whys() == [("skipped", "no_address")]
        member.user.email = "new@example.com"
        member.user.save()
        reviewed(member, "2")
        assert leave(NOON) == ["Hello Boris"]

    def test_waits_for_the_day(self, unit, member, settings):
        settings.LOYALTY_DAYTIME = (8, 21)
        says(a_campaign(unit, points=0))
        reviewed(member, at=day(5, 6) + timedelta(hours=8))  # 22:00 in Berlin

        assert leave(day(5, 6) + timedelta(hours=8)) == []
        assert leave(day(5, 6) + timedelta(hours=17)) == []
        assert leave(day(5, 6) + timedelta(hours=18)) == ["Hello Boris"]

    @pytest.mark.parametrize(("minutes", "wanted"), [(0, []), (1, ["Hello Boris"])])
    def test_is_of_a_campaign_that_ends_before_the_letter_may_leave(self, unit, member, settings, minutes, wanted):
        settings.LOYALTY_DAYTIME = (8, 21)
        night, morning = day(5, 6) + timedelta(hours=8), day(5, 6) + timedelta(hours=18)  # 22:00 and 8:00 in Berlin
        says(a_campaign(unit, points=0, ends_at=morning + timedelta(minutes=minutes)))
        reviewed(member, at=night)

        assert (leave(night), leave(morning)) == ([], wanted)
        assert whys() == ([("done", "")] if wanted else [("skipped", "moment_over")])

    def test_waits_while_the_program_is_paused(self, unit, member):
        says(a_campaign(unit, points=0))
        reviewed(member)
        change_state(program=unit.program, to="paused", actor="staff:1", at=NOON)
        assert leave(NOON) == []

        change_state(program=unit.program, to="live", actor="staff:1", at=NOON + timedelta(days=1))
        assert leave(NOON + timedelta(days=1)) == ["Hello Boris"]

    def test_keeps_its_distance_and_after_a_week_does_not_come(self, unit, member):
        unit.program.letter_days = 3
        unit.program.save()
        says(a_campaign(unit, points=0))
        reviewed(member), reviewed(member, "2")
        assert leave(NOON) == ["Hello Boris"]
        assert leave(NOON + timedelta(days=2)) == []
        assert leave(NOON + timedelta(days=3)) == ["Hello Boris"]

        unit.program.letter_days = 30
        unit.program.save()
        reviewed(member, "3", at=NOON + timedelta(days=4))
        assert leave(NOON + timedelta(days=4)) == []
        assert leave(NOON + timedelta(days=33)) == []
        assert whys(source="review:3") == [("skipped", "too_late")]

    def test_that_waits_longest_is_overtaken_by_none(self, unit, member, settings):
        settings.LOYALTY_DAYTIME = (8, 21)
        unit.program.letter_days = 3
        unit.program.save()
        for occasion in ("review", "joined", "goal", "level"):
            says(a_campaign(unit, occasion, points=0), subject=occasion)
        night = NOON + timedelta(days=2, hours=10)
        for occasion, at in (("review", NOON), ("level", NOON), ("joined", night), ("goal", night)):
            act(program=unit.program, user_id=member.user_id, occasion=occasion, detail="1", at=at)
            leave(at)

        # The older one waits until noon for its leave, the younger ones until morning for the day.
        assert [leave(NOON + timedelta(days=days, minutes=9)) for days in (2, 3, 6, 9)] == [
            [],
            ["level"],
            ["joined"],
            ["goal"],
        ]


class Failing(EmailBackend):
    """A mail server that fails: as it is called (`at_call`), or as it was handed a letter (`at_letter`)."""

    at_call = at_letter = None

    def open(self):
        if self.at_call:
            raise self.at_call

    def send_messages(self, messages):
        if self.at_letter:
            raise self.at_letter
        return super().send_messages(messages)


#: Ends of a try with which nothing has left.
REFUSED = [
    {"at_call": OSError("nobody answers")},
    {"at_call": TimeoutError("timed out")},
    {"at_letter": SMTPDataError(451, b"later")},
    {"at_letter": SMTPSenderRefused(450, b"later", "shop@example.com")},
    {"at_letter": SMTPRecipientsRefused({"boris@example.com": (450, b"full")})},
]
#: Ends of which nobody knows whether the letter was taken.
IN_DOUBT = [TimeoutError("timed out"), SMTPServerDisconnected("gone"), ConnectionResetError("reset")]


class TestATry:
    BACKEND = f"{__name__}.Failing"

    @pytest.mark.parametrize("fault", REFUSED, ids=repr)
    def test_with_which_nothing_left_is_made_again_and_takes_no_second_leave(self, unit, member, monkeypatch, fault):
        says(a_campaign(unit, points=0))
        reviewed(member)
        with override_settings(EMAIL_BACKEND=self.BACKEND):
            for name, error in fault.items():
                monkeypatch.setattr(Failing, name, error)
            assert leave(NOON) == []
            monkeypatch.undo()
            assert leave(NOON + timedelta(hours=1)) == ["Hello Boris"]
            assert leave(NOON + timedelta(hours=9)) == []

    @pytest.mark.parametrize("error", IN_DOUBT, ids=repr)
    def test_without_an_answer_is_not_made_again_but_that_of_a_contract_notice_is(
        self, unit, member, monkeypatch, error
    ):
        says(a_campaign(unit, points=50))
        reviewed(member)
        monkeypatch.setattr(Failing, "at_letter", error)
        with override_settings(EMAIL_BACKEND=self.BACKEND):
            assert leave(NOON) == []
            monkeypatch.undo()
            assert leave(NOON + timedelta(hours=1)) == ["Boris, 50 paws for your review"]
            assert leave(NOON + timedelta(days=1)) == []
        letter = Delivery.objects.get(consumer="campaign-mail")
        assert letter.error == f"perhaps sent: {type(error).__name__}: {error}"
        assert (letter.is_open, letter.done_at) == (False, None)

    def test_whose_process_died_is_not_made_again(self, unit, member, monkeypatch):
        says(a_campaign(unit, points=0))
        reviewed(member)

        def dies(self, messages):
            raise SystemExit

        monkeypatch.setattr(Failing, "send_messages", dies)
        with override_settings(EMAIL_BACKEND=self.BACKEND), pytest.raises(SystemExit):
            leave(NOON)
        assert leave(NOON + timedelta(days=1)) == []
        assert Delivery.objects.get(consumer="campaign-mail").error == "perhaps sent"


class Sms:
    """A store's own channel."""

    def __init__(self):
        self.sent, self.numbers, self.fault = [], set(), None

    def reaches(self, *, member):
        return member.pk in self.numbers

    def send(self, *, message):
        if self.fault:
            raise self.fault
        self.sent.append(message)


class TestAChannelOfTheStore:
    @pytest.fixture
    def sms(self):
        channel = extend.channels.register("sms")(Sms())
        yield channel
        extend.channels.unregister("sms")

    def test_tells_the_same_with_the_same_consent_and_one_pause(self, unit, member, sms):
        sms.numbers.add(member.pk)
        says(a_campaign(unit, points=0), body="Look: {link}")
        reviewed(member)

        assert leave(NOON) == ["Hello Boris"]
        (message,) = sms.sent
        assert (message.subject, message.member) == ("Hello Boris", member)
        assert message.link in message.text and "/stop/" in message.stop_link
        assert Contact.objects.get().told_at == NOON

    def test_reaches_who_has_no_address(self, unit, member, sms):
        sms.numbers.add(member.pk)
        member.user.email = ""
        member.user.save()
        says(a_campaign(unit, points=0))
        reviewed(member)

        assert (leave(NOON), len(sms.sent), whys()) == ([], 1, [("done", "")])

    @pytest.mark.parametrize(("fault", "again"), [(extend.NotSent("no network"), 1), (TimeoutError("no answer"), 0)])
    def test_that_fails_is_tried_alone_where_it_says_that_nothing_left(self, unit, member, sms, fault, again):
        sms.numbers.add(member.pk)
        sms.fault = fault
        says(a_campaign(unit, points=0))
        reviewed(member)
        assert leave(NOON) == ["Hello Boris"]
        sms.fault = None

        assert leave(NOON + timedelta(hours=1)) == []
        assert len(sms.sent) == again

    def test_asks_for_consent_too(self, unit, sms):
        member = a_member(unit)
        sms.numbers.add(member.pk)
        says(a_campaign(unit, points=50))
        reviewed(member)
        leave(NOON)

        assert not sms.sent
        assert Event.objects.filter(topic="campaign").count() == 1
