"""A reward in a rehearsal: one is put on the basket, and the order uses it."""

from __future__ import annotations

from collections.abc import Iterator

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Reward
from loyalty_oscar.redemption.claims import claims_of
from loyalty_oscar.redemption.currencies import in_currency
from loyalty_oscar.redemption.kinds import DELIVERY, is_for_baskets
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import CannotClaim, present

from ...rehearsal import Number, Scene, rehearsal_parts
from .in_basket import given_to
from .use_rewards import use_in_request

KEPT = "reward"


class RewardsPart:
    """What the play adds where members can have a reward for their basket: the cheapest, delivery apart."""

    def before(self, *, scene: Scene) -> Iterator[Number]:
        """Give the customer the reward, and put it on the basket."""
        rows = Reward.objects.using(write_db()).filter(program=scene.unit.program_id, is_on=True).exclude(kind=DELIVERY)
        known = rows.select_related("program").order_by("price", "pk")
        usable = (one for one in known if is_for_baskets(kind=one.kind) and self.counts(reward=one, scene=scene))
        reward = next(usable, None)
        if reward is None:
            return
        member = Member.objects.using(write_db()).get(pk=scene.account.member_id)
        told = {"because": Because("goodwill"), "ready_at": scene.at, "at": scene.at}
        claim = present(reward=reward, member=member, key="rehearsal:reward", **told)
        claim = claims_of(member_id=member.pk).select_related("reward__program", "member").get(pk=claim.pk)
        own = scene.total()
        try:
            because = use_in_request(request=scene.request, claim=claim, basket=scene.basket, at=scene.at)
        except CannotClaim as refused:
            yield Number(what=f"the reward “{reward.name}”", got=f"not used ({refused.because.code})")
            return
        given = given_to(basket=scene.basket)
        if not given.keys:
            yield Number(what=f"the reward “{reward.name}”", got=f"takes nothing off ({because.code})")
            return
        scene.kept[KEPT] = claim.pk
        gifts = sum(line.quantity for line in scene.basket.all_lines()) - scene.quantity
        off = 0 if gifts else sum(given.minor.values())
        yield Number(
            what=f"the basket with the reward “{reward.name}”",
            got=scene.money(scene.total()),
            expected=scene.money(own - off),
            path=scene.in_basket,
        )

    def counts(self, *, reward: Reward, scene: Scene) -> bool:
        """Return whether a reward can be used in the currency of the play."""
        told = {"currency": scene.basket.currency or "", "own": reward.program.currency}
        return in_currency(params=reward.params, **told) is not None

    def placed(self, *, scene: Scene) -> Iterator[Number]:
        """See that the order used it."""
        if KEPT in scene.kept:
            claim = Claim.objects.using(write_db()).get(pk=scene.kept[KEPT])
            used = claim.order_id == scene.order.pk and claim.state == Claim.State.USED
            yield Number(what="rewards used by the order", got=str(int(used)), expected="1", path=scene.in_order)

    def returned(self, *, scene: Scene) -> Iterator[Number]:
        """A reward stays used while any of the goods stay: there is no number to look at."""
        yield from ()


rehearsal_parts.register("rewards", order=15)(RewardsPart())
