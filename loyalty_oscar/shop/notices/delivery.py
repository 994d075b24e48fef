"""
The outbox leaves: through Oscar's dispatcher and its communication templates, at least once each.

A message is taken by moving its next try ahead, in a short transaction; the mail server is spoken to outside of
any. Whoever dies on the way leaves a message that comes due again by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import get_connection
from django.db import connections, transaction
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.errors import LoyaltyError, in_short
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Outbox

from ..models import Notice
from .letters import Letter, language_of, site_of, topics, write

logger = logging.getLogger("loyalty_oscar")
BATCH = 20
#: After the first try; each further pause is three times as long, so eight tries outlast a long weekend.
FIRST_PAUSE = timedelta(minutes=5)


class NotSent(LoyaltyError):
    """The mail server did not take a message."""


class Stamping:
    """A mail connection that gives each message its id and remembers what the server took."""

    def __init__(self, *, connection: Any, message_id: str) -> None:
        self.connection, self.message_id = connection, message_id
        self.asked = self.taken = 0

    def send_messages(self, messages: list[Any]) -> int:
        for message in messages:
            message.extra_headers.setdefault("Message-ID", self.message_id)
            message.extra_headers.setdefault("Auto-Submitted", "auto-generated")
        self.asked += len(messages)
        answer = self.connection.send_messages(messages)
        # Django's own backends count; some others say nothing when all went well.
        taken = answer if isinstance(answer, int) else len(messages)
        self.taken += taken
        return taken


def deliver(*, at: datetime) -> Iterator[int]:
    """Send what is due and yield after each batch how many messages left; a failure is tried again later."""
    while messages := _take(at):
        yield sum(_send_one(message, at) for message in messages)


def _take(at: datetime) -> list[Outbox]:
    db = write_db()
    skip = connections[db].features.has_select_for_update_skip_locked
    with transaction.atomic(using=db):
        due = Outbox.objects.using(db).filter(is_open=True, next_at__lte=at, topic__in=list(topics))
        rows = list(due.select_for_update(skip_locked=skip).order_by("next_at", "pk")[:BATCH])
        for row in rows:
            row.next_at = at + FIRST_PAUSE * 3 ** min(row.attempts, 10)
            row.attempts += 1
        Outbox.objects.using(db).bulk_update(rows, ["next_at", "attempts"])
    ids = [row.pk for row in rows]
    return list(Outbox.objects.using(db).filter(pk__in=ids).select_related("member__user", "member__program"))


def _send_one(message: Outbox, at: datetime) -> bool:
    """Send one message that was taken; returns whether it left. Never raises."""
    try:
        why_not = _send(message, at)
    except Exception as error:
        logger.warning("message %s could not be sent", message, exc_info=True)
        _note(message, error=in_short(error), is_open=message.attempts < conf.MAIL_ATTEMPTS)
        return False
    _note(message, is_open=False, done_at=at, error=why_not)
    return not why_not


def _note(message: Outbox, **said: Any) -> None:
    """Write what became of a message, if it is still there: a welcome that is undone takes its messages along."""
    Outbox.objects.using(write_db()).filter(pk=message.pk).update(**said)


def _send(message: Outbox, at: datetime) -> str:
    """Send a message, or return why it needs none."""
    member = message.member
    if member is None or member.user is None or member.erased_at:
        return "nobody to tell"
    with language_of(user=member.user):
        letter = write(message=message, at=at)
        if letter is None:
            return "nothing left to tell"
        _put_in_inbox(letter, member.user)
        if not getattr(member.user, "email", ""):
            return "no address"
        _mail(message, letter, at)
    return ""


def _mail(message: Outbox, letter: Letter, at: datetime) -> None:
    dispatcher_class = get_class("communication.utils", "Dispatcher")
    domain = site_of(member=message.member).domain.partition(":")[0]
    message_id = f"<{message.topic}.{message.key.replace(':', '.')}@{domain}>"
    stamping = Stamping(connection=get_connection(), message_id=message_id)
    dispatcher = dispatcher_class(mail_connection=stamping)
    if letter.notice and not letter.notice.sent_at:
        letter.notice.sent_at = at
        letter.notice.save(update_fields=["sent_at"])
    dispatcher.dispatch_user_messages(
        message.member.user, dispatcher.get_messages(letter.code, {"user": message.member.user, **letter.context})
    )
    if stamping.taken < stamping.asked:
        raise NotSent("the mail server did not take the message")
    # A dispatcher of the shop's own that mails in another way cannot say whether a server took it.
    if letter.notice and stamping.taken:
        letter.notice.accepted_at = at
        letter.notice.save(update_fields=["accepted_at"])


def _put_in_inbox(letter: Letter, user: Any) -> None:
    """Put the notice into Oscar's inbox, once however often the mail is tried."""
    if letter.notice is None or letter.inbox is None or letter.notice.inbox_id:
        return
    subject, body = letter.inbox
    with transaction.atomic(using=write_db()):
        get_class("communication.utils", "Dispatcher")().notify_user(user, subject, body=body)
        row = (
            get_model("communication", "Notification")
            .objects.using(write_db())
            .filter(recipient=user, subject=subject)
            .first()
        )
        letter.notice.inbox_id = str(row.pk) if row else "-"
        Notice.objects.using(write_db()).filter(pk=letter.notice.pk).update(inbox_id=letter.notice.inbox_id)
