"""
Events: what happened is written once, in the transaction in which it happened; who wants it gets it later, by the jobs.

Whoever announces knows no consumer, and a consumer knows events alone. `delivery` brings the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import QuerySet
from django.utils.functional import Promise

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.registry import Registry

from .conf import conf
from .db import write_db
from .models import Delivery, Event, Notice
from .rows import write_rows

#: Of a try that is not made again though nobody knows how it ended.
PERHAPS = "perhaps sent"
#: After the first try; each further pause is three times as long, so eight tries outlast a long weekend.
FIRST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """
    A kind of event: what it says that happened, and the fields of its payload, each with what stands in it. `title` is
    what staff read; without one it is the topic's code.

    A field may be added. One that goes or changes its meaning makes `version` one higher, because shops read it.
    """

    text: str
    title: str | Promise = ""
    payload: Mapping[str, str] = field(default_factory=dict)
    version: int = 1


class Deliver(Protocol):
    """
    Does what a consumer does about an event, outside of any transaction.

    Returns "" when it is done, or in a few words why there was nothing to do. It may raise `NotYet`. What else it
    raises is written down, and it is tried again after a pause, unless it must not come twice and perhaps came
    (`PerhapsSent`). `event.member` and its `user` and `program` are loaded.
    """

    def __call__(self, *, event: Event, at: datetime) -> str: ...


class NotYet(LoyaltyError):
    """A consumer says that somebody is to be told later; it is called again then, and this was no try."""

    def __init__(self, *, until: datetime) -> None:
        super().__init__(f"not before {until.isoformat()}")
        self.until = until


class NotSent(LoyaltyError):
    """Nothing has left, and whoever was to be told knows nothing: it is tried again after a pause."""


class PerhapsSent(LoyaltyError):
    """Nobody knows whether something has left: what is not to come twice is not tried again."""


def growing(tries: int) -> timedelta:
    """Return the pause after so many tries before this one: 5 minutes, and each time three times as long."""
    return FIRST_PAUSE * 3 ** min(tries, 10)


def most_tries() -> int:
    """Return how often the shop has a message tried."""
    return conf.MAIL_ATTEMPTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumer:
    """
    Somebody who gets events of some topics from the moment of its registration on; older ones never.

    At least once, unless `is_repeatable` is false: then a try whose process died, or that raised `PerhapsSent`, is not
    made again, and its delivery says "perhaps sent". `pause` answers with the pause after so many tries, `tries`
    how many there are at most.
    """

    topics: Container[str]
    deliver: Deliver
    is_repeatable: bool = True
    pause: Callable[[int], timedelta] = growing
    tries: Callable[[], int] = most_tries


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """What is to be announced: the fields of `announce`."""

    topic: str
    key: str
    member_id: int | None
    payload: Mapping[str, Any]
    at: datetime
    abouts: Mapping[str, int] = field(default_factory=dict)


#: topic -> what it says; docs/reference/events.md is made of these.
topics: Registry[Topic] = Registry("topic")
#: name -> consumer; the name stands in each of its deliveries.
consumers: Registry[Consumer] = Registry("consumer", Consumer)


def title_of(*, topic: str) -> str:
    """Return what staff read for a topic; one of a store's own without a title is called by its code."""
    return str(topics.get(topic).title or topic) if topic in topics else topic


def announce(
    *,
    topic: str,
    key: str,
    member_id: int | None,
    payload: Mapping[str, Any],
    at: datetime,
    abouts: Mapping[str, int] | None = None,
) -> None:
    """
    Write down that something happened, in the caller's transaction. The same topic and key come once only.

    `abouts` are dates that bind only if they were announced (`Notice.about`), each with how many days before this is:
    whether it arrives is written down.
    Raises `UnknownCode` or `LoyaltyError` where the topic is not registered with these fields of the payload.
    """
    happening = Happening(topic=topic, key=key, member_id=member_id, payload=payload, at=at, abouts=abouts or {})
    announce_many(happenings=[happening])


def announce_many(*, happenings: Sequence[Happening]) -> None:
    """Announce many; those that were announced already are left alone. One query, and one for those with `abouts`."""
    for one in happenings:
        if one.payload.keys() != topics.get(one.topic).payload.keys():
            raise LoyaltyError(f"the payload of {one.topic} is {', '.join(topics.get(one.topic).payload)}")
    names = ("topic", "key", "member_id", "payload", "at")
    events = [Event(**{name: getattr(one, name) for name in names}) for one in happenings]
    write_rows(rows=events, skip=True)
    notices = [
        Notice(topic=one.topic, key=one.key, member_id=one.member_id, about=about, stage=stage, created_at=one.at)
        for one in happenings
        if one.member_id is not None
        for about, stage in one.abouts.items()
    ]
    write_rows(rows=notices, skip=True)


def unannounced(*, topic: str, happenings: Iterable[Happening]) -> list[Happening]:
    """Return those of one topic that were not announced yet, each once. One query."""
    by_key = {one.key: one for one in happenings}
    there = Event.objects.using(write_db()).filter(topic=topic, key__in=list(by_key))
    for key in there.values_list("key", flat=True):
        del by_key[key]
    return list(by_key.values())


def announced(*, topics: Collection[str], key: str) -> QuerySet[Event]:
    """Return the events of these topics and a key that there are already, for a query that asks for more."""
    return Event.objects.using(write_db()).filter(topic__in=topics, key=key)


def tell_again(*, topics: Collection[str], key: str, at: datetime) -> None:
    """
    Have those told of the events of a key who were not, because there was nothing to tell by then: now there is again.

    Whom something was told, perhaps told, or is told yet, hears nothing more. One statement.
    """
    events = announced(topics=topics, key=key)
    closed = Delivery.objects.using(write_db()).filter(event__in=events, is_open=False)
    closed = closed.exclude(error="").exclude(error__startswith=PERHAPS)
    closed.update(is_open=True, attempts=0, next_at=at, done_at=None, error="")


def withdraw(*, topic: str, prefix: str) -> None:
    """Take back the events of a topic whose keys begin so, from every consumer who has not been told yet."""
    events = Event.objects.using(write_db()).filter(topic=topic, key__startswith=prefix)
    Delivery.objects.using(write_db()).filter(event__in=events, is_open=True).delete()
    events.filter(deliveries=None).delete()


def forget(*, member_id: int, at: datetime) -> None:
    """Let nobody be told of a member any more, and drop what was written down of what they were told."""
    deliveries = Delivery.objects.using(write_db()).filter(event__member_id=member_id)
    # What a mail server said when it refused somebody names them.
    deliveries.filter(is_open=False).update(error="")
    deliveries.filter(is_open=True).update(is_open=False, done_at=at, error="nobody to tell")
    Event.objects.using(write_db()).filter(member_id=member_id).update(payload={}, is_new=False)
    Notice.objects.using(write_db()).filter(member_id=member_id).delete()
