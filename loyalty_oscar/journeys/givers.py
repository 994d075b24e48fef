"""Campaigns and goals as givers of points."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.utils.translation import pgettext_lazy

from loyalty_oscar.ledger.givers import Share, givers, shares_by_key
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit

from .models import Campaign, Goal


class Campaigns:
    """What each campaign gave: for a birthday, a review, a word."""

    title = pgettext_lazy("loyalty", "Campaigns")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        return shares_by_key(entries=entries, kind="campaign")

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        ids = [item for item in items if item.isdigit()]
        return {
            str(pk): name
            for pk, name in Campaign.objects.using(write_db()).filter(pk__in=ids).values_list("pk", "name")
        }


class Goals:
    """What each goal gave to those who reached it."""

    title = pgettext_lazy("loyalty", "Goals")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        return shares_by_key(entries=entries, kind="goal")

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        ids = [item for item in items if item.isdigit()]
        return {
            str(pk): name for pk, name in Goal.objects.using(write_db()).filter(pk__in=ids).values_list("pk", "name")
        }


class Apologies:
    """What staff gave because something went wrong."""

    title = pgettext_lazy("loyalty", "Apologies")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        mine = shares_by_key(entries=entries, kind="case")
        return {pk: [Share("", share.points) for share in shares] for pk, shares in mine.items()}

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        return {item: str(self.title) for item in items}


givers.register("campaigns", order=50)(Campaigns())
givers.register("goals", order=55)(Goals())
givers.register("apologies", order=57)(Apologies())
