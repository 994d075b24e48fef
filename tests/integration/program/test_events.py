"""Events are written once; each consumer gets them later, on its own terms, and none waits for another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from loyalty_oscar.kernel.errors import LoyaltyError, UnknownCode
from loyalty_oscar.program import delivery, events
from loyalty_oscar.program.events import (
    Consumer,
    Happening,
    PerhapsSent,
    Topic,
    announce,
    announce_many,
    unannounced,
    withdraw,
)
from loyalty_oscar.program.models import Delivery, Event, Member, Notice
from tests.once import a_program

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)


class Died(BaseException):
    """The process is gone; nobody catches this."""


class Hearing:
    """A consumer that writes down what it hears, and can be made to fail."""

    def __init__(self):
        self.heard, self.fault = [], None

    def __call__(self, *, event, at):
        self.heard.append(event.key)
        if self.fault:
            raise self.fault
        return "" if event.payload["number"] else "no number"


def throw(error):
    raise error


def hears(name, topics=("test-done",), **terms):
    """Register a consumer; the fixture `registered` takes it away again."""
    hearing = Hearing()
    events.consumers.register(name)(Consumer(topics=topics, deliver=hearing, **terms))
    return hearing


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Two topics for these tests, and no consumer but theirs."""
    for registry in (events.topics, events.consumers):
        monkeypatch.setattr(registry, "_things", {})
    for code in ("test-done", "test-other"):
        events.topics.register(code)(Topic(text="a test did something", payload={"number": "which"}))


def it_happened(key="a", *, topic="test-done", number=1, at=NOW, **more):
    announce(topic=topic, key=key, member_id=more.pop("member_id", None), payload={"number": number}, at=at, **more)


def deliver(at=NOW):
    return list(delivery.deliver(at=at))


def left(name):
    """What stands in the deliveries of a consumer, oldest first."""
    rows = Delivery.objects.filter(consumer=name).order_by("pk")
    return [(row.event.key, row.is_open, row.attempts, row.error) for row in rows]


class TestAnEvent:
    def test_comes_once_for_its_topic_and_key(self):
        for number in (1, 2):
            it_happened(number=number)
        it_happened(topic="test-other")
        assert list(Event.objects.order_by("pk").values_list("topic", "key", "payload")) == [
            ("test-done", "a", {"number": 1}),
            ("test-other", "a", {"number": 1}),
        ]
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.create(topic="test-done", key="a", at=NOW)

    def test_is_never_changed(self):
        it_happened()
        event = Event.objects.get()
        event.payload = {"number": 9}
        with pytest.raises(ValidationError, match="announce another event"):
            event.save()
        event.refresh_from_db()
        assert event.payload == {"number": 1}

    def test_is_there_only_if_its_transaction_is(self):
        with pytest.raises(Died), transaction.atomic():
            it_happened()
            raise Died
        assert not Event.objects.exists()

    @pytest.mark.parametrize(
        ("topic", "payload", "error", "says"),
        [
            ("test-don", {"number": 1}, UnknownCode, "no topic 'test-don'; there are: test-done, test-other"),
            ("test-done", {}, LoyaltyError, "the payload of test-done is number"),
            ("test-done", {"number": 1, "price": 2}, LoyaltyError, "the payload of test-done is number"),
        ],
    )
    def test_is_refused_where_it_is_not_what_the_reference_says(self, topic, payload, error, says):
        with pytest.raises(error, match=says):
            announce(topic=topic, key="a", member_id=None, payload=payload, at=NOW)
        assert not Event.objects.exists()

    def test_costs_one_query_however_many_consumers_and_events(self, django_assert_num_queries):
        for number in range(3):
            hears(f"consumer-{number}")
        with django_assert_num_queries(1):
            announce_many(
                happenings=[
                    Happening(topic="test-done", key=key, member_id=None, payload={"number": 1}, at=NOW)
                    for key in "abc"
                ]
            )
        assert Event.objects.count() == 3

    def test_about_a_date_leaves_a_notice_of_it(self):
        member = Member.objects.create(program=a_program().program, joined_at=NOW)
        it_happened(member_id=member.pk, abouts={"lot:1": 7})
        it_happened(member_id=member.pk, abouts={"lot:1": 7})
        it_happened("b", member_id=member.pk)
        row = Notice.objects.get()
        assert (row.topic, row.key, row.about, row.stage) == ("test-done", "a", "lot:1", 7)
        assert (row.member, row.created_at) == (member, NOW)

    def test_may_be_about_two_dates(self):
        member = Member.objects.create(program=a_program().program, joined_at=NOW)
        it_happened(member_id=member.pk, abouts={"lot:1": 7, "lot:2": 30})
        assert set(Notice.objects.values_list("key", "about", "stage")) == {("a", "lot:1", 7), ("a", "lot:2", 30)}

    def test_is_news_once(self):
        it_happened("a")
        it_happened("b", topic="test-other")
        wanted = [
            Happening(topic="test-done", key=key, member_id=None, payload={"number": 1}, at=NOW) for key in "abcc"
        ]
        assert [one.key for one in unannounced(topic="test-done", happenings=wanted)] == ["b", "c"]


