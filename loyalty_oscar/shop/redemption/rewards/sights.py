"""The rewards of test members, and when they run out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.translation import pgettext

from loyalty_oscar.program import words
from loyalty_oscar.program.conf import BINDING_DAYS
from loyalty_oscar.program.db import write_db
from loyalty_oscar.redemption.models import Claim

from ...testclock.sights import test_sights
from .jobs import TOLD_DAYS

LIVING = (Claim.State.WAITS, Claim.State.OPEN)


class Rewards:
    """Rewards on the test clock."""

    def says(self, *, program_id: int, member_ids: Sequence[int], at: datetime) -> Mapping[int, list[str]]:
        """Return the rewards that members have, how each stands and until when. One query."""
        claims = Claim.objects.using(write_db()).filter(member_id__in=member_ids)
        found: dict[int, list[str]] = defaultdict(list)
        for claim in claims.select_related("reward", "member__program").order_by("pk"):
            told = {"reward": words.reward(name=claim.reward.name), "state": claim.get_state_display()}
            text = pgettext("loyalty", "%(reward)s: %(state)s") % told
            if claim.valid_until and claim.state in LIVING:
                told["day"] = words.last_day(claim.valid_until, zone=claim.member.program.time_zone)
                text = pgettext("loyalty", "%(reward)s: %(state)s, until %(day)s") % told
            found[claim.member_id].append(text)
        return found

    def due(self, *, program_id: int, member_ids: Sequence[int]) -> Iterator[datetime]:
        """Yield when rewards can be used, when their ends are announced, and when these come. One query."""
        claims = Claim.objects.using(write_db()).filter(member_id__in=member_ids, state__in=LIVING)
        for ready_at, ends_at in claims.values_list("ready_at", "valid_until"):
            if ready_at:
                yield ready_at
            if ends_at:
                yield from (ends_at - timedelta(days=days) for days in (TOLD_DAYS, BINDING_DAYS, 0))


test_sights.register("rewards")(Rewards())
