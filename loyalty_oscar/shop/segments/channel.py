"""The trait `channel`: where members usually order, in shops that say so of orders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.people.models import Receipt
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.registries import order_facts, traits

#: The order fact that is asked; orders of so many days count, and so many are asked of at once.
FACT, DAYS, TOGETHER = "channel", 365, 10_000


class ChannelTrait:
    """Members most of whose orders of a year came through `channel`, as the order fact of that name tells it."""

    label, is_personal = pgettext_lazy("loyalty", "Usual channel"), False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        text = pgettext("loyalty", "As your shop names it, such as “app”. Most orders of the last 365 days decide.")
        return {"channel": forms.CharField(label=pgettext("loyalty", "Channel"), help_text=text, max_length=60)}

    def says(self, *, params: Mapping[str, Any], program_id: int) -> str:
        return pgettext("loyalty", "order mostly through “%(channel)s”") % {"channel": params["channel"]}

    def holders(
        self, *, program_id: int, params: Mapping[str, Any], at: datetime, after: int, last: int
    ) -> Collection[int]:
        rows = Receipt.objects.using(write_db()).filter(
            program=program_id, member_id__gt=after, member_id__lte=last, is_gone=False,
            placed_at__gt=at - timedelta(days=DAYS), placed_at__lte=at,
        )  # fmt: skip
        told: dict[int, Counter[str]] = defaultdict(Counter)
        pairs = (
            rows.order_by("placed_at", "order_id").values_list("member_id", "order_id").iterator(chunk_size=TOGETHER)
        )
        while some := list(islice(pairs, TOGETHER)):
            found = order_facts.get(FACT).of_orders(order_ids=[order_id for _member, order_id in some])
            for member_id, order_id in some:
                if order_id in found:
                    told[member_id][str(found[order_id])] += 1
        return {pk for pk, counts in told.items() if counts.most_common(1)[0][0] == params["channel"]}


def register() -> None:
    """Let segments ask for channels, where the shop says them of orders."""
    if FACT in order_facts:
        traits.register("channel")(_TRAIT)


_TRAIT = ChannelTrait()
