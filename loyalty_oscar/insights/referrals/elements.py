"""What bringing friends did in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Min
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program.db import write_db
from loyalty_oscar.referrals.models import Referral
from loyalty_oscar.referrals.queries import scheme_of

from ..elements import ElementYear, YearOfUnit, elements


class FriendParts:
    """The invitation to friends; members whose friend came and ordered use it. What both sides got is its cost."""

    title = pgettext_lazy("loyalty", "Friends")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        rows = Referral.objects.using(write_db()).filter(program=year.unit.program_id)
        rewarded = rows.filter(state=Referral.State.REWARDED)
        rewarded = rewarded.filter(rewarded_at__gte=year.since, rewarded_at__lt=year.until)
        givers = rewarded.aggregate(of=Count("giver", distinct=True))["of"]
        if not givers and scheme_of(program_id=year.unit.program_id) is None:
            return []
        return [
            ElementYear(
                item="friends",
                since=year.begin(rows.aggregate(of=Min("bound_at"))["of"]),
                cost=year.cost(("friends", "giver"), ("friends", "newcomer")),
                uptake=givers,
                could=year.members,
            )
        ]

    def called(self, *, item: str) -> str:
        return pgettext("loyalty", "Members bring friends")


elements.register("friends", order=50)(FriendParts())
