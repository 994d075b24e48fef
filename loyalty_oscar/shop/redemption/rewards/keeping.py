"""
Nothing is paid that was not shown: rewards that were promised to a payment are used with its order, or no order is
placed; and a preview stands for its rewards until the order is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models.signals import post_save, pre_save
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.program import clock, contributions
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.redemption.kinds import DELIVERY
from loyalty_oscar.redemption.models import Claim, Redemption
from loyalty_oscar.redemption.operations import on_baskets

from ...storefront.basket_holds import slot_of
from ...storefront.offer_hooks import LookAgain, RewardUnavailable
from ...storefront.request_hooks import checkout_guards
from ...storefront.shown_total import EARLY
from ..promise import comes_back, has_prices
from .discounts import gone
from .gift_lines import gifts_in
from .gifts import pieces_of
from .in_basket import given_to, promise_of
from .offers import keep_offering

KEY, FIELD = "loyalty_rewards", "loyalty-rewards"


def are_known(*, basket: Any) -> bool:
    """Return whether what lies on a basket was asked for in this request, as it is when offers are applied."""
    return hasattr(basket, "_loyalty_rows")


@harmless(but=LookAgain, later="nobody could see whether the rewards of a basket are still there")
def look_once_more(sender: Any, instance: Any, **kwargs: Any) -> None:
    """
    Refuse to go on to the payment of a basket whose reward was used or taken meanwhile, as of points; it is open again.

    One query where a reward does something, none elsewhere.
    """
    if instance.status != instance.FROZEN or not are_known(basket=instance):
        return
    keys = given_to(basket=instance).keys
    # django-oscar-api freezes the basket of an order that is placed, whose rewards are on no basket by then.
    rows = Redemption.objects.using(write_db()).filter(pk__in=keys, slot__isnull=False)
    if keys and rows.exclude(claim__state=Claim.State.OPEN, slot=slot_of(basket=instance)).exists():
        frozen = sender._default_manager.using(write_db()).filter(pk=instance.pk, status=instance.FROZEN)
        frozen.update(status=instance.OPEN)
        instance.status = instance.OPEN
        raise LookAgain(gone(), url=f"{reverse('checkout:preview')}#rewards")


@harmless(later="a reward that ends while somebody pays is not used with the order")
def basket_saved(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """Promise what rewards do when a payment begins; take them along when a basket is merged into another."""
    if created or instance.owner_id is None:
        return
    if instance.status == instance.FROZEN and are_known(basket=instance):
        given, at = given_to(basket=instance), clock.now()
        begun = [row for row in instance._loyalty_rows if row.pk in given.keys]
        for row in begun:
            row.promise, row.payment_at = promise_of(basket=instance, row=row), at
        # Only once it is committed, as of points: a payment in a long transaction locks no row of ours.
        transaction.on_commit(lambda: _write_down(begun, given.closing), using=write_db(), robust=True)
    elif instance.status == instance.MERGED:
        transaction.on_commit(lambda: _take_along(instance), using=write_db(), robust=True)


def _write_down(rows: list[Redemption], closing: Iterable[str]) -> None:
    for kind in closing:
        keep_offering(kind=kind)
    for row in rows:
        if row.order_id is None and row.promise and row.payment_at:
            on_baskets.begin_payment(redemption=row)


def _take_along(basket: Any) -> None:
    """Rewards of a basket that was merged lie on the one that is left. Two queries."""
    baskets = get_model("basket", "Basket").objects.using(write_db()).filter(owner_id=basket.owner_id)
    other = baskets.filter(status=basket.OPEN).exclude(pk=basket.pk).order_by("pk").first()
    if other is not None:
        on_baskets.move(before=slot_of(basket=basket), slot=slot_of(basket=other))


@harmless(but=RewardUnavailable, later="an order is placed without a look at its rewards")
def new_line(sender: Any, instance: Any, **kwargs: Any) -> None:
    """
    Refuse an order at its first line where a gift is in its basket that no reward pays for, or a reward was promised to
    its payment that nobody used, whatever way it is placed. No query where no reward lies on the basket.
    """
    order = instance._state.fields_cache.get("order")
    if order is None or not instance._state.adding or hasattr(order, "_loyalty_rewards_checked"):
        return
    order._loyalty_rewards_checked = True
    basket = order._state.fields_cache.get("basket")
    if basket is None:
        return
    used = order.__dict__.get("_loyalty_rewards_used", set())
    rows = [row for row in getattr(basket, "_loyalty_rows", ()) if row.claim_id is not None]
    if comes_back(basket=basket) and any(row.pk not in used and _is_missed(basket, order, row) for row in rows):
        raise RewardUnavailable(gone())
    paid = pieces_of([row for row in rows if row.pk in used])
    for line in gifts_in(basket=basket):
        paid[line.product_id] -= line.quantity
        if paid[line.product_id] < 0:
            raise RewardUnavailable(gone())


def _is_missed(basket: Any, order: Any, row: Redemption) -> bool:
    """Return whether an order costs more than was paid for want of a reward that was promised to its payment."""
    if row.promise is None or row.claim is None:
        return False
    if row.claim.reward.kind != DELIVERY:
        return bool(row.promise.get("minor"))
    # What delivery costs is known with the order alone. Where the reward counts, it or a better offer paid for it.
    return row.pk not in given_to(basket=basket).keys and bool(order.shipping_incl_tax)


@checkout_guards.register("rewards", order=25)
def checkpoint(*, request: Any) -> HttpResponse | None:
    """Send the customer back to the preview where a reward that it showed does nothing any more."""
    shown = _shown(request)
    if not shown or request.resolver_match.url_name in EARLY or request.basket.is_empty:
        return None
    if shown <= given_to(basket=request.basket).keys:
        return None
    messages.warning(request, gone(), fail_silently=True)
    request.session.pop(KEY, None)
    return HttpResponseRedirect(reverse("checkout:preview"))


def _shown(request: Any) -> set[int]:
    """Return the keys of the uses that the form says (it may be of another tab), else those of the last preview."""
    typed = request.POST.get(FIELD, "")[:200].split("-")
    if sent := {int(key) for key in typed if key.isascii() and key.isdigit() and len(key) < 19}:
        return sent
    said = request.session.get(KEY) or {}
    return set(said.get("keys", ())) if said.get("basket") == request.basket.pk else set()


@contributions.register("checkout:preview", "rewards", order=15)
def previewed(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Remember which rewards a preview shows, in the session and in the order's form; nobody else's is written."""
    keys = sorted(given_to(basket=subject).keys) if subject is not None and has_prices(basket=subject) else []
    if not keys:
        request.session.pop(KEY, None)
        return None
    said = {"basket": subject.pk, "keys": keys}
    if request.session.get(KEY) != said:
        request.session[KEY] = said
    return "loyalty/widgets/rewards_shown.html", {"name": FIELD, "value": "-".join(map(str, keys))}


for _receiver in (look_once_more, basket_saved):
    post_save.connect(
        _receiver,
        sender=get_model("basket", "Basket"),
        weak=False,
        dispatch_uid=f"loyalty_oscar.redemption.rewards.{_receiver.__name__}",
    )
pre_save.connect(
    new_line, sender=get_model("order", "Line"), weak=False, dispatch_uid="loyalty_oscar.redemption.rewards.new_line"
)
