"""
Our row for points among Oscar's offers: made by `loyalty_setup`, taken along by `loyalty_uninstall`.

Where staff suspend, limit or delete it while payments are under way, a second one keeps what those were promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connections, transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Hold
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.redemption.models import Redemption, UseTerms

from ..upkeep.setup import SetupResult, setup_steps
from ..upkeep.uninstall import uninstall_notes, uninstall_steps

#: For ever: Oscar's rows name them.
CONDITION = "loyalty_oscar.shop.models.PointsCondition"
BENEFIT = "loyalty_oscar.shop.models.PointsBenefit"
REWARD_CONDITION = "loyalty_oscar.shop.models.RewardCondition"
GIFTS, DELIVERY, REDUCTIONS = (
    f"loyalty_oscar.shop.models.{name}" for name in ("GiftBenefit", "DeliveryBenefit", "ReductionBenefit")
)
#: After everything else that a shop may have.
PRIORITY = -10_000
#: By this the second is known; it serves nothing but baskets that are being paid for, and ends by itself.
KEEPER = PRIORITY - 1
UNDER_WAY = "(payments under way)"
KEEPER_NAME = f"Loyalty points {UNDER_WAY}"
KEEPER_TEXT = "Points that members had chosen before they began to pay are taken off as they were shown."
NAME = "Loyalty points"
TEXT = "Members use the points they have collected: choose how many in the basket."


def our_offers() -> QuerySet[Any]:
    """Return Oscar's offers that stand for points (there should be one)."""
    return all_offers().exclude(priority=KEEPER)


def all_offers() -> QuerySet[Any]:
    """Return them with the one that keeps what payments under way were promised."""
    offers = get_model("offer", "ConditionalOffer").objects.using(write_db())
    return offers.filter(Q(condition__proxy_class=CONDITION) | Q(benefit__proxy_class=BENEFIT)).order_by("pk")


def is_ours(*, offer: Any) -> bool:
    """Return whether an offer stands for points. No query of those that Oscar's applicator loaded with their parts."""
    return offer.condition.proxy_class == CONDITION or offer.benefit.proxy_class == BENEFIT


def is_of_house(*, offer: Any) -> bool:
    """Return whether an offer stands for points or for rewards, as `is_ours` does."""
    return is_ours(offer=offer) or offer.benefit.proxy_class in (GIFTS, DELIVERY, REDUCTIONS)


def reward_offers() -> QuerySet[Any]:
    """Return Oscar's offers that stand for rewards."""
    offers = get_model("offer", "ConditionalOffer").objects.using(write_db())
    benefits = (GIFTS, DELIVERY, REDUCTIONS)
    found = Q(condition__proxy_class=REWARD_CONDITION) | Q(benefit__proxy_class__in=benefits)
    return offers.filter(found).order_by("pk")


def offers_of_house() -> QuerySet[Any]:
    """Return all offers that stand for points or rewards."""
    return all_offers().order_by() | reward_offers().order_by()


def is_lasting(offer: Any) -> bool:
    """Return whether an offer of ours is open to everybody and no limit or date will close it."""
    limits = ("max_global_applications", "max_user_applications", "max_discount", "end_datetime")
    is_free = all(getattr(offer, name) is None for name in limits)
    return is_free and offer.is_open and offer.offer_type == offer.SITE and offer.priority != KEEPER


def keep_offering() -> None:
    """Make the offer that keeps what payments under way were promised, or have it last long enough from now on."""
    keep(kept=all_offers(), name=KEEPER_NAME, description=KEEPER_TEXT, priority=KEEPER)


def keep(*, kept: QuerySet[Any], priority: int, **told: Any) -> None:
    """Make an offer that stands in for another of `kept` while payments are under way, or have it last from now on."""
    # Oscar compares its dates with this clock.
    until = timezone.now() + timedelta(minutes=2 * conf.GATEWAY_MINUTES)
    lasting = {"end_datetime": until, "start_datetime": None, "status": "Open", "offer_type": "Site"}
    kept = kept.filter(priority=priority)
    if kept.update(**lasting):
        return
    try:
        with transaction.atomic(using=write_db()):
            make_offer(priority=priority, end_datetime=until, **told)
    except IntegrityError:
        # Its name is one of a kind: somebody made it at this very moment.
        kept.update(**lasting)


