"""The one message that a member asked for: what they agree to, and the letter when the sale opens for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.exclusives import reminders, rules
from loyalty_oscar.exclusives.models import Reminder, Sale
from loyalty_oscar.exclusives.queries import dates_of, sales_in_force, with_doors
from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event, Unit

from ..notices.letters import Letter, MailKind, frame, inbox_links, letters, mail_kinds, site_of, through_login
from .visitors import who_visits
from .words import on_day


def consent(*, email: str) -> str:
    """Return what stands beside the button: to what somebody agrees who presses it."""
    if not email:
        return pgettext("loyalty", "One message in your inbox when this sale opens for you, nothing else.")
    text = pgettext("loyalty", "One message to %(email)s and in your inbox when this sale opens for you, nothing else.")
    return text % {"email": email}


@contributions.register("sale:locked", "reminder")
def asked(*, subject: Sale, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the button on the page of a locked sale, or when it was pressed. One query, for members only."""
    visit, user = request.loyalty, request.user
    if not user.is_authenticated:
        return None
    found = reminders.waits(sale=subject, member=visit.member) if visit.member else None
    since = words.day(found.asked_at, zone=subject.program.time_zone) if found else ""
    opens_at = rules.admission(sale=subject.dates, who=who_visits(visit=visit), at=clock.now()).opens_at
    day = on_day(at=opens_at, sale=subject) if opens_at else ""
    told = {"reminder": found, "since": since, "day": day, "consent": consent(email=getattr(user, "email", ""))}
    return "loyalty/widgets/remind.html", {"sale": subject, **told}


@contributions.register("account:mails", "reminders")
def waiting(*, subject: Unit, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the sales that a member asked to be told of, each with the way to take that back."""
    member = request.loyalty.member
    rows = reminders.waiting_of(member_id=member.pk) if member else []
    zone = subject.program.time_zone
    found = [{"sale": row.sale, "since": words.day(row.asked_at, zone=zone)} for row in rows]
    return ("loyalty/widgets/reminders.html", {"rows": found}) if found else None


@letters.register(reminders.TOPIC)
def sale_open(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter that a sale is open; None where it is closed to the member again, or over, or taken back."""
    member = event.member
    rows = Reminder.objects.using(write_db()).filter(sale_id=event.payload.get("sale"), member=member)
    row = rows.select_related("sale").prefetch_related(with_doors(to="sale__doors")).first()
    if row is None or not row.sale.is_on:
        return None
    dates, who = dates_of(sale=row.sale), reminders.who_are(member_ids=[member.pk], at=at)[member.pk]
    if not rules.admission(sale=dates, who=who, at=at).buys:
        return None
    return Letter(code="LOYALTY_SALE_OPEN", context=_context(event, row, dates, at), until=row.sale.ends_at)


inbox_links.register(reminders.TOPIC)(lambda: pgettext("loyalty", "See the sale"))


def _context(event: Event, row: Reminder, dates: rules.SaleTerms, at: datetime) -> dict[str, Any]:
    sale, zone = row.sale, event.member.program.time_zone
    is_public = rules.is_public(sale=dates, at=at)
    site = site_of(member=event.member)
    return {
        **frame(user=event.member.user, site=site, program=event.member.program),
        "sale": sale.name,
        "points": sale.name,
        "public_day": words.day(sale.public_from, zone=zone) if sale.public_from and not is_public else "",
        "end_day": words.last_day(sale.ends_at, zone=zone) if sale.ends_at else "",
        "asked_day": words.day(row.asked_at, zone=zone),
        "link": through_login(site=site, path=reverse("loyalty:sale", kwargs={"code": sale.code})),
    }


mail_kinds.register(reminders.TOPIC)(
    MailKind(
        text=lambda: pgettext("loyalty", "A sale that opens for you, if you asked"),
        belongs=lambda program: bool(sales_in_force(program_id=program.pk)),
    )
)
