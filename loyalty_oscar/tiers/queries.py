"""Reading levels: the ladder in force, what members have counted, and where they stand or stood."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Prefetch, Q, QuerySet, Sum

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, State
from loyalty_oscar.program.queries import read_versions, remembered, version_of, versions

from . import rules
from .models import GivenTier, Ladder, MemberPrice, Score, Standing, Tier


def ladder_of(*, program_id: int) -> Ladder | None:
    """Return the ladder in force with its levels (`known_tiers`, lowest first), or None (remembered)."""
    return next((one for one in _ladders() if one.program_id == program_id and one.known_tiers), None)


def _ladders() -> list[Ladder]:
    """Return all ladders that are switched on, with their levels: shops have one, most have none (remembered)."""
    return remembered(key="ladders", version=versions(), load=_load)


def _load() -> list[Ladder]:
    every = Prefetch("tiers", Tier.objects.using(write_db()).select_related("reward").order_by("rank"))
    rows = Ladder.objects.using(write_db()).filter(is_on=True).select_related("program")
    ladders = list(rows.prefetch_related(every).order_by("pk"))
    for ladder in ladders:
        ladder.known_tiers = list(ladder.tiers.all())
    return ladders


def rules_of(
    *, ladder: Ladder, tiers: Sequence[Tier] | None = None, joined_at: datetime | None = None
) -> rules.LadderTerms:
    """
    Return the ladder as the rules see it, with its own levels or with others (lowest first); as they are for a member
    where years of membership count, by when the member joined.
    """
    return rules.LadderTerms(
        thresholds=tuple(tier.threshold for tier in tiers or ladder.known_tiers),
        window=ladder.window,
        zone=ladder.program.time_zone,
        grace_days=ladder.grace_days,
        set_at=ladder.set_at,
        told_days=max(conf.LEVEL_NOTICE_DAYS),
        since=periods.local_day(at=joined_at, zone=ladder.program.time_zone) if joined_at else None,
    )


def joined_of(*, ladder: Ladder, member_ids: Collection[int]) -> dict[int, datetime]:
    """Return when members joined; asked only where years of membership count."""
    if ladder.window != Ladder.Window.MEMBER_YEAR:
        return {}
    rows = Member.objects.using(write_db()).filter(pk__in=member_ids)
    return dict(rows.values_list("pk", "joined_at"))


def tier_of_rank(*, ladder: Ladder, rank: int) -> Tier | None:
    """Return the level of a rank (1 is the lowest); None for rank 0."""
    return ladder.known_tiers[rank - 1] if rank else None


def base_of(*, ladder: Ladder) -> Tier | None:
    """Return the level that every member has without an order, or None."""
    first = ladder.known_tiers[0]
    return first if first.is_everybodys else None


def bases() -> dict[int, Tier]:
    """Return the level that every member has, by program, where there is one (remembered)."""
    found = {one.program_id: base_of(ladder=one) for one in _ladders() if one.known_tiers}
    return {program_id: tier for program_id, tier in found.items() if tier}


def at_least_base(*, ladder: Ladder, standing: Standing | None) -> Standing | None:
    """Return a standing, or that on everybody's level where it is no higher: no row says so (unsaved, no end)."""
    base = base_of(ladder=ladder)
    if base is None or (standing and standing.rank > base.rank):
        return standing
    return Standing(tier=base, rank=base.rank, because=tier_reason(code="tier_everybodys", tier=base).to_json())


def tier_name(*, tier: Tier) -> str:
    """Return the name of a level in the reader's language."""
    return str(tier)


def tier_reason(*, code: str, tier: Tier | None) -> Because:
    """Return a reason that names a level, in each language in which it has a name; None: there is none to name."""
    return Because(code, tier=tier.name if tier else "", **_names(tier) if tier else {})


def _names(tier: Tier) -> dict[str, Any]:
    return {"names": tier.names} if tier.names else {}


def levels(*, program_id: int) -> list[tuple[int, str]]:
    """Return rank and name of each level of a program, lowest first, for features that let in by level."""
    ladder = ladder_of(program_id=program_id)
    return [(tier.rank, tier_name(tier=tier)) for tier in ladder.known_tiers] if ladder else []


def counts_of(*, program_id: int) -> dict[int, int]:
    """Return how many members stand on each level of a program, by rank. At most two queries."""
    ladder = ladder_of(program_id=program_id)
    if ladder is None:
        return {}
    there = Member.objects.using(write_db()).filter(program_id=program_id, merged_into=None, user__isnull=False)
    rows = Standing.objects.using(write_db()).filter(is_current=True, member__in=there, rank__gt=0).order_by()
    found: dict[int, int] = dict(rows.values_list("rank").annotate(Count("pk")).values_list("rank", "pk__count"))
    if base := base_of(ladder=ladder):
        found[base.rank] = there.count() - sum(number for rank, number in found.items() if rank > base.rank)
    return found


