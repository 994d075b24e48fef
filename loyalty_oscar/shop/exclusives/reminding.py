"""The one message that a member asked for: what they agree to, and the letter when the sale opens for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.translation import pgettext

from loyalty_oscar.exclusives import reminders, rules
from loyalty_oscar.exclusives.models import Reminder, Sale
from loyalty_oscar.exclusives.queries import dates_of, with_doors
from loyalty_oscar.program import contributions, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Outbox

from ..models import Notice
from ..notices.letters import Letter, absolute, first_name, site_of, topics

KIND = "sale"


def consent(*, email: str) -> str:
    """Return what stands beside the button: to what somebody agrees who presses it."""
    if not email:
        return pgettext("loyalty", "One message in your inbox when this sale opens for you, and no other.")
    text = pgettext("loyalty", "One message to %(email)s and in your inbox when this sale opens for you, and no other.")
    return text % {"email": email}


@contributions.register("sale:locked", "reminder")
def asked(*, subject: Sale, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the button on the page of a locked sale, or when it was pressed. One query, for members only."""
    visit, user = request.loyalty, request.user
    if not user.is_authenticated:
        return None
    found = reminders.waits(sale=subject, member=visit.member) if visit.member else None
    since = words.day(found.asked_at, zone=subject.program.time_zone) if found else ""
    told = {"reminder": found, "since": since, "consent": consent(email=getattr(user, "email", ""))}
    return "loyalty/widgets/remind.html", {"sale": subject, **told}


def tell(*, at: datetime) -> Iterator[int]:
    """Put the messages on their way, each with its row for Oscar's inbox; yields how many."""
    yield from reminders.tell(at=at, also=_note)


def _note(rows: Sequence[Reminder], at: datetime) -> None:
    found = []
    for row in rows:
        key = reminders.key_of(row=row)
        found.append(Notice(member_id=row.member_id, kind=KIND, about=f"sale:{row.sale_id}", key=key, created_at=at))
    Notice.objects.using(write_db()).bulk_create(found, ignore_conflicts=True)


@topics.register(reminders.TOPIC)
def sale_open(*, message: Outbox, at: datetime) -> Letter | None:
    """Write the letter that a sale is open; None where it is closed to the member again, or over, or taken back."""
    member = message.member
    rows = Reminder.objects.using(write_db()).filter(sale_id=message.payload.get("sale"), member=member)
    row = rows.select_related("sale").prefetch_related(with_doors(to="sale__doors")).first()
    notice = Notice.objects.using(write_db()).filter(kind=KIND, key=message.key).first()
    if row is None or notice is None or not row.sale.is_on:
        return None
    dates, who = dates_of(sale=row.sale), reminders.who_are(member_ids=[member.pk], at=at)[member.pk]
    if not rules.admission(sale=dates, who=who, at=at).buys:
        return None
    context = _context(message, row, dates, at)
    subject = pgettext("loyalty", "%(sale)s is open for you") % {"sale": conditional_escape(row.sale.name)}
    text = pgettext("loyalty", "See the sale")
    inbox = subject[:255], format_html('<a href="{}">{}</a>', context["link"], text)
    return Letter(code="LOYALTY_SALE_OPEN", context=context, notice=notice, inbox=inbox)


def _context(message: Outbox, row: Reminder, dates: rules.Sale, at: datetime) -> dict[str, Any]:
    sale, zone = row.sale, message.member.program.time_zone
    is_public = rules.is_public(sale=dates, at=at)
    return {
        "first_name": first_name(user=message.member.user),
        "shop_name": settings.OSCAR_SHOP_NAME,
        "program_name": message.member.program.name,
        "sale": sale.name,
        "points": sale.name,
        "public_day": words.day(sale.public_from, zone=zone) if sale.public_from and not is_public else "",
        "end_day": words.day(sale.ends_at, zone=zone) if sale.ends_at else "",
        "asked_day": words.day(row.asked_at, zone=zone),
        "link": absolute(site=site_of(member=message.member), path=reverse("loyalty:sale", kwargs={"code": sale.code})),
    }
