"""
Members are told of events: by a mail through Oscar's dispatcher and its communication templates, and in Oscar's inbox.

The two are consumers of their own: a mail server that is down keeps nothing out of the inbox, and the other way round.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.core.mail import get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.utils.html import conditional_escape, format_html
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.errors import in_short
from loyalty_oscar.people.queries import unwanted_mails
from loyalty_oscar.program import delivery
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Consumer, NotSent, NotYet, PerhapsSent, consumers
from loyalty_oscar.program.models import Event, Member, Notice
from loyalty_oscar.program.rows import write_rows

from .arrival import replace_in_inbox
from .letters import Letter, SiteRequest, inbox_links, is_optional, language_of, letters, site_of, timings, write
from .refusals import nothing_left

logger = logging.getLogger("loyalty_oscar")
INBOX = "inbox"
#: Who keeps mails instead of having them sent, within `kept_back`.
_keeper: ContextVar[Callable[[Member, Mapping[str, Any]], None] | None] = ContextVar("loyalty_keeper", default=None)


@contextmanager
def kept_back(*, keep: Callable[[Member, Mapping[str, Any]], None]) -> Iterator[None]:
    """
    Send no mail within the block: `keep` gets the member and what each would say (`subject`, `body`, `html`) instead,
    and it counts as taken by a mail server. Mails of other threads leave as ever.
    """
    token = _keeper.set(keep)
    try:
        yield
    finally:
        _keeper.reset(token)


class Stamping:
    """
    A mail connection that gives each message its headers and remembers what the server was handed (`asked`), and what
    it took (`taken`).

    It is opened first and closed last, so that what fails then is not taken for a message that did not leave, or did.
    """

    def __init__(self, *, connection: Any, headers: Mapping[str, str]) -> None:
        self.connection, self.headers = connection, headers
        self.asked = self.taken = 0

    def send_messages(self, messages: list[Any]) -> int:
        for message in messages:
            message.extra_headers = {**self.headers, **message.extra_headers}
            message.message()  # What is no mail, because of a line break in an address, say, is said before it leaves.
        is_ours = self.connection.open()
        try:
            self.asked += len(messages)
            answer = self.connection.send_messages(messages)
            # Django's own backends count; some others say nothing when all went well.
            taken = answer if isinstance(answer, int) else len(messages)
            self.taken += taken
        finally:
            if is_ours:
                self.connection.close()
        return taken


def deliver(*, at: datetime) -> Iterator[int]:
    """Let each consumer have what is due and yield after each batch how many messages left the shop."""
    for name, told in delivery.deliver(at=at):
        # What lies in the inbox has not left.
        yield 0 if name == INBOX else told


def by_mail(*, event: Event, at: datetime) -> str:
    """Mail the letter about an event, or return why it needs none. Raises `NotYet` for one that leaves later."""
    return _told(event, at, _mail)


def into_inbox(*, event: Event, at: datetime) -> str:
    """Put an event into Oscar's inbox, or return why it needs not be there. Raises `NotYet`."""
    return _told(event, at, _put_in_inbox)


def _told(event: Event, at: datetime, tell: Callable[[Event, Letter, datetime], str]) -> str:
    if event.topic in conf.UNTOLD_TOPICS:
        return "switched off"
    member = event.member
    if member is None or member.user is None or member.erased_at:
        return "nobody to tell"
    if event.topic in timings and (due := timings.get(event.topic)(event=event, at=at)) > at:
        raise NotYet(until=due)
    with language_of(user=member.user):
        letter = write(event=event, at=at)
        return tell(event, letter, at) if letter else "nothing left to tell"


def _mail(event: Event, letter: Letter, at: datetime) -> str:
    user = event.member.user
    if not getattr(user, "email", ""):
        return "no address"
    if is_optional(topic=event.topic) and event.topic in unwanted_mails(member_id=event.member_id):
        return "not wanted"
    notices = _notices(event).exclude(about="")
    notices.filter(sent_at=None).update(sent_at=at)
    # A dispatcher of the shop's own that mails in another way cannot say whether a server took it.
    if dispatch(topic=event.topic, key=event.key, member=event.member, letter=letter):
        notices.update(accepted_at=at)
    return ""


def dispatch(*, topic: str, key: str, member: Member, letter: Letter) -> bool:
    """
    Mail a letter about the event of a topic and key to a member; returns whether a mail server said that it took it.

    Raises `NotSent` where it said that it did not, `PerhapsSent` where the letter was handed over and no answer came,
    and what else went wrong before.
    """
    user, site = member.user, site_of(member=member)
    message_id = f"<{topic}.{key.replace(':', '.')}@{site.domain.partition(':')[0]}>"
    headers = {"Message-ID": message_id, "Auto-Submitted": "auto-generated", **letter.headers}
    stamping = Stamping(connection=get_connection(), headers=headers)
    dispatcher = get_class("communication.utils", "Dispatcher")(mail_connection=stamping)
    context = {"user": user, "request": SiteRequest(site=site), **letter.context}
    said = dispatcher.get_messages(letter.code, context)
    if keep := _keeper.get():
        keep(member, said)
        return True
    try:
        if letter.is_kept:
            dispatcher.dispatch_user_messages(user, said)
        else:
            dispatcher.dispatch_direct_messages(user.email, said)
    except Exception as error:
        # Oscar keeps a copy after the mail has left: sent is sent, and once more would be twice.
        if not stamping.taken:
            if stamping.asked and not nothing_left(error=error):
                raise PerhapsSent(in_short(error)) from error
            raise
        logger.exception("message %s was sent; what was to be done after that failed", message_id)
    if stamping.taken < stamping.asked:
        raise NotSent("the mail server did not take the message")
    return bool(stamping.taken)


def _put_in_inbox(event: Event, letter: Letter, at: datetime) -> str:
    """Put the letter into Oscar's inbox, once however often it is tried."""
    user = event.member.user
    dispatcher = get_class("communication.utils", "Dispatcher")()
    request = SiteRequest(site=site_of(member=event.member))
    nameless = {"user": user, "request": request, **letter.context, "first_name": ""}
    said = dispatcher.get_messages(letter.code, nameless)
    subject = conditional_escape(said["subject"])[:255]
    body = format_html('<a href="{}">{}</a>', letter.context["link"], inbox_links.get(event.topic)())
    with transaction.atomic(using=write_db()):
        if not _notices(event).exists():
            made = Notice(topic=event.topic, key=event.key, member=event.member, about="", created_at=event.at)
            write_rows(rows=[made], skip=True)
        if not _notices(event).filter(inbox_id="").update(inbox_id="-", until=letter.until):
            return "it is there"
        replace_in_inbox(topic=event.topic, key=event.key)
        dispatcher.notify_user(user, subject, body=body)
        rows = get_model("communication", "Notification").objects.using(write_db())
        if row := rows.filter(recipient=user, subject=subject).first():
            _notices(event).update(inbox_id=str(row.pk))
    return ""


def _notices(event: Event) -> QuerySet[Notice]:
    """Return the rows that say whether the event arrived, one for each date that it announces."""
    return Notice.objects.using(write_db()).filter(topic=event.topic, key=event.key)


consumers.register("mail")(Consumer(topics=letters, deliver=by_mail))
consumers.register(INBOX)(Consumer(topics=inbox_links, deliver=into_inbox))