class TestAConsumer:
    def test_gets_the_topics_it_wants_once(self):
        hearing, other = hears("one"), hears("two", topics=("test-other",))
        it_happened("a")
        it_happened("b", topic="test-other")
        it_happened("c", number=0)
        assert deliver() == [("one", 1), ("two", 1)]
        assert deliver(NOW + timedelta(days=1)) == []
        assert (hearing.heard, other.heard) == (["a", "c"], ["b"])
        assert left("one") == [("a", False, 1, ""), ("c", False, 1, "no number")]
        assert set(Delivery.objects.values_list("done_at", flat=True)) == {NOW}

    def test_that_comes_later_gets_no_old_events(self):
        hears("one")
        it_happened("a")
        deliver()
        late = hears("late")
        it_happened("b")
        deliver()
        assert late.heard == ["b"]

    def test_that_wants_less_by_now_is_spared_the_rest(self):
        topics = {"test-done"}
        hearing = hears("one", topics=topics)
        hearing.fault = OSError("away")
        it_happened()
        deliver()
        topics.clear()
        assert deliver(NOW + timedelta(minutes=5)) == [("one", 0)]
        assert hearing.heard == ["a"]
        assert left("one") == [("a", False, 2, "no longer wanted")]

    def test_of_no_topic_costs_the_events_nothing(self):
        it_happened()
        assert deliver() == []
        assert not Event.objects.get().is_new
        assert not Delivery.objects.exists()

    def test_that_fails_keeps_neither_the_next_event_nor_another_consumer_waiting(self):
        broken, works = hears("broken"), hears("works")
        broken.fault = OSError("away")
        it_happened("a")
        it_happened("b")
        assert deliver() == [("broken", 0), ("works", 2)]
        assert broken.heard == works.heard == ["a", "b"]
        assert left("broken") == [("a", True, 1, "OSError: away"), ("b", True, 1, "OSError: away")]
        broken.fault = None
        assert deliver() == [], "not before its time"
        assert deliver(NOW + timedelta(minutes=5)) == [("broken", 2)]
        assert left("broken") == [("a", False, 2, ""), ("b", False, 2, "")]

    def test_that_answers_with_nothing_is_done(self):
        for name in ("crm", "mail"):
            events.consumers.register(name)(Consumer(topics=("test-done",), deliver=lambda *, event, at: None))
        it_happened()
        assert deliver() == [("crm", 1), ("mail", 1)]
        assert (left("crm"), left("mail")) == ([("a", False, 1, "")], [("a", False, 1, "")])

    @pytest.mark.parametrize("is_repeatable", [True, False])
    def test_may_say_more_than_is_written_down(self, is_repeatable):
        many = "Anna anna@example.com " + "x" * 300
        answers = {
            "said": lambda: many,
            "doubts": lambda: throw(PerhapsSent(many)),
            "fails": lambda: throw(OSError(many)),
        }
        for name, answer in answers.items():
            deliver_to = Consumer(
                topics=("test-done",),
                deliver=lambda *, event, at, answer=answer: answer(),
                is_repeatable=is_repeatable,
            )
            events.consumers.register(name)(deliver_to)
        it_happened()
        deliver()
        assert {name: left(name)[0][3][:32] for name in answers} == {
            "said": "Anna … xxxxxxxxxxxxxxxxxxxxxxxxx",
            "doubts": "PerhapsSent: Anna … xxxxxxxxxxxx" if is_repeatable else "perhaps sent: Anna … xxxxxxxxxxx",
            "fails": "OSError: Anna … xxxxxxxxxxxxxxxx",
        }
        assert {len(left(name)[0][3]) for name in answers} == {200}

    def test_is_tried_as_often_and_after_such_pauses_as_it_says(self):
        hearing = hears("one", pause=lambda tries: timedelta(hours=1 + tries), tries=lambda: 3)
        hearing.fault = OSError("away")
        it_happened()
        tried = [hour for hour in range(12) if deliver(NOW + timedelta(hours=hour))]
        assert tried == [0, 1, 3]
        assert left("one") == [("a", False, 3, "OSError: away")]
        assert Delivery.objects.get().done_at is None

    def test_gets_an_event_again_when_its_process_died_on_the_way(self):
        hearing = hears("one")
        hearing.fault = Died()
        it_happened()
        with pytest.raises(Died):
            deliver()
        assert left("one") == [("a", True, 1, "")]
        hearing.fault = None
        assert deliver(NOW + timedelta(minutes=5)) == [("one", 1)]

    def test_that_must_hear_nothing_twice_leaves_what_is_in_doubt_and_goes_on(self):
        hearing = hears("one", is_repeatable=False)
        it_happened("a")
        it_happened("b")
        hearing.fault = Died()
        with pytest.raises(Died):
            deliver()
        hearing.fault = None
        deliver(NOW + timedelta(days=1))
        assert hearing.heard == ["a", "b"]
        assert left("one") == [("a", False, 1, "perhaps sent"), ("b", False, 1, "")]
        assert [row.done_at is None for row in Delivery.objects.order_by("pk")] == [True, False]

    def test_that_must_hear_nothing_twice_is_tried_again_after_an_answer(self):
        hearing = hears("one", is_repeatable=False)
        hearing.fault = OSError("refused")
        it_happened()
        deliver()
        assert left("one") == [("a", True, 1, "OSError: refused")]
        hearing.fault = None
        assert deliver(NOW + timedelta(minutes=5)) == [("one", 1)]
        assert left("one") == [("a", False, 2, "")]

    def test_that_must_hear_nothing_twice_hears_of_each_member_what_happened_first(self):
        hearing = hears("one", topics=("test-done", "test-other"), is_repeatable=False)
        program = a_program().program
        one, other = (Member.objects.create(program=program, joined_at=NOW).pk for _ in range(2))
        told = [("a", one, 9), ("b", other, 3), ("c", one, 2), ("d", None, 5), ("e", None, 1), ("f", one, 99)]
        for key, member_id, minutes in told:
            it_happened(key, member_id=member_id, at=NOW + timedelta(minutes=minutes))
        it_happened("g", topic="test-other", member_id=one)
        deliver(NOW + timedelta(hours=1))
        assert hearing.heard == ["g", "e", "a", "c", "b", "d"]

    def test_gets_batches_in_turn_with_the_others(self, monkeypatch):
        monkeypatch.setattr(delivery, "BATCH", 2)
        monkeypatch.setattr(delivery, "HANDED", 2)
        hears("one")
        hears("two")
        for key in "abcde":
            it_happened(key)
        assert deliver() == [("one", 2), ("two", 2), ("one", 2), ("two", 2), ("one", 1), ("two", 1)]


