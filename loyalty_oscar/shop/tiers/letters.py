"""The letters about levels: reached, about to end, ended. They belong to the contract and hold no offer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.translation import pgettext

from loyalty_oscar.kernel import periods
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event, Member, Unit
from loyalty_oscar.tiers.models import Ladder, Standing
from loyalty_oscar.tiers.queries import ladder_of, progress_of, tier_name
from loyalty_oscar.tiers.steps import DOWN, UP
from loyalty_oscar.tiers.words import counted

from ..notices.letters import Letter, absolute, balances, first_name, inbox_texts, letters, site_of
from .benefits import own
from .jobs import TOPIC


def shared(*, member: Member, standing: Standing) -> dict[str, Any]:
    """Return the context that every letter about a level has."""
    account = Account.objects.using(write_db()).filter(member=member).select_related("unit__program")
    account, zone = account.order_by("unit_id").first(), member.program.time_zone
    name = tier_name(tier=standing.tier) if standing.tier else ""
    return {
        "first_name": first_name(user=member.user),
        "shop_name": settings.OSCAR_SHOP_NAME,
        "program_name": member.program.name,
        "unit": account.unit if account else None,
        "balances": balances(account=account, unit=account.unit) if account else [],
        "link": absolute(site=site_of(member=member), path=reverse("loyalty:overview")),
        "tier": name,
        "points": name or pgettext("loyalty", "No level"),
        "day": last_day(standing.kept_until, zone) if standing.kept_until else "",
        "is_given": standing.because.get("c") == "tier_given",
    }


def last_day(moment: datetime, zone: str) -> str:
    """Return the last day before an exclusive instant, in words."""
    return words.day(periods.last_day(expires_at=moment, zone=zone), zone=zone)


def _standing(event: Event) -> Standing | None:
    """Return the standing that an event is about, if the member still stands there."""
    rows = Standing.objects.using(write_db()).filter(pk=event.payload["standing"], is_current=True)
    return rows.select_related("tier").first()


@letters.register(UP)
def tier_up(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about a level that was reached or given; None where the member no longer stands on it."""
    standing = _standing(event)
    if standing is None or standing.tier is None:
        return None
    context = shared(member=event.member, standing=standing)
    unit = context["unit"]
    brings = own(tier=standing.tier, unit=unit) if unit else []
    return Letter(code="LOYALTY_TIER_UP", context=context | {"brings": brings})


@letters.register(DOWN)
def tier_down(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about a level that ended; None where the member stands elsewhere by now."""
    standing = _standing(event)
    if standing is None:
        return None
    before = (
        Standing.objects.using(write_db()).filter(member_id=event.member_id, pk__lt=standing.pk).select_related("tier")
    )
    last = before.order_by("-pk").first()
    was = tier_name(tier=last.tier) if last and last.tier else ""
    context = shared(member=event.member, standing=standing) | {"was": was}
    return Letter(code="LOYALTY_TIER_DOWN", context=context)


@letters.register(TOPIC)
def tier_ending(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter that a level ends and what keeps it; None where it is kept, put off or gone meanwhile."""
    standing = _standing(event)
    ladder = ladder_of(program_id=event.member.program_id)
    if standing is None or standing.tier is None or ladder is None:
        return None
    if standing.kept_until is None or standing.kept_until.isoformat() != event.payload["kept_until"]:
        return None
    context = shared(member=event.member, standing=standing)
    context |= _keeping(ladder, standing, context["unit"], at)
    return Letter(code="LOYALTY_TIER_ENDING", context=context, has_notice=True)


@inbox_texts.register(TOPIC)
def in_inbox(*, context: Mapping[str, Any]) -> tuple[str, str]:
    """Return the same as a row of Oscar's inbox."""
    subject = pgettext("loyalty", "%(tier)s is yours until %(day)s") % {
        "tier": conditional_escape(context["tier"]),
        "day": context["day"],
    }
    text = pgettext("loyalty", "See what keeps it.")
    return subject[:255], format_html('<a href="{}">{}</a>', context["link"], text)


def _keeping(ladder: Ladder, standing: Standing, unit: Unit | None, at: datetime) -> dict[str, str]:
    found = progress_of(ladder=ladder, member_id=standing.member_id, standing=standing, at=at)
    zone = ladder.program.time_zone
    end = standing.kept_until + timedelta(days=ladder.grace_days)
    return {
        "to_keep": counted(ladder=ladder, value=found.to_keep, unit=unit) if found.to_keep else "",
        "grace_day": last_day(end, zone) if ladder.grace_days else "",
    }
