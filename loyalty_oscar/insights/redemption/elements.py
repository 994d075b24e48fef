"""What each reward did in a year."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Min, Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.reward_worth import reward_minor
from loyalty_oscar.redemption.models import Claim, ClaimStep

from ..elements import ElementYear, YearOfUnit, elements


class RewardParts:
    """Rewards that are in force, planned or were used, bought ones and gifts. Each use costs what one is worth."""

    title = pgettext_lazy("loyalty", "Reward")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        rows = (
            Reward.objects.using(write_db())
            .filter(program=year.unit.program_id)
            .select_related("program__unit")
            .order_by("pk")
        )
        claims = Claim.objects.using(write_db()).filter(reward__program=year.unit.program_id).order_by()
        firsts = dict(claims.values_list("reward").annotate(Min("got_at")))
        steps = ClaimStep.objects.using(write_db()).filter(
            state=Claim.State.USED, at__gte=year.since, at__lt=year.until
        )
        used = claims.filter(state=Claim.State.USED, pk__in=steps.values("claim"))
        counted = used.values_list("reward").annotate(Count("pk"), Count("member", distinct=True))
        uses = {reward: (times, members) for reward, times, members in counted}
        found = []
        for reward in rows.filter(Q(is_on=True) | Q(pk__in=uses)):
            times, members = uses.get(reward.pk, (0, 0))
            worth = reward_minor(reward=reward)
            found.append(
                ElementYear(
                    item=reward.code,
                    name=reward.name,
                    since=year.begin(firsts.get(reward.pk), starts_at=reward.starts_at),
                    cost=worth * times if worth or not times else None,
                    uptake=members,
                    could=year.members,
                )
            )
        return found


elements.register("rewards", order=30)(RewardParts())
