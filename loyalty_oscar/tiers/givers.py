"""Levels as givers of points: the gift for reaching each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.ledger.givers import Share, givers
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.models import Unit

from .models import Tier


class LevelGifts:
    """The welcome gifts of levels."""

    title = pgettext_lazy("loyalty", "Levels")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        keys = {entry.pk: entry.key.split(":") for entry in entries if entry.key.startswith("tier:")}
        return {entry.pk: [Share(keys[entry.pk][1], entry.net)] for entry in entries if entry.pk in keys}

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        ids = [item for item in items if item.isdigit()]
        text = pgettext("loyalty", "Gift for reaching %(level)s")
        return {
            str(pk): text % {"level": name} for pk, name in Tier.objects.filter(pk__in=ids).values_list("pk", "name")
        }


givers.register("levels", order=30)(LevelGifts())
