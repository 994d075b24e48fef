"""The pieces of the customer's pages that speak of levels: badge, card, table, thank-you, beside reviews."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import FilteredRelation, Q
from django.utils.translation import npgettext, pgettext
from oscar.core.loading import get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.promise import GivenGift
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.registries import promise_of
from loyalty_oscar.tiers.models import Ladder, Standing, Tier
from loyalty_oscar.tiers.moves import CODES, gifts_had
from loyalty_oscar.tiers.queries import TierProgress, base_of, ladder_of, progress_of, tier_name
from loyalty_oscar.tiers.rules import span
from loyalty_oscar.tiers.words import counted

from ..storefront.visit import Visit, takes_part
from .benefits import benefits
from .levels import rank_of_visit, standing_of_visit
from .shape import looks

Piece = tuple[str, Mapping[str, Any]]


@contributions.register("header:badge", "tiers")
def badge(*, subject: Visit, request: Any) -> Piece | None:
    """Return the visitor's level for the badge in the header; one query, none for strangers."""
    standing = standing_of_visit(visit=subject)
    return ("loyalty/widgets/level.html", looks(tier=standing.tier)) if standing and standing.tier else None


@contributions.register("product:review", "tiers", order=10)
def beside_review(*, subject: Any, request: Any) -> Piece | None:
    """Return the level of a review's author; one query for all reviews of a product."""
    visit = request.loyalty
    ladder = ladder_of(program_id=visit.unit.program_id)
    if ladder is None or subject is None or subject.user_id is None:
        return None
    key = ("reviewers", subject.product_id)
    ranks = visit.once(key=key, load=lambda: ranks_of_reviewers(product_id=subject.product_id, ladder=ladder))
    tier = next((tier for tier in ladder.known_tiers if tier.rank == ranks.get(subject.user_id)), None)
    return ("loyalty/widgets/reviewer.html", looks(tier=tier)) if tier else None


def ranks_of_reviewers(*, product_id: int, ladder: Ladder) -> dict[Any, int]:
    """Return the ranks of people who reviewed a product, by user id; who has no level is not in it. One query."""
    reviews = get_model("reviews", "ProductReview").objects.filter(product_id=product_id, user__isnull=False)
    members = Member.objects.filter(program_id=ladder.program_id, merged_into=None)
    current = FilteredRelation("standings", condition=Q(standings__is_current=True))
    rows = members.filter(user_id__in=reviews.values("user_id")).annotate(current=current)
    base = base_of(ladder=ladder)
    ranks = {
        user_id: max(rank or 0, base.rank if base else 0)
        for user_id, rank in rows.values_list("user_id", "current__rank")
    }
    return {user_id: rank for user_id, rank in ranks.items() if rank}


@contributions.register("account:level", "tiers")
def card(*, subject: Unit, request: Any) -> Piece | None:
    """Return the level card of the account page. Asks once for the standing and once for what counts."""
    visit = request.loyalty
    ladder = ladder_of(program_id=subject.program_id)
    if ladder is None or visit.unit is None or visit.unit.pk != subject.pk or not takes_part(visit=visit):
        return None
    found = progress_of_visit(visit=visit, ladder=ladder)
    said = {"unit": subject, **_words(ladder, found, subject), **_ending(ladder, found)}
    if found.tier:
        said |= looks(tier=found.tier)
        said["brings"] = benefits(ladder=ladder, tier=found.tier, unit=subject, at=clock.now(), reached=True)
        said["until"] = _until(visit, ladder, found)
    return "loyalty/widgets/level_card.html", said


