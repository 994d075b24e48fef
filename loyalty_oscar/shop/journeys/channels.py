"""Letters of campaigns leave: whether one may go is asked as it leaves, for all channels alike."""

from __future__ import annotations

from datetime import datetime, timedelta

from loyalty_oscar.journeys.channels import LETTER, Message, channels
from loyalty_oscar.journeys.models import Occurrence
from loyalty_oscar.journeys.telling import skip, take_leave, to_be_told, why_not_told
from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.errors import in_short
from loyalty_oscar.people.contacts import may_write_from
from loyalty_oscar.program import words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.events import NotSent, NotYet, PerhapsSent
from loyalty_oscar.program.models import Event, State

from ..notices.letters import language_of
from ..notices.refusals import nothing_left
from .messages import message_about, why_empty

#: So often it is asked whether a program that is paused goes on: nobody knows when.
LOOK_AGAIN = timedelta(hours=1)


def deliver_by(*, code: str, event: Event, at: datetime) -> str:
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
    _wait(occurrence, at)
    with language_of(user=member.user) as language:
        message = message_about(occurrence=occurrence, key=event.key, language=language, at=at)
        if message is None:
            return "nothing left to tell"
        if why := why_empty(message=message, campaign=occurrence.campaign):
            return _skipped(occurrence, why, at)
        if not take_leave(occurrence=occurrence, at=at):
            days = occurrence.campaign.program.letter_days
            raise NotYet(until=may_write_from(member_id=member.pk, letter_days=days) or at)
        _send(code, message)
    return ""


def _send(code: str, message: Message) -> None:
    """Let a channel send; where no error says that nothing left, nobody knows, and a letter comes at most once."""
    try:
        channels.get(code).send(message=message)
    except (NotSent, PerhapsSent):
        raise
    except Exception as error:
        raise (NotSent if nothing_left(error=error) else PerhapsSent)(in_short(error)) from error


def _skipped(occurrence: Occurrence, code: str, at: datetime) -> str:
    skip(occurrence=occurrence, code=code, at=at)
    return words.why({"c": code})


def _wait(occurrence: Occurrence, at: datetime) -> None:
    """Raise `NotYet` while the program is paused, and at night."""
    program = occurrence.campaign.program
    if program.state == State.PAUSED:
        raise NotYet(until=at + LOOK_AGAIN)
    until = periods.daytime(at=at, zone=program.time_zone, hours=conf.DAYTIME)
    if until > at:
        raise NotYet(until=until)


channels.deliver = deliver_by