class TestTakingBack:
    def test_concerns_whom_nobody_told_yet(self):
        broken = hears("broken")
        broken.fault = OSError("away")
        it_happened("spring:1")
        it_happened("summer:1")
        deliver()
        it_happened("spring:2")
        withdraw(topic="test-done", prefix="spring:")
        assert [event.key for event in Event.objects.all()] == ["summer:1"]
        assert left("broken") == [("summer:1", True, 1, "OSError: away")]

    def test_leaves_what_one_consumer_was_told_and_spares_the_other(self):
        broken, works = hears("broken"), hears("works")
        broken.fault = OSError("away")
        it_happened("spring:1")
        deliver()
        withdraw(topic="test-done", prefix="spring:")
        assert (left("broken"), left("works")) == ([], [("spring:1", False, 1, "")])
        assert works.heard == ["spring:1"]


class TestTime:
    def test_forgets_what_is_old(self):
        hears("one")
        it_happened("old", at=NOW - delivery.KEPT - timedelta(seconds=1))
        it_happened("young", at=NOW - delivery.KEPT)
        assert deliver() == [("one", 2)]
        assert [event.key for event in Event.objects.all()] == ["young"]
        assert [row[0] for row in left("one")] == ["young"]


class TestThePauses:
    def test_grow_threefold_and_outlast_a_long_weekend(self):
        pauses = [events.growing(tries) for tries in range(8)]
        assert [pause.total_seconds() / 60 for pause in pauses[:4]] == [5, 15, 45, 135]
        assert sum(pauses[:7], timedelta()) > timedelta(days=3)
        assert events.growing(50) == events.growing(10)

    def test_are_those_of_a_consumer_that_says_nothing(self, settings):
        settings.LOYALTY_MAIL_ATTEMPTS = 2
        consumer = Consumer(topics=(), deliver=Hearing())
        assert (consumer.pause, consumer.tries()) == (events.growing, 2)
        assert replace(consumer, tries=lambda: 5).tries() == 5