def cards(*, ladder: Ladder, visit: Visit, at: datetime) -> dict[str, Any]:
    """
    Return what the page of all levels shows: a card each, and where the visitor is (nowhere, and no query, for
    strangers).
    """
    unit, is_in = visit.unit, takes_part(visit=visit)
    found = progress_of_visit(visit=visit, ladder=ladder) if is_in else None
    rank = found.tier.rank if found and found.tier else 0
    rows = [
        {
            **looks(tier=tier),
            "begins": begins(ladder=ladder, tier=tier, unit=unit),
            "brings": benefits(ladder=ladder, tier=tier, unit=unit, at=at),
            "is_here": tier.rank == rank,
            "is_below": tier.rank < rank,
            "is_next": bool(found and found.next_tier and found.next_tier.pk == tier.pk),
        }
        for tier in ladder.known_tiers
    ]
    said = {"rows": rows, "is_in": is_in}
    if found is None:
        return said
    said |= _words(ladder, found, unit) | _ending(ladder, found)
    return said | ({"name": tier_name(tier=found.tier), "until": _until(visit, ladder, found)} if found.tier else {})


def begins(*, ladder: Ladder, tier: Tier, unit: Unit) -> str:
    """Return from when on one has a level: "From 150.00 €", for every member, or as a gift."""
    if tier.is_everybodys:
        return pgettext("loyalty", "For every member")
    if tier.threshold is None:
        return pgettext("loyalty", "A gift from the shop")
    text = pgettext("loyalty", "From %(from)s")
    return text % {"from": counted(ladder=ladder, value=tier.threshold, unit=unit)}


@contributions.register("sale:door-look", "tiers")
def emblem_of_door(*, subject: Any, request: Any) -> Piece | None:
    """Return the look of the level that a way into a sale asks for (`subject.rank`)."""
    tier = _tier_of_door(subject, request.loyalty)
    return ("loyalty/widgets/level_shape.html", looks(tier=tier)) if tier else None


@contributions.register("sale:door", "tiers")
def away_from_door(*, subject: Any, request: Any) -> Piece | None:
    """Return how far the visitor is from the level that a way into a sale asks for; one query for all of them."""
    visit = request.loyalty
    tier = _tier_of_door(subject, visit)
    if (
        tier is None
        or tier.threshold is None
        or not visit.user.is_authenticated
        or rank_of_visit(visit=visit) >= tier.rank
    ):
        return None
    ladder = ladder_of(program_id=visit.unit.program_id)
    found = progress_of_visit(visit=visit, ladder=ladder)
    away = tier.threshold - found.value
    said = {"value": away, "away": counted(ladder=ladder, value=away, unit=visit.unit), "name": tier_name(tier=tier)}
    return ("loyalty/widgets/away.html", said) if away > 0 else None


def progress_of_visit(*, visit: Visit, ladder: Ladder) -> TierProgress:
    """Return how far the visitor is; asked once a visit."""
    return visit.once(key="progress", load=lambda: _progress(visit, ladder))


def _tier_of_door(door: Any, visit: Visit) -> Tier | None:
    ladder = ladder_of(program_id=visit.unit.program_id)
    return next((tier for tier in ladder.known_tiers if tier.rank == door.rank), None) if ladder else None


@contributions.register("thank-you:more", "tiers", order=10)
def thank_you(*, subject: Any, request: Any) -> Piece | None:
    """Return the level that a member reached with an order, and how far the next one is: "39.40 € to Gold"."""
    visit = request.loyalty
    ladder = ladder_of(program_id=visit.unit.program_id)
    own = subject is not None and subject.user_id is not None and subject.user_id == getattr(visit.user, "pk", None)
    if ladder is None or not own or visit.member is None:
        return None
    found = progress_of_visit(visit=visit, ladder=ladder)
    said = {"unit": visit.unit, **_words(ladder, found, visit.unit)}
    standing = standing_of_visit(visit=visit)
    if standing is not None and standing.tier and _is_new(standing, subject):
        said |= {"reached": standing.rank, **looks(tier=standing.tier), "until": _until(visit, ladder, found)}
        said["brings"] = benefits(ladder=ladder, tier=standing.tier, unit=visit.unit, at=clock.now(), reached=True)
        gifts = gifts_had(ladder=ladder, member_id=visit.member.pk, since=standing.starts_at)
        said["gifts"] = [_gift(ladder, tier, gift, visit.unit) for tier, gift in gifts]
    return "loyalty/widgets/level_after.html", said


