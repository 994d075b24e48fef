"""Trials: the shop's own orders gathered in slices, and played by what programs say; resumable, nothing posted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import MD5, Cast
from oscar.core.loading import get_model

from loyalty_oscar.insights.laws import Tried, law_of
from loyalty_oscar.insights.models import Trial
from loyalty_oscar.insights.queries import usual_share
from loyalty_oscar.insights.trial import Past, Play
from loyalty_oscar.kernel.facts import OrderFacts
from loyalty_oscar.kernel.periods import add_months, local_day, start_of_day
from loyalty_oscar.program import clock
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
    trial = _begun(program, months, at, against=against, asked_by=actor, asked_at=at)
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


def _begun(program: Program, months: int, at: datetime, **told: Any) -> Trial:
    """
    Return a trial of the last months, of whose orders none is played yet. Members use the share that is usual where a
    program is in force.
    """
    zone, beside = program.time_zone, in_force(program=program)
    since = start_of_day(day=add_months(day=local_day(at=at, zone=zone), months=-months), zone=zone)
    live = Unit.objects.select_related("program").filter(program=beside or program).first()
    share = usual_share(unit=live, since=since)
    return Trial(program=program, beside=beside, since=since, until=at, share=share, **told)


def work(*, trial_id: int, at: datetime) -> Iterator[int]:
    """
    Play the orders of a trial that are not played yet, some hundred at a time; yields how many each step did.

    It begins anew where a program has been changed meanwhile, with the orders up to then.
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
    if _versions(units) != trial.versions:
        # What was changed, maybe while this job ran, is in force from its moment on: it is tried as it is now.
        trial.until = clock.now()
        if trial.versions:  # As it was asked for, its orders were counted.
            trial.total = _orders(trial).count()
        trial.sums, trial.cursor, trial.done = {}, None, 0
    ids = next(portions(orders=_orders(trial), after=trial.cursor), [])
    _play(trial, units, ids)
    if ids:
        last = get_model("order", "Order").objects.using(write_db()).values_list("user_id", flat=True).get(pk=ids[-1])
        trial.cursor = last if isinstance(last, int) else str(last)
    else:
        trial.finished_at = at
    trial.save(using=write_db())
    return len(ids)


def _versions(units: Iterable[Unit]) -> dict[str, int]:
    return {str(unit.program_id): unit.program.version for unit in units}


def _play(trial: Trial, units: Sequence[Unit], ids: Sequence[int]) -> None:
    """Play the orders with these ids, customer by customer, by what each program says, on top of what was counted."""
    laws = {str(unit.program_id): law_of(unit=unit, at=trial.until, share=trial.share) for unit in units}
    customers = _customers(ids, trial.until, laws.values())
    trial.versions, trial.done = _versions(units), trial.done + len(ids)
    trial.otherwise = {key: tried.otherwise for key, tried in laws.items()}
    trial.sums = {key: _played(tried, trial, key, customers) for key, tried in laws.items()}


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
    # All in the days of the program that is tried, so that the same months stand side by side.
    zone = trial.program.time_zone
    play = Play(law=tried.law, until=trial.until, zone=zone, sums=Counter(trial.sums.get(key, {})))
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


def sketch(*, units: Sequence[Unit], months: int, at: datetime) -> Trial:
    """
    Try programs on orders of all sites in the last months at once, with nothing saved: on all of them, or where there
    are too many (`total`), on some (`done`), those of customers who are drawn by lot, the same ones each time.
    """
    trial = _begun(units[0].program, months, at)
    orders = _placed(get_model("order", "Order").objects.using(write_db()).all(), trial.since, at)
    trial.total = orders.count()
    drawn = orders.order_by(MD5(Cast("user_id", TextField())), "date_placed", "pk")
    _play(trial, units, list(drawn.values_list("pk", flat=True)[:AT_ONCE]))
    return trial


def unfinished() -> list[int]:
    """Return the keys of the trials that are not done, the oldest first."""
    rows = Trial.objects.using(write_db()).filter(finished_at=None)
    return list(rows.order_by("asked_at", "pk").values_list("pk", flat=True))
