"""How many members would stand where, before levels are in force or take something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol

from django.db.models import Sum

from loyalty_oscar.kernel import periods
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Program

from . import rules
from .models import Score
from .queries import placed


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderPreview:
    """
    How many would stand on each rank by their orders alone (`counts`, the first is no level).

    `among` is how many buyers there are; where only some of them were looked at, `counts` sum to fewer.
    """

    counts: tuple[int, ...]
    among: int

    @property
    def is_sample(self) -> bool:
        return sum(self.counts) < self.among


class BuyerSample(Protocol):
    """Draws some of a shop's buyers; the first that is registered counts."""

    def __call__(
        self, *, program: Program, metric: str, window: str, at: datetime
    ) -> tuple[int, Mapping[Any, Sequence[rules.Counted]]]:
        """Return how many buyers there are, and what some of them would count on a ladder, by buyer."""
        ...


buyer_samples: Hook[BuyerSample] = Hook("buyer_samples", BuyerSample, on_error=RAISE)


def preview(*, program: Program, metric: str, law: rules.LadderTerms, at: datetime) -> LadderPreview:
    """
    Return where members would stand on such a ladder now, whatever they stand on today.

    From what orders have counted; where none has yet, from the orders of some buyers, drawn by the shop floor.
    """
    if Score.objects.using(write_db()).filter(member__program_id=program.pk).exists():
        ranks = _by_scores(program, law, at)
        return _tally(ranks, law, among=0)
    for among, counted in buyer_samples.answers(program=program, metric=metric, window=law.window, at=at):
        return _tally(_by_orders(counted, law, at), law, among=among)
    return _tally((), law, among=0)


def _by_scores(program: Program, law: rules.LadderTerms, at: datetime) -> Iterable[int]:
    if law.window == rules.MEMBER_YEAR:
        yield from _by_years_of_membership(program, law, at)
        return
    spans = rules.carrying(window=law.window, at=at, zone=law.zone)
    sums = {f"span{n}": Sum("value", filter=placed(span=span[:2]), default=0) for n, span in enumerate(spans)}
    rows = Score.objects.using(write_db()).filter(member__program_id=program.pk, member__merged_into=None)
    for _member, *values in rows.order_by().values_list("member_id").annotate(**sums).iterator():
        yield max(map(law.rank, values))


def _by_orders(
    counted: Mapping[object, Sequence[rules.Counted]], law: rules.LadderTerms, at: datetime
) -> Iterable[int]:
    for own in counted.values():
        # Who buys for the first time joins with that.
        first = min((one.at for one in own), default=at)
        since = periods.local_day(at=first, zone=law.zone)
        yield rules.deserved(counted=own, ladder=replace(law, since=since), at=at)[0]


def _by_years_of_membership(program: Program, law: rules.LadderTerms, at: datetime) -> Iterable[int]:
    start, _end, _until = rules.carrying(window=law.window, at=at, zone=law.zone)[0]
    rows = Score.objects.using(write_db()).filter(member__program_id=program.pk, member__merged_into=None)
    rows = rows.filter(placed(span=(start, None)))
    wanted = rows.order_by("member_id").values_list("member_id", "member__joined_at", "placed_at", "value")
    for (_member_id, joined_at), own in groupby(wanted.iterator(), key=lambda row: row[:2]):
        counted = [rules.Counted(at=placed_at, value=value) for *_who, placed_at, value in own]
        since = periods.local_day(at=joined_at, zone=law.zone)
        yield rules.deserved(counted=counted, ladder=replace(law, since=since), at=at)[0]


def _tally(ranks: Iterable[int], law: rules.LadderTerms, *, among: int) -> LadderPreview:
    counts = [0] * (len(law.thresholds) + 1)
    for rank in ranks:
        counts[rank or law.base] += 1
    return LadderPreview(counts=tuple(counts), among=max(among, sum(counts)))
