"""
Living lives: each step, then the oracle; and each life twice, with one order and without it.

The two lives share their beginning. From the order on, the life is lived with it, and at the end it is cancelled or
deleted; then the database goes back to that moment and the same steps come without it. Where a step can't be the same
in both (points that only one of them has, a piece that only one of them finds) it is left out of both, or asks for as
many points as both have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.test import override_settings

from loyalty_oscar.program.queries import forget_cache

from . import seen, twins
from .drawing import Life
from .shop import Shop, after_commit, it_is, rolled_back
from .stage import MINUTE, REFUSED, SECOND, Doing, Stage
from .steps import NOTHING, REFUSALS, Buys, Deleted, Job, Status, Step, Waits

#: What runs when a life is over, so that nothing is left that a job would still bring.
JOBS = ("sweep", "nightly", "reviews", "tiers", "campaigns", "mature", "expire", "holds")
TRIES = 12


@dataclass(kw_only=True)
class Fault(AssertionError):
    """A life in which the product and the oracle differ, or two lives that must be alike."""

    life: Life
    step: int
    what: str
    found: list[seen.Difference]

    def __str__(self) -> str:
        rows = [f"  {what} of {whose}: {stands!r}, right is {right!r}" for what, whose, stands, right in self.found]
        place = f"after step {self.step + 1}" if self.step >= 0 else "in the end"
        return "\n".join([f"{self.what}, {place}:", *rows, str(self.life)])


def take(stage: Stage, step: Step) -> Any:
    """Take one step, commit, and let the oracle look where the product was told to look; returns what became of it."""
    stage.doing, before = Doing(), stage.under_way()
    forget_cache()
    with it_is(stage.now):
        try:
            with transaction.atomic():
                outcome = step.do(stage)
        except REFUSALS:
            outcome = REFUSED
            stage.doing = Doing()
            stage.go_back_to(before)
    stage.now += SECOND
    with it_is(stage.now):
        after_commit()
    stage.oracle.look(stage.doing.touched, stage.now)
    stage.oracle.review(stage.doing.reviewed)
    return outcome


def agree(stage: Stage) -> list[seen.Difference]:
    """Return where the product and the oracle differ now."""
    labels = {pk: label for label, pk in stage.orders.items()}
    found = seen.differences(
        oracle=stage.oracle, people=stage.people, labels=labels, sale=stage.sale_id, at=stage.now,
        lenient=stage.start.program.get("debt_policy") == "clamp",
    )  # fmt: skip
    return [*found, *(("trouble", "", text, "") for text in stage.troubles)]


def lived(stage: Stage, life: Life, numbered: Sequence[tuple[int, Step]], *, without: str = "") -> dict[int, Any]:
    """Take these steps of a life, but for those of one order; returns what became of each. Raises `Fault`."""
    outcomes = {}
    for number, step in numbered:
        if without and step.order == without:
            stage.now += SECOND + MINUTE  # The others happen when they happen, with it or without it.
            continue
        try:
            outcomes[number] = take(stage, step)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise Fault(life=life, step=number, what="It breaks", found=[("error", "", told, "")]) from error
        if outcomes[number] is not NOTHING and not isinstance(step, Waits) and number >= 0:
            _check(stage, life, number)
        stage.now += MINUTE
    return outcomes


def _check(stage: Stage, life: Life, number: int = -1) -> None:
    if found := agree(stage):
        raise Fault(life=life, step=number, what="Not what must stand", found=found)


def play(shop: Shop, life: Life) -> None:
    """Live a life; raises `Fault` where something is not as it must be."""
    numbered = list(enumerate(life.steps))
    makes = next((n for n, step in numbered if step.makes and step.order == life.never), len(numbered))
    with rolled_back(), override_settings(LOYALTY_COUNTS_FROM_STATUS=life.start.counts_from):
        stage = Stage(shop, life.start)
        lived(stage, life, numbered[:makes])
        if makes == len(numbered):
            return
        notes, rest = stage.notes(), numbered[makes:]
        for _again in range(TRIES):
            with_it, outcomes = _with(stage, notes, life, rest)
            if with_it is None:
                return  # Deleted after its return period it keeps what it brought, and was.
            without, others = _without(stage, notes, life, rest)
            unlike = [n for n, outcome in others.items() if outcome != outcomes[n]]
            if not unlike:
                break
            rest = [(n, one) for n, step in rest if (one := _alike(n, step, unlike[:1], outcomes, others))]
        else:
            return  # Two lives that cannot be told alike say nothing.
        if found := twins.unlike(with_it, without, never=life.never):
            raise Fault(life=life, step=-1, what="Not as in the life without it", found=found)


def _alike(number: int, step: Step, unlike: Sequence[int], one: dict[int, Any], other: dict[int, Any]) -> Step | None:
    """Return a step that came out otherwise in the two lives as it may come out alike, or None."""
    if number not in unlike:
        return step
    if isinstance(step, Buys) and step.reward:
        return replace(step, reward=False)
    both = [found for found in (one[number], other[number]) if isinstance(found, int)]
    if isinstance(step, Buys) and len(both) == 2 and min(both) < step.points:
        return replace(step, points=min(both))
    return None


@contextmanager
def _from(stage: Stage, notes: dict[str, Any]) -> Iterator[None]:
    with rolled_back():
        stage.go_back(notes)
        yield


def _with(
    stage: Stage, notes: Any, life: Life, rest: Sequence[tuple[int, Step]]
) -> tuple[twins.Twin | None, dict[int, Any]]:
    with _from(stage, notes):
        outcomes = lived(stage, life, rest)
        _end(stage, life, never=life.never)
        known = stage.oracle.orders.get(stage.orders.get(life.never))
        stays = known is not None and known.gone_for_good and not known.dead
        return None if stays else twins.Twin(stage), outcomes


def _without(
    stage: Stage, notes: Any, life: Life, rest: Sequence[tuple[int, Step]]
) -> tuple[twins.Twin, dict[int, Any]]:
    with _from(stage, notes):
        outcomes = lived(stage, life, rest, without=life.never)
        _end(stage, life)
        return twins.Twin(stage), outcomes


def _end(stage: Stage, life: Life, *, never: str = "") -> None:
    """Let the order come to nothing, and every job run once more."""
    end: Step = Status(order=never, to="Cancelled", how="save")
    if (
        never in stage.orders
        and life.ended == "deleted"
        and not stage.oracle.is_settled(stage.orders[never], stage.now)
    ):
        end = Deleted(order=never)
    jobs = (Job(name=name) for name in JOBS if name != "campaigns" or life.start.campaigns)
    lived(stage, life, [(-1, step) for step in (end, *jobs)])
    _check(stage, life)
