"""A payment that began with 500 points, and everything that may change before it comes back."""

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal as D
from types import SimpleNamespace

from django.db import connection
from django.test.utils import CaptureQueriesContext
from oscar.core.loading import get_class, get_model
from oscar.test import factories

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.program import operations
from loyalty_oscar.program.models import Phase, PointWorth, Program, State
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import LeastOrder, UseTerms
from loyalty_oscar.testing.factories import ProductSetFactory
from tests.integration.ledger.books import claw
from tests.once import once
from tests.points import account, give, points_club, terms
from tests.storefront import TODAY, a_basket, a_product, a_user

Basket, Offer = get_model("basket", "Basket"), get_model("offer", "ConditionalOffer")
Condition, Benefit = get_model("offer", "Condition"), get_model("offer", "Benefit")


@once
def a_shop(**limits):
    """The Paw Club; Boris has 1,000 paws, goods for 100.00 in his basket, and nothing else."""
    unit, user, bed = points_club(**limits), a_user(), a_product("Bed", "40.00")
    give(user, 600, unit, source="gift")
    operations.give(
        member_id=account(user).member_id, promise=Promise(points=400), key="referral:7:giver",
        because=Because("goodwill"), at=TODAY,
    )  # fmt: skip
    basket = a_basket(user, (bed, 2), (a_product("Bone", "20.00"), 1))
    basket.lines.update(date_updated=TODAY)
    return SimpleNamespace(unit=unit, user=user, bed=bed, basket=basket)


def _state(shop, *states):
    for state in states:
        change_state(program=Program.objects.get(), to=state, actor="system", at=TODAY)
    forget_cache()


def paused(shop):
    _state(shop, State.PAUSED)


def closed(shop):
    _state(shop, State.CLOSING)
    Phase.objects.filter(state=State.CLOSING).update(spending_ends_at=TODAY)
    _state(shop, State.CLOSED)


def switched_off(shop):
    terms(is_on=False)


def limits_deleted(shop):
    UseTerms.objects.all().delete()


def share_lowered(shop):
    terms(share=3)


def fewest_raised(shop):
    terms(minimum=700)


def step_raised(shop):
    terms(step=300)


def day_limited(shop):
    terms(per_day=100)


def vouchers_shut_out(shop):
    terms(not_with_vouchers=True)
    shop.basket.vouchers.add(factories.VoucherFactory(code="LATE"))


def reduced_goods_shut_out(shop):
    terms(not_on_discounted=True, not_on_exclusive=True)


def product_shut_out(shop):
    cards = ProductSetFactory(code="all", tie__range__includes_all_products=True)
    UseTerms.objects.get().excluded_sets.add(cards)
    forget_cache()


def product_never_reduced(shop):
    type(shop.bed).objects.update(is_discountable=False)


def least_order_raised(shop):
    LeastOrder.objects.create(terms=UseTerms.objects.get(), currency="EUR", minor=20_000)
    forget_cache()


def worth_halved(shop):
    PointWorth.objects.update(minor=50)
    forget_cache()


def worth_deleted(shop):
    PointWorth.objects.all().delete()
    forget_cache()


def ours():
    return Offer.objects.get(priority=-10_000)


def change_offer(**fields):
    """Staff change our offer, on the dashboard or in the admin."""
    offer = ours()
    for name, value in fields.items():
        setattr(offer, name, value)
    offer.save()


def offer_suspended(shop):
    ours().suspend()


def offer_over(shop):
    change_offer(start_datetime=TODAY - timedelta(days=9), end_datetime=TODAY - timedelta(days=2))


def offer_used_up(shop):
    change_offer(max_global_applications=1)
    Offer.objects.filter(priority=-10_000).update(num_applications=5)


def offer_limited_in_money(shop):
    change_offer(max_discount=D("1.00"), total_discount=D("1.00"))


def offer_deleted(shop):
    ours().delete()


def offer_of_another_kind(shop):
    change_offer(offer_type="Voucher")


def offer_suspended_unseen(shop):
    """By an update of rows, which tells nobody."""
    Offer.objects.update(status="Suspended")


def offer_deleted_with_its_parts(shop):
    """From a shell, by somebody who means it."""
    Offer.objects.all().delete()
    Condition.objects.filter(proxy_class__contains="loyalty").delete()
    Benefit.objects.filter(proxy_class__contains="loyalty").delete()


def goods_of_before_returned(shop):
    claw(account(shop.user), 600, source="gift", key="test:claw", at=TODAY)


def referral_reversed(shop):
    operations.take_back(
        member_id=account(shop.user).member_id, promise=Promise(points=400), key="referral:7:giver",
        because=Because("goodwill"), at=TODAY,
    )  # fmt: skip


#: What the merchant may change, and nobody takes a point.
SETTINGS = [
    paused, switched_off, limits_deleted, share_lowered, fewest_raised, step_raised, day_limited, vouchers_shut_out,
    reduced_goods_shut_out, product_shut_out, product_never_reduced, least_order_raised, worth_halved, worth_deleted,
    offer_suspended, offer_over, offer_used_up, offer_limited_in_money, offer_deleted, offer_of_another_kind,
]  # fmt: skip
#: What leaves nothing that Oscar could apply.
BEYOND_REPAIR = [offer_suspended_unseen, offer_deleted_with_its_parts]
#: What takes points away.
TAKING = [closed, goods_of_before_returned, referral_reversed]


def loaded(shop, **status):
    """The basket as a gateway's callback loads it and has Oscar apply its offers."""
    basket = Basket.objects.get(pk=shop.basket.pk, **status)
    return with_offers(basket, shop.user)


def with_offers(basket, user):
    basket.strategy = get_class("partner.strategy", "Selector")().strategy(user=user)
    get_class("offer.applicator", "Applicator")().apply(basket, user, SimpleNamespace(user=user))
    return basket


def frozen_still(shop):
    """The way back of a gateway that leaves the basket frozen."""
    return loaded(shop, status="Frozen")


def thawed(shop):
    """The way back of a gateway that thaws the basket and goes on with it."""
    basket = Basket.objects.get(pk=shop.basket.pk, status="Frozen")
    basket.thaw()
    return with_offers(basket, shop.user)


def thawed_and_loaded(shop):
    """The way back of one that thaws the basket and loads it anew."""
    Basket.objects.get(pk=shop.basket.pk, status="Frozen").thaw()
    return loaded(shop, status="Open")


WAYS_BACK = [frozen_still, thawed, thawed_and_loaded]


@contextmanager
def statements():
    """What the database is asked meanwhile."""
    said = []
    with CaptureQueriesContext(connection) as queries:
        yield said
    said += [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
