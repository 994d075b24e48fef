"""What a rehearsal plays with: a made-up customer, a product that is on sale, and what came of them so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.db.models import Q
from django.http import HttpRequest
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program import words
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.money import exponent, to_minor

from ..notices.letters import SiteRequest
from ..storefront.visit import Visit
from . import forks

EMAIL = "loyalty-rehearsal@example.invalid"
#: Products that are looked at before a shop counts as one that has nothing to sell.
LOOKED_AT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """
    One number of a rehearsal as text; `expected` says what it should be, "" where nobody can know.

    `path` are the classes and methods of the store that it came through.
    """

    what: str
    got: str
    expected: str = ""
    path: tuple[tuple[Any, tuple[str, ...]], ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether it is what was expected."""
        return self.expected in ("", self.got)


class RehearsalPart(Protocol):
    """What a feature plays: before the order, after it, and once a unit came back."""

    def before(self, *, scene: Scene) -> Iterator[Number]: ...

    def placed(self, *, scene: Scene) -> Iterator[Number]: ...

    def returned(self, *, scene: Scene) -> Iterator[Number]: ...


#: What one raises ends the rehearsal and is its last number: the store's own code is what it is asked for.
rehearsal_parts: Hook[RehearsalPart] = Hook("rehearsal_parts", RehearsalPart, on_error=RAISE)


@dataclass(kw_only=True, slots=True)
class Scene:
    """The rehearsal so far; parts may leave things for later in `kept`."""

    unit: Unit
    at: datetime
    request: HttpRequest
    basket: Any
    product: Any
    quantity: int
    account: Account
    order: Any = None
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def in_basket(self) -> tuple[tuple[Any, tuple[str, ...]], ...]:
        """The store's way from a product to the total of a basket."""
        applicator, line = get_class("offer.applicator", "Applicator"), get_model("basket", "Line")
        offer = get_model("offer", "ConditionalOffer")
        return (
            (self.basket.strategy, forks.PRICES),
            (applicator, forks.OFFERS),
            (offer, forks.OFFER),
            (line, forks.LINE),
            (self.basket, forks.BASKET),
        )

    @property
    def in_order(self) -> tuple[tuple[Any, tuple[str, ...]], ...]:
        """The store's way from a basket to an order."""
        creator, order = get_class("order.utils", "OrderCreator"), get_model("order", "Order")
        return (creator, forks.ORDERS), (order, forks.SAVED), (get_model("order", "Line"), forks.SAVED)

    def total(self) -> int:
        """Return what the basket comes to now in minor units, as its customer sees prices."""
        amount = self.basket.total_incl_tax if self.basket.is_tax_known else self.basket.total_excl_tax
        return self.minor(amount)

    def minor(self, amount: Decimal) -> int:
        """Return an amount in minor units."""
        return to_minor(amount=Decimal(amount), currency=self.basket.currency)

    def money(self, minor: int) -> str:
        """Return minor units as a rehearsal writes them, such as "49.80 EUR"."""
        currency = self.basket.currency
        return f"{to_major(minor=minor, exponent=exponent(currency=currency))} {currency}"

    @property
    def called(self) -> str:
        """What is counted, for the name of a number."""
        return "credit" if self.unit.is_money else "points"

    def counted(self, points: int) -> str:
        """Return a number of points as it is compared; of money the amount."""
        return words.points(unit=self.unit, points=points) if self.unit.is_money else str(points)

    def booked(self, *kinds: str) -> int:
        """Return what the customer's entries of these kinds come to, in points."""
        return sum(entry.net for entry in Entry.objects.filter(account=self.account, kind__in=kinds))


def set_the_scene(*, unit: Unit, account_of: Callable[[Any], Account], product_id: str, at: datetime) -> Scene:
    """
    Make the customer and a basket with two units of a product (one where there is no more), all offers applied.

    Raises `LoyaltyError` where the shop has nothing to sell.
    """
    request = _request()
    strategy = get_class("partner.strategy", "Selector")().strategy(request=request, user=request.user)
    product, quantity = _on_sale(strategy, product_id)
    basket = get_model("basket", "Basket")._default_manager.create(owner=request.user)
    basket.strategy, request.basket, request.strategy = strategy, basket, strategy
    basket.add_product(product, quantity)
    get_class("offer.applicator", "Applicator")().apply(basket, request.user, request)
    return Scene(
        unit=unit, at=at, request=request, basket=basket, product=product, quantity=quantity,
        account=account_of(request.user.pk),
    )  # fmt: skip


def visit_of_nobody() -> Visit:
    """Return a visit of the shop's site, to ask which program serves it."""
    return _request(is_known=False).loyalty


def _request(*, is_known: bool = True) -> HttpRequest:
    request = SiteRequest(site=Site.objects.order_by("pk").first() or Site(domain="localhost"))
    request.method, request.session = "GET", {}
    request.loyalty = Visit(request)
    if is_known:
        request.user = _customer()
    return request


def _customer() -> Any:
    users = get_user_model()
    customer = users(**{users.USERNAME_FIELD: EMAIL, users.get_email_field_name(): EMAIL})
    customer.set_unusable_password()
    customer.save()
    return customer


def _on_sale(strategy: Any, product_id: str) -> tuple[Any, int]:
    products = get_model("catalogue", "Product").objects
    if product_id:
        wanted = products.filter(Q(upc=product_id) | Q(pk=int(product_id) if product_id.isdecimal() else None))
    else:
        wanted = products.filter(is_public=True).exclude(structure="parent").order_by("pk")[:LOOKED_AT]
    for product in wanted:
        info = strategy.fetch_for_product(product)
        for quantity in (2, 1):
            if info.price.exists and info.price.excl_tax and info.availability.is_purchase_permitted(quantity)[0]:
                return product, quantity
    if product_id:
        raise LoyaltyError(f"the product {product_id!r} is not on sale")
    raise LoyaltyError("the shop has no product to sell: none is public, in stock and has a price")
