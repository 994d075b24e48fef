"""Levels as givers of points: the gift for reaching each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.ledger.givers import Share, givers, shares_by_key
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Unit

from .models import Tier
from .queries import tier_name


class LevelGifts:
    """The welcome gifts of levels."""

    title = pgettext_lazy("loyalty", "Levels")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        return shares_by_key(entries=entries, kind="tier")

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        ids = [item for item in items if item.isdigit()]
        text = pgettext("loyalty", "Gift for reaching %(level)s")
        return {
            str(tier.pk): text % {"level": tier_name(tier=tier)}
            for tier in Tier.objects.using(write_db()).filter(pk__in=ids)
        }


givers.register("levels", order=30)(LevelGifts())
