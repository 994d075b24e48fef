"""
The letter about points that an order took or gave back: a return, a cancel, and all that hung on it.

What goes back is often written down piece by piece, so a letter tells of all that moved on one day, and waits half an
hour: of several events of a day the last one tells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.models import Account, Counter, Entry
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Event

from ..notices.letters import (
    Letter,
    LetterRow,
    MailKind,
    inbox_links,
    letters,
    mail_kinds,
    once_settled,
    shared,
    timings,
)
from .statuses import is_dead
from .went_back import OWN, TOPIC, ran_out_at_once


@letters.register(TOPIC)
def points_back(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter about a day; None where a later event of it tells all, or nothing has moved in the end."""
    account = Account.objects.using(write_db()).select_related("unit__program").get(pk=event.payload["account"])
    unit, zone = account.unit, account.unit.program.time_zone
    begin = periods.start_of_day(day=periods.local_day(at=event.at, zone=zone), zone=zone)
    same = Event.objects.using(write_db()).filter(topic=TOPIC, member=event.member, at__gte=begin)
    own = [row for row in same.order_by("pk") if _is_same_day(row, event, zone)]
    if own[-1].pk != event.pk:
        return None
    ids = [pk for row in own for pk in row.payload.get("entries", ())]
    entries = list(Entry.objects.using(write_db()).filter(pk__in=ids, account=account).order_by("seq"))
    rows, orders = _rows(entries)
    moved = sum(entry.net for entry in entries)
    # What was used is yours again at once, whatever else of the order falls away beside it.
    used = sum(entry.net for entry in entries if _kind(entry) == "used")
    told = used if used > 0 else moved
    if not any(points for _text, points in rows):
        return None
    only = next(iter(orders.values())) if len(orders) == 1 else None
    path = reverse("loyalty:statement")
    if only is not None:
        path = reverse("customer:order", kwargs={"order_number": only.number})
    is_cancelled = only is not None and is_dead(status=only.status)
    context = shared(member=event.member, account=account, unit=unit, points=abs(told), path=path)
    context |= {
        "order_number": only.number if only is not None else "",
        "is_cancelled": is_cancelled,
        "is_gain": told > 0,
        "is_even": told == 0,
        "lead": _lead(used=used, moved=moved, is_cancelled=is_cancelled),
        "moved": words.points(unit=unit, points=moved, signed=True),
        "why": [LetterRow(text, words.number(unit=unit, points=points, signed=True)) for text, points in rows],
        "to_make_up": words.points(unit=unit, points=account.debt) if account.debt else "",
    }
    if len(rows) > 1:
        context["why"].append(LetterRow(pgettext("loyalty", "In all"), context["moved"], is_total=True))
    return Letter(code="LOYALTY_POINTS_BACK", context=context)


def _lead(*, used: int, moved: int, is_cancelled: bool) -> str:
    """Return what happened, in a sentence."""
    if used > 0 and is_cancelled:
        return pgettext("loyalty", "The order was cancelled. What you used for it is yours again.")
    if used > 0:
        return pgettext("loyalty", "What you used for goods that went back is yours again.")
    if moved > 0:
        return pgettext("loyalty", "This was taken back, and is yours again.")
    if moved == 0:
        return pgettext("loyalty", "You got back as much as we took back.")
    if is_cancelled:
        return pgettext("loyalty", "The order was cancelled. We take back only what it had earned.")
    return pgettext("loyalty", "We take back only what those goods had earned.")


def _is_same_day(row: Event, event: Event, zone: str) -> bool:
    days = {periods.local_day(at=one.at, zone=zone) for one in (row, event)}
    return len(days) == 1 and row.payload.get("account") == event.payload["account"]


def _rows(entries: Sequence[Entry]) -> tuple[list[tuple[str, int]], dict[Any, Any]]:
    """Return what happened to each order's points, then all else, in words and signed points; and the orders by key."""
    groups: dict[tuple[str, Any], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[_kind(entry), entry.because.get("p", {}).get("order", entry.pk)].append(entry)
    ids = {key for kind, key in groups if kind in ("order", "used")}
    orders = get_model("order", "Order").objects.using(write_db()).in_bulk(list(ids))
    rows = [(_text(kind, orders.get(key), own), sum(entry.net for entry in own)) for (kind, key), own in groups.items()]
    return [(text, points) for text, points in rows if points], orders


def _kind(entry: Entry) -> str:
    if entry.counter == Counter.REDEMPTION or ran_out_at_once(entry=entry):
        return "used"
    return "order" if entry.because.get("c") in OWN else "more"


def _text(kind: str, order: Any, own: Sequence[Entry]) -> str:
    """Return one sentence about what happened, however many entries it took."""
    number = own[0].because.get("p", {}).get("number", "")
    if kind == "more":
        return words.why(own[0].because)
    if kind == "used":
        text = pgettext("loyalty", "Used for order %(number)s, yours again")
        return text % {"number": number}
    if order is None or is_dead(status=order.status):
        return words.why(Because("order_came_to_nothing", number=number))
    return words.why(Because("goods_returned", number=number, units=_units(own)))


def _units(own: Iterable[Entry]) -> int:
    """Return how many pieces went back, less those that came to stand again."""
    signs = {"goods_returned": 1, "order_came_to_nothing": 1, "order_stands_again": -1}
    return max(1, sum(signs[entry.because["c"]] * entry.because["p"].get("units", 0) for entry in own))


timings.register(TOPIC)(once_settled)
inbox_links.register(TOPIC)(lambda: pgettext("loyalty", "See what happened"))
mail_kinds.register(TOPIC)(MailKind(text=lambda: pgettext("loyalty", "What a return or a cancelled order changes")))
