"""Members are told when a return or a cancel changed their points: one event for each account and look at orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext_lazy

from loyalty_oscar.ledger.models import Entry, Kind
from loyalty_oscar.program.events import Happening, Topic, announce_many, topics

TOPIC = "points-back"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "An order that went back"),
        text="an order that went back, or stands again, took points or gave used ones back",
        payload={"account": "key of the account", "entries": "keys of its entries, in their order"},
    )
)
#: Codes of what one order does to its own points; the others hang on it: a gift of a level, a friend's reward.
OWN = ("goods_returned", "order_came_to_nothing", "order_stands_again")
#: What an order that is paid for anew moves to and fro is no news.
SILENT = frozenset({"use_replaced"})


def announce_entries(*, entries: Iterable[Any], at: datetime) -> None:
    """
    Announce those entries, posted for orders a moment ago, that took points or gave some back. One query where there
    are any. What an order lost before it had brought anything is no news.
    """
    # An effect of a store's own may have posted something else.
    posted = [entry for entry in entries if isinstance(entry, Entry)]
    new = {entry.because.get("p", {}).get("order") for entry in posted if entry.kind == Kind.EARN}
    told: dict[int, list[Entry]] = defaultdict(list)
    for entry in posted:
        code, order = entry.because.get("c"), entry.because.get("p", {}).get("order")
        is_back = entry.kind in (Kind.CLAW, Kind.RESTORE, Kind.CAPTURE) and code not in SILENT
        if (is_back or ran_out_at_once(entry=entry)) and (order is None or order not in new):
            told[entry.account_id].append(entry)
    announce_many(
        happenings=[
            Happening(
                topic=TOPIC,
                key=f"account:{account_id}:entry:{own[-1].seq}",
                member_id=own[-1].account.member_id,
                payload={"account": account_id, "entries": [entry.pk for entry in own]},
                at=at,
            )
            for account_id, own in told.items()
        ]
    )


def ran_out_at_once(*, entry: Entry) -> bool:
    """Return whether used points came back with an order and ran out with that: their date had passed."""
    return entry.kind == Kind.EXPIRE and entry.because.get("p", {}).get("order") is not None