def prices_in_force(*, program_id: int, at: datetime) -> list[MemberPrice]:
    """Return the member prices of a program at a moment, with level and product set; their end is not in it."""
    return [
        row
        for row in member_prices(program_id=program_id)
        if row.starts_at <= at and (row.ends_at is None or at < row.ends_at)
    ]


def member_prices(*, program_id: int) -> list[MemberPrice]:
    """Return the member prices of a program, past and to come too (remembered)."""
    return remembered(
        key=("member-prices", program_id),
        version=version_of(program_id=program_id),
        # Without a ladder nothing is asked.
        load=lambda: _load_prices(program_id) if ladder_of(program_id=program_id) else [],
    )


def _load_prices(program_id: int) -> list[MemberPrice]:
    rows = MemberPrice.objects.using(write_db()).filter(
        tier__ladder__program_id=program_id, tier__ladder__is_on=True, is_on=True
    )
    return list(rows.select_related("tier", "product_set").order_by("pk"))


def counted_of(*, member_ids: Iterable[int], instead: Collection[Score] = ()) -> dict[int, list[rules.Counted]]:
    """Return what orders count for these members, oldest first; of some orders what they would count `instead`."""
    found: dict[int, list[rules.Counted]] = defaultdict(list)
    rows = Score.objects.using(write_db()).filter(member_id__in=list(member_ids), value__gt=0)
    rows = rows.exclude(order_id__in=[score.order_id for score in instead]) if instead else rows
    known = list(rows.order_by("placed_at").values_list("member_id", "placed_at", "value", "safe_at"))
    would = [(score.member_id, score.placed_at, score.value, score.safe_at) for score in instead if score.value]
    for member_id, at, value, safe_at in sorted(known + would, key=lambda row: row[1]) if would else known:
        found[member_id].append(rules.Counted(at=at, value=value, safe_at=safe_at))
    return found


def given_to(*, member_ids: Iterable[int], at: datetime) -> dict[int, GivenTier]:
    """Return the highest level that staff gave each member and that is in force, the longest of it. One query."""
    rows = _in_force(at).filter(member_id__in=list(member_ids)).select_related("tier")
    rows = rows.order_by("tier__rank", F("until").asc(nulls_last=True))
    return {row.member_id: row for row in rows}


def promised_to(*, member_ids: Iterable[int], at: datetime) -> dict[int, Standing]:
    """Return what members kept at a descent, or when a ladder got steeper, while its date lasts. One query."""
    rows = Standing.objects.using(write_db()).filter(member_id__in=list(member_ids), is_current=None, rank__gt=0)
    rows = rows.filter(Q(kept_until=None) | Q(kept_until__gt=at), is_counted=False)
    return {row.member_id: row for row in rows.order_by("starts_at", "pk") if row.because.get("c") != "tier_given"}


def given_within(*, ladder: Ladder, after: int, last: int, at: datetime) -> set[int]:
    """Return who among the members from one key (exclusive) to another has a level by hand. One query."""
    rows = _in_force(at).filter(member_id__gt=after, member_id__lte=last, member__program_id=ladder.program_id)
    return set(rows.filter(member__merged_into=None).values_list("member_id", flat=True))


def _in_force(at: datetime) -> QuerySet[GivenTier]:
    rows = GivenTier.objects.using(write_db()).filter(starts_at__lte=at)
    return rows.filter(Q(until=None) | Q(until__gt=at))


def standing_of(*, ladder: Ladder, member_id: int, at: datetime) -> Standing | None:
    """
    Return where a member stands at present, with the level, or None where nobody looked yet, nor has everybody one.

    One query; one more where a strict level is over and its member not moved yet: then it is the standing before.
    """
    rows = Standing.objects.using(write_db()).filter(member_id=member_id).select_related("tier")
    found = rows.filter(is_current=True).first()
    if found and has_ended(standing=found, at=at):
        found = next((row for row in rows.order_by("-starts_at", "-pk") if not has_ended(standing=row, at=at)), None)
    return at_least_base(ladder=ladder, standing=found)


def has_ended(*, standing: Standing, at: datetime) -> bool:
    """Return whether a standing is over at a moment though its member was not moved yet."""
    return rules.is_over(is_strict=standing.is_strict, kept_until=standing.kept_until, at=at)


def tier_fact(*, tier: Tier) -> dict[str, Any]:
    """Return a level as the other floors read it."""
    return {"rank": tier.rank, "name": tier.name, "percent": tier.percent, **_names(tier)}


