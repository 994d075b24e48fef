"""
Letters of campaigns leave: by mail, and by every channel that a store has registered (SMS, push).

Each channel is a consumer of its own that is not tried again where nobody knows how a try ended: a letter comes at most
once. Whether it may go is asked as it leaves, for all channels alike.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Protocol

from loyalty_oscar.journeys.giving import LETTER
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.telling import skip, take_leave, to_be_told, why_not_told
from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.people.contacts import may_write_from
from loyalty_oscar.program import words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.events import Consumer, NotYet, consumers
from loyalty_oscar.program.models import Event, Member

from ..notices.letters import language_of
from .messages import Message, message_about


class Channel(Protocol):
    """A way in which letters of campaigns reach members."""

    def reaches(self, *, member: Member) -> bool:
        """Return whether it knows where to reach a member; `member.user` is loaded."""
        ...

    def send(self, *, message: Message) -> None:
        """Send a message. What it raises is written down, and the message is tried again after a pause."""
        ...


class Channels(Registry[Channel]):
    """Channels by code, each with a consumer of its own, as which messages are listed (`campaign-sms`)."""

    def register(self, code: str) -> Callable[[Channel], Channel]:
        """Return a decorator that stores a channel under `code`, and has it told of letters from then on."""
        keep = super().register(code)
        consumer = Consumer(topics=(LETTER,), deliver=partial(deliver_by, code), is_repeatable=False)

        def place(channel: Channel) -> Channel:
            consumers.register(_name(code))(consumer)
            return keep(channel)

        return place

    def unregister(self, code: str) -> None:
        """Forget a channel with its consumer; unknown codes are fine."""
        super().unregister(code)
        consumers.unregister(_name(code))


channels: Channels = Channels("channel", Channel)


def _name(code: str) -> str:
    return f"campaign-{code}"


def deliver_by(code: str, /, *, event: Event, at: datetime) -> str:
    """Let a channel tell of an event, or return why it does not. Raises `NotYet` for what leaves later."""
    if LETTER in conf.UNTOLD_TOPICS:
        return "switched off"
    occurrence = to_be_told(occurrence_id=event.payload.get("occurrence", 0))
    if occurrence is None:
        return "nothing left to tell"
    if why := why_not_told(occurrence=occurrence, at=at):
        return _skipped(occurrence, why, at)
    member = occurrence.member
    if not channels.get(code).reaches(member=member):
        if any(channel.reaches(member=member) for _code, channel in channels.items()):
            return "no address"
        return _skipped(occurrence, "no_address", at)
    _wait_for_day(occurrence, at)
    with language_of(user=member.user) as language:
        message = message_about(occurrence=occurrence, key=event.key, language=language, at=at)
        if message is None:
            return "nothing left to tell"
        if not take_leave(occurrence=occurrence, at=at):
            days = occurrence.campaign.program.letter_days
            raise NotYet(until=may_write_from(member_id=member.pk, letter_days=days) or at)
        channels.get(code).send(message=message)
    return ""


def _skipped(occurrence: Occurrence, code: str, at: datetime) -> str:
    skip(occurrence=occurrence, code=code, at=at)
    return words.why({"c": code})


def _wait_for_day(occurrence: Occurrence, at: datetime) -> None:
    zone = occurrence.campaign.program.time_zone
    until = periods.daytime(at=at, zone=zone, hours=conf.DAYTIME)
    if until > at:
        raise NotYet(until=until)
