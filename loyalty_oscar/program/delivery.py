"""
Events leave: each to its consumers, after commit, at least once each.

A delivery is claimed by moving its next try ahead, in a short transaction; the consumer works outside of any. Whoever
dies on the way leaves a delivery that comes due again by itself. Events are handed to their consumers here and not
where they are announced, so that a checkout waits for one row however many consumers there are.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django.db.models import QuerySet

from loyalty_oscar.kernel.errors import in_short, shortened

from .db import write_db
from .events import PERHAPS, Consumer, NotYet, PerhapsSent, consumers
from .models import Delivery, Event
from .rows import write_rows

logger = logging.getLogger("loyalty_oscar")
BATCH = 20
HANDED = 500
#: What happened and who was told of it is forgotten after so long.
KEPT = timedelta(days=400)


def deliver(*, at: datetime, only: Collection[str] | None = None) -> Iterator[tuple[str, int]]:
    """
    Give each consumer what is due, or `only` some of them, in turn; yields after each batch whose it was and how many
    were told.

    What fails is tried again later, and no delivery and no consumer waits for another.
    """
    _hand_out()
    waiting = {name: consumer for name, consumer in consumers.items() if only is None or name in only}
    while waiting:
        for name, consumer in list(waiting.items()):
            claimed = _claim(name, consumer, at)
            if len(claimed) < _most(consumer):
                del waiting[name]
            if claimed:
                yield name, sum(_tell(consumer, delivery, at) for delivery in claimed)
    _clear(at)


def _hand_out() -> None:
    """Open the deliveries of events that nobody has been handed yet; two who do this at once share the events."""
    db = write_db()
    while True:
        with transaction.atomic(using=db):
            events = list(_locked(Event.objects.using(db).filter(is_new=True).order_by("pk"))[:HANDED])
            opened = [
                Delivery(event=event, consumer=name, next_at=event.at)
                for event in events
                for name, consumer in consumers.items()
                if event.topic in consumer.topics
            ]
            write_rows(rows=opened, skip=True)
            Event.objects.using(db).filter(pk__in=[event.pk for event in events]).update(is_new=False)
        if len(events) < HANDED:
            return


def _claim(name: str, consumer: Consumer, at: datetime) -> list[Delivery]:
    db = write_db()
    with transaction.atomic(using=db):
        due = Delivery.objects.using(db).filter(consumer=name, is_open=True, next_at__lte=at)
        rows = list(_locked(due.order_by("next_at", "pk"))[: _most(consumer)])
        if not rows:
            return []
        if not consumer.is_repeatable:
            rows = _older(due, rows[0]) or rows
        for row in rows:
            row.next_at = at + consumer.pause(row.attempts)
            row.attempts += 1
            if not consumer.is_repeatable:
                # Closed before it is tried, so that nobody tries again what nobody knows the end of.
                row.is_open, row.error = False, PERHAPS
        Delivery.objects.using(db).bulk_update(rows, ["next_at", "attempts", "is_open", "error"])
    ids = [row.pk for row in rows]
    loaded = Delivery.objects.using(db).select_related("event__member__user", "event__member__program")
    return list(loaded.filter(pk__in=ids).order_by("pk"))


def _older(due: QuerySet[Delivery], one: Delivery) -> list[Delivery]:
    """
    Return what is due to the member of one for longer: the first that happened of its topic; none where it is that.

    Of letters of which one may go at a time each waits for a moment of its own, and the last to come may wait least.
    """
    member_id, topic = Event.objects.using(due.db).values_list("member", "topic").get(pk=one.event_id)
    if member_id is None:
        return []
    about = Delivery.objects.using(due.db).filter(event__member=member_id, event__topic=topic, event__lt=one.event_id)
    # By the member alone: a database that knows little of its rows would look for them in all that is due.
    waiting = [pk for pk, is_open in about.filter(consumer=one.consumer).values_list("pk", "is_open") if is_open]
    return list(_locked(due.filter(pk__in=waiting).order_by("event"))[:1])


def _most(consumer: Consumer) -> int:
    """Return how many are claimed together: one where no claim is taken back, so that who dies leaves one in doubt."""
    return BATCH if consumer.is_repeatable else 1


def _locked(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the same rows, locked when they are read, without those that another worker is at."""
    return rows.select_for_update(skip_locked=connections[rows.db].features.has_select_for_update_skip_locked)


def _tell(consumer: Consumer, delivery: Delivery, at: datetime) -> bool:
    """Have a consumer told by one claimed delivery; returns whether it was. Never raises."""
    try:
        # A topic leaves with its app, or a consumer asks for less than it did.
        wanted = delivery.event.topic in consumer.topics
        answer = consumer.deliver(event=delivery.event, at=at) if wanted else "no longer wanted"
        # One that returns nothing is done: it must not come again for that.
        why_not = shortened(text=str(answer or ""))
    except NotYet as later:
        _note(delivery, is_open=True, next_at=later.until, attempts=delivery.attempts - 1, error="")
        return False
    except Exception as error:
        logger.warning("message %s could not be sent", delivery, exc_info=True)
        if isinstance(error, PerhapsSent) and not consumer.is_repeatable:
            _note(delivery, error=shortened(text=f"{PERHAPS}: {error}"))
            return False
        _note(delivery, error=in_short(error), is_open=delivery.attempts < consumer.tries())
        return False
    _note(delivery, is_open=False, done_at=at, error=why_not)
    return not why_not


def _note(delivery: Delivery, **said: Any) -> None:
    """Write what became of a delivery, if it is still there: a welcome that is undone takes its messages along."""
    Delivery.objects.using(write_db()).filter(pk=delivery.pk).update(**said)


def _clear(at: datetime) -> None:
    """Forget the oldest events once they are old enough, some hundred a run."""
    # By key, in which they came: no index on the moment is needed to find the oldest.
    oldest = Event.objects.using(write_db()).order_by("pk").values_list("pk", "at")[:HANDED]
    Event.objects.using(write_db()).filter(pk__in=[pk for pk, then in oldest if then < at - KEPT]).delete()