def percents_now(*, program_id: int) -> dict[str, int]:
    """Return what each level of a program brings in percent now, by rank, as it is written down with an order."""
    ladder = ladder_of(program_id=program_id)
    return {str(tier.rank): tier.percent for tier in ladder.known_tiers} if ladder else {}


def tiers_on() -> dict[int, Tier]:
    """Return the levels of all ladders that are switched on, by key (remembered)."""
    return {tier.pk: tier for ladder in _ladders() for tier in ladder.known_tiers}


@dataclass(frozen=True, kw_only=True, slots=True)
class TierProgress:
    """
    How far a member is: `value` counts now, `unsafe` of it can still be returned, `tier` is held until `kept_until`.

    `next_tier` is the level above and `missing` what it still takes, by `ends_at` (exclusive; None = no date);
    `to_keep` is what keeps the present level past its date, by `keep_by` (exclusive; None = no date).
    """

    tier: Tier | None
    kept_until: datetime | None
    value: int
    unsafe: int
    next_tier: Tier | None
    missing: int
    to_keep: int
    keep_by: datetime | None
    ends_at: datetime | None


def progress_of(
    *,
    ladder: Ladder,
    member_id: int,
    standing: Standing | None,
    at: datetime,
    joined_at: datetime | None = None,
) -> TierProgress:
    """
    Return how far a member is on the ladder; `joined_at` is asked for where years of membership count. One query.

    What keeps a level is told from when on it can be ordered: in a quarter not what the next one asks.
    """
    law, kept = rules_of(ladder=ladder, joined_at=joined_at), standing.kept_until if standing else None
    told: dict[str, Any] = {"window": law.window, "at": at, "zone": law.zone, "since": law.since}
    spans = {"counts": rules.span(**told)}
    spans["keeps"] = spans["counts"]
    if kept:
        spans["keeps"] = rules.span_to_keep(**told, kept_until=kept)
    keeps_from, keeps_to = spans["keeps"]
    is_keeping = kept is not None and (keeps_from is None or keeps_from <= at)
    unsafe = placed(span=spans["counts"]) & (Q(safe_at=None) | Q(safe_at__gt=at))
    wanted = {name: placed(span=span) for name, span in spans.items()} | {"unsafe": unsafe}
    sums = (
        Score.objects.using(write_db())
        .filter(member_id=member_id)
        .aggregate(**{name: Sum("value", filter=which, default=0) for name, which in wanted.items()})
    )
    rank = standing.rank if standing else 0
    above = next((tier for tier in ladder.known_tiers[rank:] if tier.threshold is not None), None)
    tier = standing.tier if standing else None
    return TierProgress(
        tier=tier,
        kept_until=kept,
        value=sums["counts"],
        unsafe=sums["unsafe"],
        next_tier=above,
        missing=max(0, above.threshold - sums["counts"]) if above else 0,
        to_keep=max(0, tier.threshold - sums["keeps"]) if tier and tier.threshold and is_keeping else 0,
        keep_by=min(kept, keeps_to) if kept and keeps_to else kept,
        ends_at=spans["counts"][1],
    )


def placed(*, span: tuple[datetime | None, datetime | None]) -> Q:
    """Return the condition that an order was placed in a span: from its start, before its end (None = open)."""
    start, end = span
    return (Q(placed_at__gte=start) if start else ~Q(pk=None)) & (Q(placed_at__lt=end) if end else ~Q(pk=None))


def ladders_in_force() -> list[Ladder]:
    """Return the ladders of programs that live or are about to close, with their levels, for who writes."""
    read_versions()
    states = (State.LIVE, State.CLOSING)
    rows = Ladder.objects.using(write_db()).filter(is_on=True, program__state__in=states).order_by("pk")
    return [found for row in rows if (found := ladder_of(program_id=row.program_id))]


def standings_ending(*, ladder: Ladder, after: datetime | None, until: datetime) -> QuerySet[Standing]:
    """
    Return the levels, with members and their users, whose date lies after one moment and not after another. Those that
    are strict are told of by who gives them; everybody's does not end.
    """
    base = rules_of(ladder=ladder).base
    rows = Standing.objects.using(write_db()).filter(
        is_current=True, rank__gt=base, kept_until__lte=until, member__program_id=ladder.program_id
    )
    rows = rows.filter(member__user__isnull=False, member__erased_at=None, member__merged_into=None)
    rows = rows.filter(is_strict=False)
    rows = rows.filter(kept_until__gt=after) if after else rows
    return rows.select_related("member", "tier").order_by("member_id")
