"""A ladder read back as sentences, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.registries import metrics, promise_of

from .models import GivenTier, Ladder, MemberPrice, Standing, Tier
from .preview import LadderPreview
from .queries import tier_name
from .words import counted, more


def metric_choices() -> list[tuple[str, str]]:
    """Return what can count, each as it calls itself; what asks for product sets cannot."""
    asks_none = [(code, metric) for code, metric in metrics.items() if not getattr(metric, "least_sets", 0)]
    return [(code, str(metric.label)) for code, metric in asks_none]


def sentence(*, ladder: Ladder, unit: Unit | None) -> str:
    """Return "Members climb by what is paid for goods in a calendar year …: Silver from 150.00 € (10 % more paws)"."""
    if not ladder.is_on:
        return pgettext("loyalty", "Nobody climbs: the levels are switched off.")
    tiers = list(ladder.tiers.select_related("reward").order_by("rank"))
    text = pgettext("loyalty", "Members climb by %(metric)s, counted over %(window)s: %(levels)s.")
    said = text % {
        "metric": dict(metric_choices()).get(ladder.metric, ladder.metric),
        "window": ladder.get_window_display(),
        "levels": "; ".join(_level(ladder, tier, unit) for tier in tiers) or pgettext("loyalty", "no level yet"),
    }
    return f"{said} {_end(ladder)}".strip()


def _level(ladder: Ladder, tier: Tier, unit: Unit | None) -> str:
    said = pgettext("loyalty", "%(tier)s only where it is given") % {"tier": tier_name(tier=tier)}
    if tier.is_everybodys:
        said = pgettext("loyalty", "%(tier)s for every member") % {"tier": tier_name(tier=tier)}
    elif tier.threshold is not None:
        text = pgettext("loyalty", "%(tier)s from %(from)s")
        said = text % {"tier": tier_name(tier=tier), "from": counted(ladder=ladder, value=tier.threshold, unit=unit)}
    brings = []
    if tier.percent > 100:
        brings.append(more(percent=tier.percent, unit=unit))
    if (promise := promise_of(row=tier)).reward_id is not None:
        text = pgettext("loyalty", "the reward “%(reward)s” as a gift")
        brings.append(text % {"reward": tier.reward.name})
    elif promise:
        text = pgettext("loyalty", "a gift of %(number)s")
        brings.append(text % {"number": _gift(tier.points, unit)})
    return f"{said} ({', '.join(brings)})" if brings else said


def _gift(points: int, unit: Unit | None) -> str:
    if unit is None:
        return money.number(points)
    return words.short(unit=unit, points=points)


def _end(ladder: Ladder) -> str:
    if ladder.window == Ladder.Window.LIFETIME:
        return ""
    text = npgettext(
        "loyalty",
        "A level ends %(days)d day after its date, and only if that was announced.",
        "A level ends %(days)d days after its date, and only if that was announced.",
        ladder.grace_days,
    )
    return text % {"days": ladder.grace_days}


def would_stand(*, found: LadderPreview, names: Sequence[str]) -> str:
    """Return "By their orders would stand: Bronze: 120; Silver: 30; no level: 46."; a sample says of how many."""
    none, *counts = (money.number(count) for count in found.counts)
    one = pgettext("loyalty", "%(tier)s: %(number)s")
    said = {
        "levels": "; ".join(one % {"tier": name, "number": n} for name, n in zip(names, counts, strict=True)),
        "none": none,
        "some": money.number(sum(found.counts)),
        "all": money.number(found.among),
    }
    if found.is_sample:
        text = pgettext("loyalty", "Of %(some)s buyers out of %(all)s would stand: %(levels)s; no level: %(none)s.")
        return text % said
    return pgettext("loyalty", "By their orders would stand: %(levels)s; no level: %(none)s.") % said


def stays(*, tier: Tier) -> Iterator[str]:
    """Say why a level cannot be deleted, and what to do instead; nothing of one that can."""
    had = GivenTier.objects.filter(tier=tier).values("member_id")
    members = Standing.objects.filter(tier=tier).values("member_id").union(had).count()
    if members:
        text = npgettext(
            "loyalty",
            "“%(level)s” stays, because %(count)s member has this level or had it. Change its name and what it takes"
            " instead.",
            "“%(level)s” stays, because %(count)s members have this level or had it. Change its name and what it takes"
            " instead.",
            members,
        )
        yield text % {"level": tier_name(tier=tier), "count": money.number(members)}
    if MemberPrice.objects.filter(tier=tier).exists():
        text = pgettext("loyalty", "“%(level)s” stays, because it has member prices. Delete those first.")
        yield text % {"level": tier_name(tier=tier)}


def faults(*, levels: Iterable[tuple[int, int | None, str]]) -> Iterator[tuple[int, str]]:
    """
    Yield what is wrong with levels given as (rank, threshold, name): (rank, what is wrong).

    Ranks run 1, 2, 3 without a gap, and each level takes more than the one below; one that is only given takes nothing.
    The first may begin at 0: every member has it.
    """
    below: tuple[int, str] | None = None
    called: set[str] = set()
    for number, (rank, threshold, name) in enumerate(sorted(levels), start=1):
        if rank != number:
            text = pgettext("loyalty", "Number the levels 1, 2, 3 without a gap: this must be %(number)s.")
            yield rank, text % {"number": money.number(number)}
        if name.strip().casefold() in called:
            yield rank, pgettext("loyalty", "There is a level “%(name)s” already.") % {"name": name}
        called.add(name.strip().casefold())
        if threshold is None:
            continue
        if threshold == 0 and number > 1:
            yield rank, pgettext("loyalty", "Only level 1 can begin at 0: it is the one that every member has.")
        elif below and threshold <= below[0]:
            yield rank, pgettext("loyalty", "This must take more than %(tier)s below it.") % {"tier": below[1]}
        below = threshold, name