def _is_new(standing: Standing, order: Any) -> bool:
    """Return whether a level was reached by what was ordered, and not before this order."""
    return standing.because.get("c") == CODES["up"] and standing.starts_at >= order.date_placed


def _gift(ladder: Ladder, tier: Tier, gift: GivenGift, unit: Unit) -> str:
    """Return what reaching a level brought, and when that is ready."""
    at = gift.ready_at
    said = {"points": words.given(unit=unit, gift=gift), "tier": tier_name(tier=tier)}
    if at is None:
        text = pgettext("loyalty", "%(points)s for reaching %(tier)s, ready once this order can’t be sent back.")
    elif at > clock.now():
        said["day"] = words.day(at, zone=ladder.program.time_zone)
        text = pgettext("loyalty", "%(points)s for reaching %(tier)s, ready on %(day)s.")
    elif gift.reward:
        text = pgettext("loyalty", "%(reward)s for reaching %(tier)s: it is among your rewards.")
        said["reward"] = said["points"]
    else:
        text = pgettext("loyalty", "%(points)s for reaching %(tier)s, among those you have ready.")
    return text % said


@contributions.register("how-it-works:parts", "tiers", order=20)
def table(*, subject: Unit, request: Any) -> Piece | None:
    """Return all levels of a program with what each takes and brings."""
    ladder = ladder_of(program_id=subject.program_id)
    if ladder is None:
        return None
    at = clock.now()
    rows = [
        {
            **looks(tier=tier),
            "begins": begins(ladder=ladder, tier=tier, unit=subject),
            "brings": benefits(ladder=ladder, tier=tier, unit=subject, at=at),
        }
        for tier in ladder.known_tiers
    ]
    return "loyalty/widgets/levels.html", {"rows": rows, "rules": rules(ladder=ladder)}


def rules(*, ladder: Ladder) -> list[str]:
    """Return how one climbs and comes down, in sentences."""
    window = {
        Ladder.Window.CALENDAR_YEAR: pgettext(
            "loyalty", "What you order in a calendar year counts. You keep a level to the end of the next year."
        ),
        Ladder.Window.MEMBER_YEAR: pgettext(
            "loyalty",
            "What you order in a year of your membership counts. You keep a level to the end of the next year.",
        ),
        Ladder.Window.QUARTER: pgettext(
            "loyalty",
            "What you order in a quarter of the year counts. You keep a level to the end of the next quarter.",
        ),
        Ladder.Window.ROLLING: pgettext("loyalty", "What you ordered in the last 12 months counts."),
        Ladder.Window.HALF_YEAR: pgettext("loyalty", "What you ordered in the last 6 months counts."),
        Ladder.Window.LIFETIME: pgettext("loyalty", "Everything you ever ordered counts. You keep a level for good."),
    }[ladder.window]
    up = pgettext(
        "loyalty", "You climb at once. What you send back no longer counts; using what you have takes nothing away."
    )
    down = npgettext(
        "loyalty",
        "We tell you %(days)s day before a level ends, and you come down one level at a time.",
        "We tell you %(days)s days before a level ends, and you come down one level at a time.",
        max(conf.LEVEL_NOTICE_DAYS),
    )
    down %= {"days": money.listed(numbers=sorted(conf.LEVEL_NOTICE_DAYS, reverse=True))}
    found = [window, up] if ladder.window == Ladder.Window.LIFETIME else [window, up, down]
    if ladder.window == Ladder.Window.MEMBER_YEAR:
        found.insert(1, pgettext("loyalty", "Your year begins on the day on which you joined."))
    if conf.COUNTS_FROM_STATUS:
        text = pgettext("loyalty", "An order counts once its status is “%(status)s”.")
        found.insert(1, text % {"status": conf.COUNTS_FROM_STATUS})
    if any(promise_of(row=tier) for tier in ladder.known_tiers):
        text = pgettext("loyalty", "A gift is ready once nothing can be sent back of what you climbed with.")
        found.append(text)
    return found


