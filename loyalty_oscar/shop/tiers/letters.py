"""The letters about levels: reached, about to end, ended. They belong to the contract and hold no offer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event, Member, Unit
from loyalty_oscar.tiers.models import Ladder, Standing
from loyalty_oscar.tiers.moves import DOWN, UP, gifts_had
from loyalty_oscar.tiers.queries import at_least_base, ladder_of, progress_of, tier_name
from loyalty_oscar.tiers.words import counted

from ..notices.letters import (
    Letter,
    MailKind,
    account_of,
    balances,
    frame,
    full,
    in_daytime,
    inbox_links,
    letters,
    mail_kinds,
    site_of,
    through_login,
    timings,
)
from .benefits import benefits
from .jobs import TOPIC


def shared(*, member: Member, standing: Standing) -> dict[str, Any]:
    """Return the context that every letter about a level has."""
    account, zone = account_of(member=member), member.program.time_zone
    ladder = ladder_of(program_id=member.program_id)
    standing = (at_least_base(ladder=ladder, standing=standing) if ladder else None) or standing
    site, tier = site_of(member=member), standing.tier
    name = tier_name(tier=tier) if tier else ""
    return {
        **frame(user=member.user, site=site, program=member.program),
        "unit": account.unit if account else None,
        "balances": balances(account=account, unit=account.unit) if account else [],
        "link": through_login(site=site, path=reverse("loyalty:levels")),
        "tier": name,
        "points": name or pgettext("loyalty", "No level"),
        "tier_picture": full(site=site, address=tier.picture.url) if tier and tier.picture else "",
        "tier_color": tier.color if tier else "",
        "day": words.last_day(standing.kept_until, zone=zone) if standing.kept_until else "",
        "is_given": standing.because.get("c") == "tier_given",
    }


def _standing(event: Event) -> Standing | None:
    """Return the standing that an event is about, if the member still stands there."""
    rows = Standing.objects.using(write_db()).filter(pk=event.payload["standing"], is_current=True)
    return rows.select_related("tier", "member").first()


@letters.register(UP)
def tier_up(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about a level that was reached or given; None where the member no longer stands on it."""
    standing = _standing(event)
    if standing is None or standing.tier is None:
        return None
    context = shared(member=event.member, standing=standing)
    unit, ladder = context["unit"], ladder_of(program_id=event.member.program_id)
    if unit and ladder:
        context["brings"] = benefits(ladder=ladder, tier=standing.tier, unit=unit, at=at, reached=True)
        context |= _gift(ladder, standing, unit, at)
    return Letter(code="LOYALTY_TIER_UP", context=context)


def _gift(ladder: Ladder, standing: Standing, unit: Unit, at: datetime) -> dict[str, Any]:
    """Return what this climb brought as gifts, and when they are ready; those of levels passed on the way included."""
    zone = unit.program.time_zone
    had = gifts_had(ladder=ladder, member_id=standing.member_id, since=standing.starts_at)
    rows = [gift for tier, gift in had if tier.rank <= standing.rank]
    if not rows:
        return {"gift": "", "gift_day": "", "gift_is_ready": False}
    ready = [gift.ready_at for gift in rows]
    last = max(ready) if all(ready) else None
    points = sum(gift.points for gift in rows)
    rewards = [words.reward(name=gift.reward) for gift in rows if gift.reward]
    return {
        "gift": ", ".join([*([words.points(unit=unit, points=points)] if points else []), *rewards]),
        "gift_day": words.day(last, zone=zone) if last and last > at else "",
        "gift_is_ready": last is not None and last <= at,
    }


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
    over = standing.kept_until + timedelta(days=ladder.grace_days)
    return Letter(code="LOYALTY_TIER_ENDING", context=context, until=over)


for topic, said in (
    (UP, lambda: pgettext("loyalty", "See what it brings")),
    (TOPIC, lambda: pgettext("loyalty", "See what keeps it.")),
    (DOWN, lambda: pgettext("loyalty", "See your level")),
):
    inbox_links.register(topic)(said)
timings.register(TOPIC)(in_daytime)
timings.register(DOWN)(in_daytime)
for topic, said in (
    (UP, lambda: pgettext("loyalty", "A level you reached")),
    (TOPIC, lambda: pgettext("loyalty", "A level that ends soon")),
    (DOWN, lambda: pgettext("loyalty", "A level that ended")),
):
    mail_kinds.register(topic)(
        MailKind(
            text=said, is_optional=topic == UP, belongs=lambda program: ladder_of(program_id=program.pk) is not None
        )
    )


def _keeping(ladder: Ladder, standing: Standing, unit: Unit | None, at: datetime) -> dict[str, str]:
    told = {"member_id": standing.member_id, "joined_at": standing.member.joined_at}
    found = progress_of(ladder=ladder, standing=standing, at=at, **told)
    zone = ladder.program.time_zone
    end = standing.kept_until + timedelta(days=ladder.grace_days)
    return {
        "to_keep": counted(ladder=ladder, value=found.to_keep, unit=unit) if found.to_keep else "",
        "keep_day": words.last_day(found.keep_by, zone=zone),
        "grace_day": words.last_day(end, zone=zone) if ladder.grace_days else "",
    }
