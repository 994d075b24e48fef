"""How a store bills a basket and writes its order, with the classes that the store has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oscar.core.loading import get_class, get_model

from .scene import Scene


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """What a basket comes to with its delivery, and who said so."""

    repository: Any
    method: Any
    charge: Any
    surcharges: Any
    calculator: Any
    total: Any


def bill_of(*, scene: Scene) -> Bill:
    """Return what the store's own code charges for the basket."""
    basket, request = scene.basket, scene.request
    repository = get_class("shipping.repository", "Repository")()
    method = repository.get_default_shipping_method(basket=basket, user=request.user, request=request)
    charge = method.calculate(basket)
    calculator = get_class("checkout.calculators", "OrderTotalCalculator")(request)
    surcharges = get_class("checkout.applicator", "SurchargeApplicator")(request, {}).get_applicable_surcharges(
        basket, shipping_charge=charge
    )
    total = calculator.calculate(basket, charge, surcharges)
    return Bill(
        repository=repository, method=method, charge=charge, surcharges=surcharges, calculator=calculator, total=total
    )


def place(*, scene: Scene, bill: Bill, user: Any, **more: Any) -> Any:
    """Place the order of the basket as a checkout does, or a webhook that knows no user; returns it as it is read."""
    basket = scene.basket
    number = get_class("order.utils", "OrderNumberGenerator")().order_number(basket)
    basket.freeze()
    order = get_class("order.utils", "OrderCreator")().place_order(
        basket=basket, total=bill.total, shipping_method=bill.method, shipping_charge=bill.charge, user=user,
        order_number=number, request=scene.request, surcharges=bill.surcharges, **more,
    )  # fmt: skip
    basket.submit()
    return get_model("order", "Order")._default_manager.get(pk=order.pk)
