"""Members who use points on baskets of a real shop, for the crowds: by its own operations and Oscar's own creator."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from django.db import transaction
from django.db.models import Sum
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.ledger.operations import desk as ledger_desk
from loyalty_oscar.program import clock
from loyalty_oscar.redemption import operations as redemption_operations
from loyalty_oscar.redemption.models import Redemption
from loyalty_oscar.shop.redemption import use_points
from loyalty_oscar.shop.self_service import erasure
from loyalty_oscar.shop.storefront.request_hooks import view_frames
from tests.points import give, points_club, reload
from tests.storefront import a_basket, a_product, a_user

OrderDiscount = get_model("order", "OrderDiscount")


def a_shop():
    """A club whose points can be used, and a product of 50.00 that is never sold out."""
    unit, product = points_club(), a_product(price="50.00")
    product.stockrecords.update(num_in_stock=10**6)
    # Oscar counts what is sold; two first ones at once would break its own transaction.
    get_model("analytics", "ProductRecord").objects.get_or_create(product=product)
    return SimpleNamespace(unit=unit, product=product)


def a_member(shop, points, *, name="boris"):
    """Somebody with so many points, in two lots."""
    user = a_user(f"{name}@example.com")
    # As with products: two first orders at once.
    get_model("analytics", "UserRecord").objects.create(user=user)
    until = clock.now() + timedelta(days=365)
    give(user, points - points // 3, shop.unit, source="a", until=until)
    account = give(user, points // 3, shop.unit, source="b", until=until)
    return SimpleNamespace(user=user, account=account, baskets=[])


def baskets_of(member, shop, number):
    """So many open baskets with one thing each: as many devices."""
    member.baskets = [a_basket(member.user, (shop.product, 1)) for _ in range(number)]
    return member.baskets


def many_baskets_of(member, shop, number):
    """So many open baskets again, written at once."""
    first = a_basket(member.user, (shop.product, 1))
    Basket, Line, (line,) = get_model("basket", "Basket"), get_model("basket", "Line"), first.all_lines()
    others = Basket.objects.bulk_create(Basket(owner=member.user) for _ in range(number - 1))
    copied = {field: getattr(line, field) for field in ("line_reference", "product", "stockrecord", "price_currency")}
    Line.objects.bulk_create(Line(basket=basket, quantity=1, **copied) for basket in others)
    for basket in others:
        basket.strategy = first.strategy
    member.baskets = [first, *others]
    return member.baskets


def use(shop, member, basket, points):
    """What the POST of the basket page does."""
    at = clock.now()
    return use_points.use_points(account=member.account, unit=shop.unit, basket=basket, points=points, at=at)


def place(member, basket, *, number=None):
    """What the last step of the checkout does with a basket as its page loaded it."""
    with transaction.atomic():
        return factories.create_order(number=number or str(100_000 + basket.pk), basket=basket, user=member.user)


def placed(member, basket, *, number=None):
    """Load the basket as a page does, and place its order."""
    return place(member, reload(member.user, basket), number=number)


def used(account) -> int:
    """How many points holds of an account say were used."""
    return Hold.objects.filter(account=account).aggregate(points=Sum("captured"))["points"] or 0


def undercharged() -> int:
    """How many cents came off orders that no point was taken for; a point is worth a cent."""
    taken_off = OrderDiscount.objects.aggregate(amount=Sum("amount"))["amount"] or 0
    return int(taken_off * 100) - (Hold.objects.aggregate(points=Sum("captured"))["points"] or 0)


def without_lock(monkeypatch):
    """Read accounts without locking them, in the ledger and at the shop's desk."""
    for module in (ledger_desk, use_points):
        monkeypatch.setattr(module, "lock", lambda *, account_id: Account.objects.get(pk=account_id))


def takes_what_is_there(monkeypatch):
    """Let an order take whatever is set aside by now, not what its page showed."""
    real = redemption_operations.take

    def take(*, redemption, minor, **rest):
        ledger_desk.lock(account_id=redemption.hold.account_id)
        there = Redemption.objects.filter(hold__origin=redemption.hold.origin).select_related("hold").last()
        minor = min(minor, there.hold.points)
        lines = [{**line, "minor": minor} for line in rest.pop("lines")]
        return real(redemption=there, minor=minor, lines=lines, **rest)

    monkeypatch.setattr(redemption_operations, "take", take)


def lets_uses_be_repeated(monkeypatch):
    """Take a use that was captured before for a new one."""
    real = ledger.capture
    monkeypatch.setattr(ledger, "capture", lambda **fields: replace(real(**fields), replayed=False))


def leaving_unlocked(patch):
    """Delete a profile as Oscar does, and lock nothing of its person's checkout before their accounts."""
    patch.setattr(erasure, "lock_person", lambda **person: [])
    view_frames.unregister("people")
