"""
Our rows among Oscar's offers that let rewards lower what a basket costs: each made with the first reward that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.signals import post_save
from oscar.core.loading import get_model

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import Reward
from loyalty_oscar.redemption.kinds import DELIVERY, OFF, PRODUCT

from ...upkeep.setup import SetupResult, setup_steps
from ...upkeep.uninstall import uninstall_steps
from .. import offer
from .gift_lines import OPTION


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferOf:
    """
    The offer of a kind of rewards. Gifts come before all other offers, so that none counts what costs nothing; what
    lowers the rest comes after them, and before points.
    """

    name: str
    text: str
    priority: int
    benefit: str


OFFERS = {
    PRODUCT: OfferOf(
        name="Loyalty gifts",
        text="Members have gifts among their rewards, which cost nothing in the basket.",
        priority=10_000,
        benefit=offer.GIFTS,
    ),
    DELIVERY: OfferOf(
        name="Loyalty delivery",
        text="Members have free delivery among their rewards.",
        priority=-8_000,
        benefit=offer.DELIVERY,
    ),
    OFF: OfferOf(
        name="Loyalty rewards",
        text="Members have money off among their rewards.",
        priority=-9_000,
        benefit=offer.REDUCTIONS,
    ),
}


def offers_of(*, kind: str) -> QuerySet[Any]:
    """Return Oscar's offers that stand for a kind of rewards (there should be one)."""
    offers = get_model("offer", "ConditionalOffer").objects.using(write_db())
    return offers.filter(benefit__proxy_class=OFFERS[kind].benefit).order_by("pk")


def make_missing() -> list[str]:
    """Make the offer of each kind of which there are rewards, where it is missing; returns the names."""
    kinds = Reward.objects.using(write_db()).filter(kind__in=OFFERS).order_by().values_list("kind", flat=True)
    made = []
    for kind in sorted(set(kinds)):
        if not offers_of(kind=kind).exists():
            one = OFFERS[kind]
            told = {"condition": offer.REWARD_CONDITION, "benefit": one.benefit, "priority": one.priority}
            offer.make_offer(name=one.name, description=one.text, **told)
            made.append(one.name)
    return made


@harmless(later="`manage.py loyalty_setup` makes the offer")
def reward_saved(sender: Any, instance: Reward, **kwargs: Any) -> None:
    """A reward was saved: from now on its kind needs an offer."""
    if instance.kind in OFFERS and not offers_of(kind=instance.kind).exists():
        make_missing()


@setup_steps.register("rewards", order=21)
def let_rewards_be_used(*, ready: SetupResult, at: datetime) -> None:
    """Make the offers of the kinds of which there are rewards."""
    ready.made.extend(f"Offer “{name}” among Oscar's offers" for name in make_missing())


@uninstall_steps.register("rewards")
def take_offers_away(*, names: list[str]) -> Iterator[str]:
    """Remove our rows from Oscar's offers: without our code every basket would break on them."""
    if not {"redemption", "shop"} & set(names):
        return
    # Without our code a gift would be sold at its price.
    get_model("basket", "Line").objects.filter(attributes__option__code=OPTION).delete()
    get_model("catalogue", "Option").objects.filter(code=OPTION).delete()
    gone = offer.reward_offers().count()
    offer.reward_offers().delete()
    get_model("offer", "Condition").objects.filter(proxy_class=offer.REWARD_CONDITION).delete()
    get_model("offer", "Benefit").objects.filter(proxy_class__in=[one.benefit for one in OFFERS.values()]).delete()
    if gone:
        yield f"offers of rewards: {gone} gone"


post_save.connect(
    reward_saved, sender=Reward, weak=False, dispatch_uid="loyalty_oscar.shop.redemption.rewards.reward_saved"
)
