"""Rewards as gifts: what features give through the grants registry, once per key, and take back while unused."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import GivenGift, Outcome, Promise, UsedGift
from loyalty_oscar.ledger.operations.recording import looking_ahead
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Reward
from loyalty_oscar.program.queries import begun_units, shown_units
from loyalty_oscar.program.registries import grants

from .models import Claim, Redemption
from .operations import claims
from .words import goes_back

State = Claim.State


class RewardGifts:
    """
    The grant `claim`. A gift knows no quota, no level and no dates of the catalogue: a promise is kept.

    One that waits can be used from when it is ready on, and so long its days do not run.
    """

    def grant(
        self,
        *,
        member_id: int,
        promise: Promise,
        key: str,
        because: Because,
        at: datetime,
        ready_at: datetime | None,
        waits: bool = False,
        anew: bool = False,
        happened_at: datetime | None = None,
    ) -> Outcome:
        """Give the reward once; what was taken back under this key is given again, as the reward that it was."""
        ready = ready_at if waits else at
        claim = claim_of(member_id=member_id, key=key)
        if claim is not None and claim.state != State.BACK:
            if not looking_ahead.get():
                claims.owe_again(claim=claim)
                claims.tell_ready(claim=claim, ready_at=ready, at=at)
            return Outcome.THERE
        if claim is not None:
            if not looking_ahead.get():
                claims.open_again(claim=claim, because=because, ready_at=ready, at=at)
            return Outcome.AGAIN
        if promise.reward_id is None:
            return Outcome.NOTHING
        if looking_ahead.get():
            return Outcome.GIVEN
        member = Member.objects.using(write_db()).select_related("program__unit").get(pk=member_id)
        reward = Reward.objects.using(write_db()).get(pk=promise.reward_id)
        claims.present(reward=reward, member=member, key=key, because=because, ready_at=ready, at=at)
        return Outcome.GIVEN

    def revoke(
        self,
        *,
        member_id: int,
        key: str,
        because: Because,
        at: datetime,
        since: datetime | None = None,
        keep_slots: Collection[str] = (),
    ) -> Outcome:
        """
        Take the reward back, unless it was used or staff were asked for it; `since` spares what was had before.

        One that was used goes back where the order that used it comes to nothing, too.
        """
        claim = claim_of(member_id=member_id, key=key)
        if claim is None or claim.state == State.BACK:
            return Outcome.NOTHING
        if since and claim.got_at < since:
            return Outcome.KEPT
        if ahead := looking_ahead.get():
            if claim.state in (State.USED, State.ASKED):
                return Outcome.KEPT
            ahead.beside.append(goes_back(name=claim.reward.name, because=because))
            return Outcome.TAKEN
        return Outcome.TAKEN if claims.take_back(claim=claim, because=because, at=at) else Outcome.KEPT

    def knows(self, *, member_id: int, key: str) -> bool:
        """Return whether a member ever had a reward under a key. No query where no program has rewards."""
        if not any(unit.program.known_rewards for unit in begun_units()):
            return False
        return claim_of(member_id=member_id, key=key) is not None

    def gifts(
        self,
        *,
        keys: Collection[str],
        member_ids: Collection[int] | None = None,
        since: datetime | None = None,
        waiting: bool = False,
    ) -> list[GivenGift]:
        """
        Return the rewards of these keys that were not taken back, oldest member first. No query where no program has
        rewards.
        """
        if not any(unit.program.known_rewards for unit in shown_units()):
            return []
        rows = Claim.objects.using(write_db()).filter(key__in=keys).exclude(state=State.BACK)
        if member_ids is not None:
            rows = rows.filter(member_id__in=member_ids)
        if since is not None:
            rows = rows.filter(got_at__gte=since)
        if waiting:
            rows = rows.filter(state=State.WAITS)
        found = rows.order_by("member_id", "pk").values_list("member_id", "key", "reward__name", "ready_at")
        return [
            GivenGift(member_id=member_id, key=key, reward=name, ready_at=ready_at)
            for member_id, key, name, ready_at in found
        ]

    def used(self, *, start: str, members: QuerySet[Any]) -> list[UsedGift]:
        """
        Return the rewards of these that stand used, oldest first, each at what one costs the shop by its page; where
        nothing is said there, at what it took off its order. No query where no program has rewards.
        """
        if not any(unit.program.known_rewards for unit in shown_units()):
            return []
        rows = Claim.objects.using(write_db()).filter(state=State.USED, key__startswith=start, member__in=members)
        use = Redemption.objects.filter(claim=OuterRef("pk"), number=OuterRef("number"), order_id__isnull=False)
        rows = rows.annotate(off=Subquery(use.values("minor")[:1]), of=Subquery(use.values("currency")[:1]))
        return [
            UsedGift(
                member_id=claim.member_id,
                reward=claim.reward.name,
                minor=claim.reward.cost_minor or claim.off or 0,
                currency=claim.reward.program.currency if claim.reward.cost_minor or not claim.of else claim.of,
            )
            for claim in rows.select_related("reward__program").order_by("pk")
        ]


def claim_of(*, member_id: int, key: str) -> Claim | None:
    """Return the gift of a key that a member has, or took along when two members became one. One query."""
    rows = Claim.objects.using(write_db()).select_related("reward", "member__program__unit").filter(key=key)
    passed_to = Member.objects.using(write_db()).filter(pk=member_id, merged_into__isnull=False).values("merged_into")
    return rows.filter(Q(member_id=member_id) | Q(member_id__in=passed_to)).first()


grants.register("claim")(RewardGifts())
