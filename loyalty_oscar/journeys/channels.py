"""
Channels: the ways in which letters of campaigns reach members. The shop has mail; a store registers SMS or push.

Each is a consumer of its own that is not tried again where nobody knows how a try ended: a letter comes at most once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.program.events import Consumer, consumers
from loyalty_oscar.program.models import Event, Member

#: The topic of what a merchant says.
LETTER = "campaign"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """
    What a campaign says to a member, without markup: in the language that the member reads, or in another one where
    there is no text in it (`language`, a code). `link` leads to the page that it speaks of, `stop_link` is where
    letters are stopped without login. `key` comes once for each message. `answers` are those to its question, where it
    asks one, and `products` what goes with what was bought, where it shows that: the words and the address of each.
    """

    key: str
    member: Member
    subject: str
    text: str
    link: str
    stop_link: str
    language: str
    answers: tuple[tuple[str, str], ...] = ()
    products: tuple[tuple[str, str], ...] = ()


class Channel(Protocol):
    """A way in which letters of campaigns reach members."""

    def reaches(self, *, member: Member) -> bool:
        """Return whether it knows where to reach a member; `member.user` is loaded."""
        ...

    def send(self, *, message: Message) -> None:
        """
        Send a message. What it raises is written down. Only where that says that nothing left the message is tried
        again after a pause: `NotSent`, or that nobody was reached or SMTP or HTTP answered with a refusal. Of every
        other error nobody knows, and a letter comes at most once.
        """
        ...


class Channels(Registry[Channel]):
    """
    Channels by code, each with a consumer of its own, as which messages are listed (`campaign-sms`).

    `deliver(code, event, at)` is what the shop does for a channel: it asks whether a letter may go, and writes it.
    """

    deliver: Callable[..., str]

    def register(self, code: str) -> Callable[[Channel], Channel]:
        """Return a decorator that stores a channel under `code`, and has it told of letters from then on."""
        keep = super().register(code)

        def place(channel: Channel) -> Channel:
            keep(channel)
            consumer = Consumer(topics=(LETTER,), deliver=partial(self._deliver, code), is_repeatable=False)
            if _name(code) not in consumers:
                consumers.register(_name(code))(consumer)
            return channel

        return place

    def _deliver(self, code: str, /, *, event: Event, at: datetime) -> str:
        return self.deliver(code=code, event=event, at=at)

    def unregister(self, code: str) -> None:
        """Forget a channel with its consumer; unknown codes are fine."""
        super().unregister(code)
        consumers.unregister(_name(code))


channels: Channels = Channels("channel", Channel)


def _name(code: str) -> str:
    return f"campaign-{code}"
