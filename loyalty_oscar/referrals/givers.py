"""Friends as givers of points: what both sides of an invitation got."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.ledger.givers import Share, givers, shares_by_key
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.models import Unit

NAMES = {
    "giver": pgettext_lazy("loyalty", "Thanks to those who brought a friend"),
    "newcomer": pgettext_lazy("loyalty", "Gifts to friends who came"),
}


class Friends:
    """The rewards of those who brought a friend, and of the friends."""

    title = pgettext_lazy("loyalty", "Friends")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        return shares_by_key(entries=entries, kind="referral", part=2)

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        return {item: str(NAMES.get(item, pgettext("loyalty", "Friends"))) for item in items}


givers.register("friends", order=40)(Friends())
