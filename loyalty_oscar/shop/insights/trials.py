"""Trials: the shop's own orders gathered in slices, and played by what programs say; resumable, nothing posted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from oscar.core.loading import get_model

from loyalty_oscar.insights.laws import Tried, law_of
from loyalty_oscar.insights.models import Trial
from loyalty_oscar.insights.queries import usual_share
from loyalty_oscar.insights.trial import Past, Play
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.periods import add_months, local_day, start_of_day
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, State, Unit
from loyalty_oscar.program.queries import read_versions

from ..orders import statuses, sync
from ..orders.backfill import gather, portions
from ..orders.serving import orders_of

#: So many orders are tried while staff waits; more are the job's.
AT_ONCE = 1000


def ask(*, program: Program, months: int, actor: str, at: datetime, against: Program | None = None) -> Trial:
    """
    Have a program tried on the orders of the last months, beside another draft (`against`) and the one that is live; an
    earlier trial is forgotten.

    A few orders are tried at once.
    """
    since = start_of_day(
        day=add_months(day=local_day(at=at, zone=program.time_zone), months=-months), zone=program.time_zone
    )
    beside = in_force(program=program)
    live = Unit.objects.select_related("program").filter(program=beside or program).first()
    trial = Trial(
        program=program,
        against=against,
        beside=beside,
        since=since,
        until=at,
        share=usual_share(unit=live, since=since),
        asked_by=actor,
        asked_at=at,
    )
    trial.total = _orders(trial).count()
    with transaction.atomic(using=write_db()):
        # Two who ask at once wait for each other here; members who join meanwhile do not.
        Program.objects.using(write_db()).select_for_update(no_key=True).get(pk=program.pk)
        Trial.objects.using(write_db()).filter(program=program).delete()
        trial.save(using=write_db())
    if trial.total <= AT_ONCE:
        for _orders_done in work(trial_id=trial.pk, at=at):
            pass
    return trial


def work(*, trial_id: int, at: datetime) -> Iterator[int]:
    """
    Play the orders of a trial that are not played yet, some hundred at a time; yields how many each step did.

    It begins anew where a program has been changed meanwhile.
    """
    while True:
        with transaction.atomic(using=write_db()):
            rows = Trial.objects.using(write_db()).select_for_update()
            trial = rows.filter(pk=trial_id, finished_at=None).first()
            if trial is None:
                return
            played = _step(trial, at)
        yield played


def _step(trial: Trial, at: datetime) -> int:
    """Play the next customers of a trial, and write down how far it is; returns how many orders that were."""
    read_versions()
    units = _units(trial)
    versions = {str(unit.program_id): unit.program.version for unit in units}
    if versions != trial.versions:
        trial.versions, trial.sums, trial.cursor, trial.done = versions, {}, None, 0
    laws = {str(unit.program_id): law_of(unit=unit, at=trial.until, share=trial.share) for unit in units}
    trial.otherwise = {key: tried.otherwise for key, tried in laws.items()}
    ids = next(portions(orders=_orders(trial), after=trial.cursor), [])
    if ids:
        customers = _customers(ids, trial.until, laws.values())
        trial.sums = {key: _played(tried, trial, key, customers) for key, tried in laws.items()}
        last = get_model("order", "Order").objects.using(write_db()).values_list("user_id", flat=True).get(pk=ids[-1])
        trial.cursor, trial.done = last if isinstance(last, int) else str(last), trial.done + len(ids)
    else:
        trial.finished_at = at
    trial.save(using=write_db())
    return len(ids)


def _customers(ids: Sequence[int], until: datetime, laws: Iterable[Tried]) -> list[list[Past]]:
    """Return the orders with these ids customer by customer, each in order of time."""
    codes = sync.set_codes().union(*(tried.sets for tried in laws))
    found: dict[Any, list[OrderFacts]] = defaultdict(list)
    for order in gather(order_ids=ids, at=until, set_codes=codes):
        found[order.user_id].append(order)
    return [
        [_past(one) for one in sorted(own, key=lambda one: (one.placed_at, one.order_id))] for own in found.values()
    ]


def _played(tried: Tried, trial: Trial, key: str, customers: Iterable[Sequence[Past]]) -> dict[str, int]:
    play = Play(law=tried.law, until=trial.until, sums=Counter(trial.sums.get(key, {})))
    for own in customers:
        play.play(orders=own)
    return play.sums


def _past(order: OrderFacts) -> Past:
    """Return an order with when what is gone of it went back: nobody wrote that down, so it is when it was final."""
    back_at = max(order.placed_at, order.final_at or order.placed_at) if order.has_gone else None
    return Past(order=order, back_at=back_at)


def _units(trial: Trial) -> list[Unit]:
    rows = Unit.objects.using(write_db()).filter(program__in=trial.programs)
    return list(rows.select_related("program__excluded_set").order_by("pk"))


def drafts(*, program: Program) -> QuerySet[Program]:
    """Return the drafts that a program can be tried against."""
    return Program.objects.filter(state=State.DRAFT, unit__isnull=False).exclude(pk=program.pk).order_by("name", "pk")


def in_force(*, program: Program) -> Program | None:
    """Return the program that is live beside another one; the default one, where there are several."""
    rows = Program.objects.filter(state=State.LIVE, unit__isnull=False).exclude(pk=program.pk)
    return rows.order_by("-is_default", "pk").first()


def _orders(trial: Trial) -> QuerySet[Any]:
    """Return the orders of customers that a program would have served; of one without a site those of all sites."""
    program = trial.program
    serves = program.is_default or program.sites.exists()
    orders = orders_of(program=program) if serves else get_model("order", "Order").objects.using(write_db()).all()
    return _placed(orders, trial.since, trial.until)


def _placed(orders: QuerySet[Any], since: datetime, until: datetime) -> QuerySet[Any]:
    placed = orders.filter(user_id__isnull=False, date_placed__gte=since, date_placed__lt=until)
    return statuses.standing(orders=placed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sketch:
    """Trials of programs that nobody chose yet: what each found, and on how many of the `total` orders."""

    trials: list[Trial]
    orders: int
    total: int


def sketch(*, units: Sequence[Unit], since: datetime, until: datetime) -> Sketch:
    """
    Try programs on orders of all sites at once, with nothing saved: where there are many, those of every so many-th
    customer.
    """
    orders = _placed(get_model("order", "Order").objects.using(write_db()).all(), since, until)
    total = orders.count()
    customers = list(orders.order_by("user_id").values_list("user_id", flat=True).distinct())
    some = customers[:: max(1, -(-total // AT_ONCE))]
    ids = list(orders.filter(user_id__in=some).values_list("pk", flat=True))
    live = Unit.objects.filter(program__state=State.LIVE).order_by("-program__is_default", "pk").first()
    share = usual_share(unit=live, since=since)
    laws = [law_of(unit=unit, at=until, share=share) for unit in units]
    customers, trials = _customers(ids, until, laws), []
    for unit, tried in zip(units, laws, strict=True):
        key = str(unit.program_id)
        trial = Trial(program=unit.program, since=since, until=until, share=share)
        trial.versions, trial.otherwise = {key: unit.program.version}, {key: tried.otherwise}
        trial.sums = {key: _played(tried, trial, key, customers)}
        trials.append(trial)
    return Sketch(trials=trials, orders=len(ids), total=total)


def unfinished() -> list[int]:
    """Return the keys of the trials that are not done, the oldest first."""
    rows = Trial.objects.using(write_db()).filter(finished_at=None)
    return list(rows.order_by("asked_at", "pk").values_list("pk", flat=True))
