"""Whether a notice arrived: what the mail server said, what came back, and what was seen with one's own eyes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac
from oscar.core.loading import get_model

from loyalty_oscar.kernel.mailbox import plain_email
from loyalty_oscar.people.contacts import has_bounced, note_bounce
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Notice

#: A mail counts as delivered when no bounce was reported for so long after the server took it.
QUIET_TIME = timedelta(hours=48)
#: A bounce is laid to the mails of so many days before it.
BOUNCE_DAYS = timedelta(days=7)
#: So many old rows of the inbox are looked at in one step.
OLD_AT_ONCE = 500
#: Of an address that mail came back from stays a hash under this name.
SALT = "loyalty_oscar.shop.notices.bounced"


def seen(*, member: Member, at: datetime) -> None:
    """Write down that a member, signed in, saw the page with all coming expiries. Writes where there is news only."""
    news = Notice.objects.using(write_db()).filter(member=member, seen_at=None).exclude(about="")
    if news.exists():
        news.update(seen_at=at)


def report_bounce(*, email: str, at: datetime) -> int:
    """
    Tell that mail to an address came back; returns how many notices that concerns.

    For the shop's own bounce handling (a webhook of its mail service, a job that reads the return mailbox).
    Mails sent to this address in the 7 days before `at` count as not delivered, and letters of campaigns go there no
    more.
    """
    field = get_user_model().get_email_field_name()
    whose = Member.objects.using(write_db()).filter(**{f"user__{field}__iexact": email.strip()})
    note_bounce(member_ids=list(whose.values_list("pk", flat=True)), mark=_mark(email))
    sent = Notice.objects.using(write_db()).filter(sent_at__gt=at - BOUNCE_DAYS, sent_at__lte=at, bounced_at=None)
    sent = sent.exclude(about="")
    ids = list(sent.filter(**{f"member__user__{field}__iexact": email.strip()}).values_list("pk", flat=True))
    return Notice.objects.using(write_db()).filter(pk__in=ids).update(bounced_at=at)


def is_reached(*, member: Member) -> bool:
    """Return whether a member has an address from which nothing came back. One query, and none without an address."""
    email = getattr(member.user, "email", "")
    return bool(email) and not has_bounced(member_id=member.pk, mark=_mark(email))


def _mark(email: str) -> str:
    """Return the keyed hash of an address."""
    return salted_hmac(SALT, plain_email(email=email), algorithm="sha256").hexdigest()


def told(*, topic: str, abouts: Iterable[str], at: datetime) -> set[str]:
    """Return which of these dates (`Notice.about`) were really announced to their owners by a moment."""
    rows = list(Notice.objects.using(write_db()).filter(topic=topic, about__in=list(abouts)))
    read = _read([row.inbox_id for row in rows if row.inbox_id not in ("", "-")])
    return {row.about for row in rows if row.seen_at or row.inbox_id in read or _delivered(row, at)}


def clear_inbox(*, at: datetime) -> int:
    """
    Take what is old out of Oscar's inbox: unread rows go, read ones into the archive. Returns how many.

    That a date was read of there counts as told, so nothing is marked as read.
    """
    return _put_away(Notice.objects.using(write_db()).filter(until__lte=at))


def replace_in_inbox(*, topic: str, key: str) -> int:
    """Take out of Oscar's inbox what told of the same dates before an event: it says the same. Returns how many."""
    notices = Notice.objects.using(write_db()).filter(topic=topic)
    told = dict(notices.filter(key=key).exclude(about="").values_list("about", "created_at"))
    before = notices.filter(about__in=told, until__isnull=False).exclude(key=key)
    return _put_away(before.filter(created_at__lte=min(told.values()))) if told else 0


def _put_away(notices: QuerySet[Notice]) -> int:
    ids = {row.pk: row.inbox_id for row in notices.exclude(inbox_id="").order_by("pk")[:OLD_AT_ONCE]}
    model = get_model("communication", "Notification")
    rows = model.objects.using(write_db()).filter(pk__in=[pk for pk in ids.values() if pk != "-"])
    rows.filter(date_read=None).delete()
    rows.update(location=model.ARCHIVE)
    return Notice.objects.using(write_db()).filter(pk__in=list(ids)).update(until=None)


def stage_of(*, days: Collection[int], date: datetime, at: datetime) -> int:
    """Return which notice is due of a date: of these days before it, the fewest that have begun."""
    return min(before for before in days if date <= at + timedelta(days=before))


def _delivered(row: Notice, at: datetime) -> bool:
    return row.accepted_at is not None and row.bounced_at is None and row.accepted_at + QUIET_TIME <= at


def _read(inbox_ids: list[str]) -> set[str]:
    rows = (
        get_model("communication", "Notification")
        .objects.using(write_db())
        .filter(~Q(date_read=None), pk__in=inbox_ids)
    )
    return {str(pk) for pk in rows.values_list("pk", flat=True)}