def _progress(visit: Visit, ladder: Ladder) -> TierProgress:
    if visit.member is None:
        base = base_of(ladder=ladder)
        first = next((tier for tier in ladder.known_tiers if tier.threshold), None)
        at, zone = clock.now(), ladder.program.time_zone
        _start, end = span(window=ladder.window, at=at, zone=zone, since=periods.local_day(at=at, zone=zone))
        nothing = {"kept_until": None, "value": 0, "unsafe": 0, "to_keep": 0, "keep_by": None, "tier": base}
        return TierProgress(next_tier=first, missing=first.threshold if first else 0, ends_at=end, **nothing)
    standing = standing_of_visit(visit=visit)
    told = {"member_id": visit.member.pk, "joined_at": visit.member.joined_at}
    return progress_of(ladder=ladder, standing=standing, at=clock.now(), **told)


def _words(ladder: Ladder, found: TierProgress, unit: Unit) -> dict[str, Any]:
    """Return the bar and the sentences under it."""

    def amount(value: int) -> str:
        return counted(ladder=ladder, value=value, unit=unit)

    end = _day(ladder, found.ends_at) if found.ends_at else ""
    above = found.next_tier
    said: dict[str, Any] = {"missing": "", "is_highest": found.tier == ladder.known_tiers[-1]}
    if above:
        whole, safe = above.threshold, max(0, found.value - found.unsafe)
        said |= {
            "value": found.value,
            "safe": percent(safe, whole),
            "unsafe": percent(min(found.value, whole) - min(safe, whole), whole),
            "have": amount(found.value),
            "whole": amount(whole),
            "going_back": amount(found.unsafe) if found.unsafe else "",
            "missing": amount(found.missing),
            "next_name": tier_name(tier=above),
            "next_tier": above,
            "by": end,
        }
    if found.to_keep and found.kept_until and clock.now() < found.kept_until:
        said["to_keep"] = amount(found.to_keep)
        said["keep_by"] = _day(ladder, found.keep_by)
    return said


def _ending(ladder: Ladder, found: TierProgress) -> dict[str, Any]:
    """Return that a level ends soon, as its letter says it: with the days of grace after its date."""
    kept, at = found.kept_until, clock.now()
    if not found.to_keep or kept is None or not at < kept <= at + timedelta(days=max(conf.LEVEL_NOTICE_DAYS)):
        return {}
    grace = _day(ladder, kept + timedelta(days=ladder.grace_days)) if ladder.grace_days else ""
    return {"ends_soon": True, "grace": grace}


def percent(part: int, whole: int) -> str:
    """Return a share for the width of a bar, in a form that no language changes: "62.9%"."""
    return f"{min(100.0, 100 * part / whole):.1f}%"


def _day(ladder: Ladder, moment: Any) -> str:
    return words.last_day(moment, zone=ladder.program.time_zone)


def _until(visit: Visit, ladder: Ladder, found: TierProgress) -> str:
    """Return until when a level is the member's, and whose gift it is."""
    standing = standing_of_visit(visit=visit)
    if found.tier and found.tier.is_everybodys:
        return pgettext("loyalty", "Every member has it.")
    is_given = standing is not None and standing.because.get("c") == "tier_given"
    if found.kept_until is None:
        return pgettext("loyalty", "Given by the shop.") if is_given else pgettext("loyalty", "Yours for good.")
    day = _day(ladder, found.kept_until)
    if found.kept_until <= clock.now():
        grace = _day(ladder, found.kept_until + timedelta(days=ladder.grace_days))
        text = pgettext("loyalty", "It ended on %(day)s; it stays yours until %(grace)s, at least.")
        return text % {"day": day, "grace": grace}
    if is_given:
        return pgettext("loyalty", "Given by the shop until %(day)s.") % {"day": day}
    return pgettext("loyalty", "Yours until %(day)s.") % {"day": day}