def is_in_its_dates(offer: Any, at: datetime) -> bool:
    """Return whether a moment lies within the dates of an offer, if it has any."""
    return not (offer.start_datetime and offer.start_datetime > at) and not (
        offer.end_datetime and offer.end_datetime < at
    )


@setup_steps.register("redemption", order=20)
def let_points_be_used(*, ready: SetupResult, at: datetime) -> None:
    """
    Make the limits of the program (none at all, to begin with; with a card nothing can be used but for its reward) and
    the one offer that serves all programs.
    """
    usual = {"is_on": not ready.choices.card}
    terms, made = UseTerms.objects.using(write_db()).get_or_create(program=ready.program, defaults=usual)
    if terms.is_on:
        (ready.made if made else ready.there).append("Customers can use what they have in the basket")
    if our_offers().exists():
        ready.there.append("Offer “Loyalty points” among Oscar's offers")
        return
    make_offer()
    ready.made.append("Offer “Loyalty points” among Oscar's offers, after all others")


def make_offer(*, name: str = NAME, condition: str = CONDITION, benefit: str = BENEFIT, **fields: Any) -> Any:
    """Make an offer of ours, with its condition and benefit by their classes; a name that is taken gets a number."""
    offers = get_model("offer", "ConditionalOffer").objects.using(write_db())
    when, _made = get_model("offer", "Condition").objects.using(write_db()).get_or_create(proxy_class=condition)
    what, _made = get_model("offer", "Benefit").objects.using(write_db()).get_or_create(proxy_class=benefit)
    taken = offers.filter(name__startswith=name).exclude(name__endswith=UNDER_WAY).count()
    usual = {"description": TEXT, "priority": PRIORITY, "exclusive": False, "max_basket_applications": 1}
    return offers.create(name=f"{name} {taken + 1}" if taken else name, condition=when, benefit=what, **usual | fields)


@uninstall_notes.register("redemption")
def what_is_lost(*, names: list[str]) -> Iterator[str]:
    """Say before it happens what becomes of points that are set aside or used."""
    if "redemption" not in names or not _has(Redemption):
        return
    if orders := Redemption.objects.using(write_db()).filter(order_id__isnull=False, returned__lt=F("points")).count():
        yield f"orders paid with points: {orders:,}; what they used no longer comes back when goods do"
    if points := _open_holds().aggregate(points=Sum("points"))["points"]:
        yield f"points set aside for baskets: {points:,}; they go back to their members"


@uninstall_steps.register("redemption")
def take_offer_away(*, names: list[str]) -> Iterator[str]:
    """Remove our rows from Oscar's offers (without our code every basket would break on them); free what is held."""
    if not {"redemption", "shop"} & set(names):
        return
    gone = our_offers().count()
    all_offers().delete()
    get_model("offer", "Condition").objects.using(write_db()).filter(proxy_class=CONDITION).delete()
    get_model("offer", "Benefit").objects.using(write_db()).filter(proxy_class=BENEFIT).delete()
    yield f"offers of ours: {gone} gone"
    if "ledger" not in names and _has(Redemption):
        holds = list(_open_holds())
        for hold in holds:
            because = Because("use_ended")
            ledger.release(hold_id=hold.pk, account_id=hold.account_id, because=because, at=clock.now())
        yield f"points set aside for baskets: {sum(hold.points for hold in holds):,} given back"


def _open_holds() -> QuerySet[Hold]:
    holds = Hold.objects.using(write_db()).filter(state=Hold.State.OPEN, redemption__isnull=False)
    return holds.order_by("account_id", "pk")


def _has(model: type[Any]) -> bool:
    return model._meta.db_table in connections[write_db()].introspection.table_names()
