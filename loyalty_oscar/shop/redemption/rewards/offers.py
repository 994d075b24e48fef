"""
Our rows among Oscar's offers that let rewards lower what a basket costs: each made with the first reward that needs it.

Where staff suspend, limit or delete one while payments are under way, a second one keeps what those were promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.signals import post_delete, post_save, pre_save
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import Reward
from loyalty_oscar.redemption.kinds import DELIVERY, OFF, PRODUCT
from loyalty_oscar.redemption.models import Redemption

from ...upkeep.setup import SetupResult, setup_steps
from ...upkeep.uninstall import uninstall_steps
from .. import offer
from ..offer import UNDER_WAY, keep
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

    @property
    def keeper(self) -> int:
        """The priority by which the offer is known that stands in for it."""
        return self.priority - 1


OFFERS = {
    PRODUCT: OfferOf(
        name="Loyalty gifts",
        text="Members have gifts among their rewards, which cost nothing in the basket.",
        priority=10_000,
        benefit=offer.GIFTS,
    ),
    DELIVERY: OfferOf(
        name="Free delivery as a reward",
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


KINDS = {one.benefit: kind for kind, one in OFFERS.items()}


def offers_of(*, kind: str) -> QuerySet[Any]:
    """Return Oscar's offers that stand for a kind of rewards (there should be one)."""
    return _all_of(kind).exclude(priority=OFFERS[kind].keeper)


def _all_of(kind: str) -> QuerySet[Any]:
    offers = get_model("offer", "ConditionalOffer").objects.using(write_db())
    return offers.filter(benefit__proxy_class=OFFERS[kind].benefit).order_by("pk")


def kind_of(*, offer: Any) -> str:
    """Return the kind of rewards that an offer stands for, or nothing."""
    return KINDS.get(offer.benefit.proxy_class or "", "")


def is_keeper(*, offer: Any) -> bool:
    """Return whether an offer of rewards serves nothing but baskets that are being paid for, and ends by itself."""
    return bool(offer.priority == OFFERS[kind_of(offer=offer)].keeper)


def keep_offering(*, kind: str) -> None:
    """Have what payments under way were promised of a kind of rewards kept from now on, for as long as they take."""
    one = OFFERS[kind]
    keep(
        kept=_all_of(kind),
        name=f"{one.name} {UNDER_WAY}",
        description="Rewards that lay on a basket before its payment began do what they were shown to do.",
        condition=offer.REWARD_CONDITION,
        benefit=one.benefit,
        priority=one.keeper,
    )


@harmless
def offer_changes(sender: Any, instance: Any, **kwargs: Any) -> None:
    """
    Where an offer of ours will no longer be open to everybody and somebody may be paying, have what was promised kept.

    Before it is written, as of points.
    """
    if not offer.is_lasting(instance):
        _keep_for_payments(instance)


@harmless
def offer_gone(sender: Any, instance: Any, **kwargs: Any) -> None:
    """The same where it is gone."""
    _keep_for_payments(instance)


def _keep_for_payments(changed: Any) -> None:
    kind = kind_of(offer=changed)
    if not kind or is_keeper(offer=changed):
        return
    if Redemption.objects.using(write_db()).filter(slot__isnull=False, claim__reward__kind=kind).exists():
        keep_offering(kind=kind)


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
    """Make the reward of a full card, where one was chosen, and the offers of the kinds of which there are rewards."""
    price = ready.choices.card
    if price and not Reward.objects.using(write_db()).filter(program=ready.program).exists():
        minor = price * ready.choices.worth_minor // 100
        amount = money.in_words(minor=minor, currency=ready.program.currency)
        name = pgettext("loyalty", "A full card: %(amount)s off") % {"amount": amount}
        told = {"kind": OFF, "params": {"amount": minor}, "price": price, "cost_minor": minor}
        Reward.objects.using(write_db()).create(program=ready.program, code="full-card", name=name, **told)
        ready.made.append(f"Reward “{name}”")
    ready.made.extend(f"Offer “{name}” among Oscar's offers" for name in make_missing())


@uninstall_steps.register("rewards")
def take_offers_away(*, names: list[str]) -> Iterator[str]:
    """Remove our rows from Oscar's offers: without our code every basket would break on them."""
    if not {"redemption", "shop"} & set(names):
        return
    # Without our code a gift would be sold at its price.
    get_model("basket", "Line").objects.using(write_db()).filter(attributes__option__code=OPTION).delete()
    get_model("catalogue", "Option").objects.using(write_db()).filter(code=OPTION).delete()
    gone = offer.reward_offers().count()
    offer.reward_offers().delete()
    get_model("offer", "Condition").objects.using(write_db()).filter(proxy_class=offer.REWARD_CONDITION).delete()
    get_model("offer", "Benefit").objects.using(write_db()).filter(proxy_class__in=list(KINDS)).delete()
    if gone:
        yield f"offers of rewards: {gone} gone"


for _signal, _receiver in ((pre_save, offer_changes), (post_delete, offer_gone)):
    _signal.connect(
        _receiver,
        sender=get_model("offer", "ConditionalOffer"),
        weak=False,
        dispatch_uid=f"loyalty_oscar.shop.redemption.rewards.{_receiver.__name__}",
    )
post_save.connect(
    reward_saved, sender=Reward, weak=False, dispatch_uid="loyalty_oscar.shop.redemption.rewards.reward_saved"
)
