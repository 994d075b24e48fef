"""What the doctor knows of levels: ladders that hold, orders that count nothing, and conditions among the offers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count
from oscar.core.loading import get_model

from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.tiers.metrics import metrics
from loyalty_oscar.tiers.models import Ladder, Tier
from loyalty_oscar.tiers.sentences import faults

from ..orders import statuses
from ..upkeep.doctor import Finding, Level, doctor_checks
from ..upkeep.doctor.words import still_waiting
from .conditions import our_conditions

ABOUT = "levels"
LOOK_BACK = timedelta(days=90)
#: So long an order may wait for its payment.
UNPAID = timedelta(days=14)


@doctor_checks.register("levels", order=44)
def ladders(*, at: datetime) -> Iterator[Finding]:
    """Every ladder in force has levels that rise, and counts by something that is there; nothing without ladders."""
    rows = Ladder.objects.filter(is_on=True).exclude(program__state=State.CLOSED).select_related("program")
    for ladder in rows.order_by("pk"):
        found = [*_ladder(ladder), *_currencies(ladder, at), *_counting(ladder, at)]
        yield from found
        if not found:
            text = f"{ladder.tiers.count()} of “{ladder.program.name}” in force, counted by {ladder.metric}"
            yield Finding(level=Level.OK, about=ABOUT, text=text)


def _ladder(ladder: Ladder) -> Iterator[Finding]:
    name = f"“{ladder.program.name}”"
    hint = "Put it right on the page of its levels in the admin."
    levels = list(ladder.tiers.values_list("rank", "threshold", "name"))
    if not levels:
        yield Finding(level=Level.WARNING, about=ABOUT, text=f"{name} has no level: nobody climbs", hint=hint)
    for rank, text in faults(levels=levels):
        yield Finding(level=Level.ERROR, about=ABOUT, text=f"level {rank} of {name}: {text}", hint=hint)
    if ladder.metric not in metrics:
        text = f"{name} counts by {ladder.metric!r}, which is not registered: nobody climbs"
        hint = "Put back the code that registered it with extend.tier_metrics."
        yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint=hint)


def _currencies(ladder: Ladder, at: datetime) -> Iterator[Finding]:
    """Orders in other currencies than the program's count nothing where money counts."""
    if ladder.metric not in metrics or not metrics.get(ladder.metric).is_money:
        return
    known = set(Program.objects.values_list("currency", flat=True))
    orders = get_model("order", "Order").objects.using(write_db()).filter(date_placed__gte=at - LOOK_BACK)
    rows = orders.exclude(currency__in=known).order_by().values("currency").annotate(orders=Count("pk"))
    for row in rows.order_by("currency"):
        text = f"{row['orders']:,} orders of 90 days in {row['currency']} count nothing for a level"
        hint = f"“{ladder.program.name}” counts {ladder.program.currency}. Count orders or points instead."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


def _counting(ladder: Ladder, at: datetime) -> Iterator[Finding]:
    """Whether orders that are not paid count, in a shop that seems to know better; or none ever does."""
    known = statuses.counting_statuses()
    if known is not None:
        if waiting := still_waiting(words=known, at=at):
            names = ", ".join(ladder.tiers.order_by("rank").values_list("name", flat=True))
            status = conf.COUNTS_FROM_STATUS
            text = f"no order ever reached “{status}”, so nobody climbs to {names}; orders wait: {waiting:,}"
            hint = "Set LOYALTY_COUNTS_FROM_STATUS to a status that orders reach."
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
        return
    hint = "Set LOYALTY_COUNTS_FROM_STATUS to the status of a payment; to the first one, if they shall count at once."
    for status in statuses.payments():
        text = f"orders count for a level before they are “{status}”"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    first = getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", "")
    if first and statuses.pipeline() and statuses.is_known(status=first):
        orders = get_model("order", "Order").objects.using(write_db()).filter(date_placed__lt=at - UNPAID)
        idle = orders.filter(statuses.said(column="status", words=(first,)), date_placed__gte=at - LOOK_BACK).count()
        if idle:
            text = f"orders of 90 days that are “{first}” for more than 14 days count for a level: {idle:,}"
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


@doctor_checks.register("level-offers", order=45)
def conditions(*, at: datetime) -> Iterator[Finding]:
    """Oscar's offer pages know each level, and no offer waits for a level that is gone."""
    ranks = set(Tier.objects.filter(ladder__is_on=True).values_list("rank", flat=True))
    rows = list(our_conditions())
    if missing := sorted(ranks - {int(row.value or 1) for row in rows}):
        numbers = ", ".join(str(rank) for rank in missing)
        text, hint = f"Oscar's offer pages do not know level {numbers}", "Run `manage.py loyalty_setup`."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    for row in rows:
        if int(row.value or 1) not in ranks and row.offers.exists():
            names = ", ".join(f"“{offer.name}”" for offer in row.offers.order_by("pk"))
            text = f"nobody can have level {int(row.value or 1)}, which {names} asks for"
            hint = "Give these offers another condition on the dashboard's page of offers."
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
