"""Campaigns as givers of points."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.utils.translation import pgettext_lazy

from loyalty_oscar.ledger.givers import Share, givers
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.models import Unit

from .models import Campaign


class Campaigns:
    """What each campaign gave: for a birthday, a review, a word."""

    title = pgettext_lazy("loyalty", "Campaigns")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        keys = {entry.pk: entry.key.split(":") for entry in entries if entry.key.startswith("campaign:")}
        return {entry.pk: [Share(keys[entry.pk][1], entry.net)] for entry in entries if entry.pk in keys}

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        ids = [item for item in items if item.isdigit()]
        return {str(pk): name for pk, name in Campaign.objects.filter(pk__in=ids).values_list("pk", "name")}


givers.register("campaigns", order=50)(Campaigns())
