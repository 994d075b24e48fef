"""The rehearsal itself: basket, order, shipping, the return of a unit; each number, and who departs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import rolled_back, write_db
from loyalty_oscar.program.models import Program, State, Unit
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.program.queries import remembering_apart

from ..orders import statuses
from ..orders.sync import sync_orders
from . import forks
from .placing import bill_of, place
from .quiet import quietly
from .scene import Number, Scene, rehearsal_parts, set_the_scene, visit_of_nobody


@dataclass(kw_only=True, slots=True)
class Rehearsal:
    """What came of it: the numbers in order, and the receivers of the store that were not called."""

    product: str
    numbers: list[Number] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def departs(self) -> Number | None:
        """The first number that is not what it should be."""
        return next((number for number in self.numbers if not number.agrees), None)

    @property
    def fork(self) -> str:
        """The first method of the store on the way of that number, "" where all are Oscar's own."""
        return forks.first_fork(path=self.departs.path) if self.departs else ""

    def as_json(self) -> dict[str, Any]:
        """Return plain values for machines."""
        numbers = [
            {"what": n.what, "got": n.got, "expected": n.expected or None, "agrees": n.agrees} for n in self.numbers
        ]
        departs = {"what": self.departs.what, "method": self.fork or None} if self.departs else None
        return {
            "ok": departs is None, "product": self.product, "numbers": numbers, "departs": departs,
            "left_out": self.left_out,
        }  # fmt: skip


def rehearse(*, product_id: str = "", at: datetime) -> Rehearsal:
    """
    Sell a product to a made-up customer, take a unit back, and roll everything back.

    Nothing stays and nothing leaves: no row, no mail, no task after commit, no receiver of the store. Raises
    `LoyaltyError` where there is no program, or nothing to sell.
    """
    with quietly() as left_out, rolled_back(), remembering_apart():
        scene = _scene(product_id, at)
        told = Rehearsal(product=f"{scene.product} ({scene.product.pk})", left_out=left_out)
        _play(scene, told.numbers)
    return told


def _unit(at: datetime) -> Unit:
    """Return the unit of this site's program; where all are drafts yet, one goes live for the time of the play."""
    unit = visit_of_nobody().unit
    draft = Program.objects.filter(state=State.DRAFT).order_by("-is_default", "pk").first()
    if unit is None and draft:
        change_state(program=draft, to=State.LIVE, actor="system", at=at)
        unit = visit_of_nobody().unit
    if unit is None:
        raise LoyaltyError("there is no program for this site yet; run `manage.py loyalty_setup` first")
    if unit.program.state != State.LIVE:
        raise LoyaltyError(f"the program “{unit.program.name}” is {unit.program.state}; only a live one is rehearsed")
    return unit


def _scene(product_id: str, at: datetime) -> Scene:
    unit = _unit(at)

    def account_of(user_id: Any) -> Account:
        return ledger.open_account(member=join(program=unit.program, user_id=user_id, at=at), unit=unit)

    try:
        return set_the_scene(unit=unit, account_of=account_of, product_id=product_id, at=at)
    except LoyaltyError:
        raise
    except Exception as error:
        raise LoyaltyError(f"no basket can be filled: {type(error).__name__}: {error}") from error


def _play(scene: Scene, numbers: list[Number]) -> None:
    """Go through the acts; what the store's code raises ends the play and is its last number."""
    parts = [part for _name, part in rehearsal_parts.items()]
    acts = [_basket, *(part.before for part in parts), _place, *(part.placed for part in parts)]
    acts += [_return, *(part.returned for part in parts)]
    for act in acts:
        try:
            # An inner block, so that an error of the database ends the act and not what was found before.
            with transaction.atomic(using=write_db()):
                numbers.extend(act(scene=scene))
        except Exception as error:  # noqa: BLE001 - the store's own code runs here, and this is what it is asked for
            path = (*scene.in_basket, *scene.in_order, (_handler(scene), forks.RETURNS))
            failed = f"{type(error).__name__}: {error}"
            numbers.append(Number(what=WORKS[act.__name__], got=failed, expected="works", path=path))
            return


WORKS = {
    "_basket": "filling a basket",
    "before": "using points in the basket",
    "_place": "placing the order",
    "placed": "reading the order",
    "_return": "returning a unit",
    "returned": "reading the return",
}


def _basket(*, scene: Scene) -> Iterator[Number]:
    lines, path = scene.basket.all_lines(), scene.in_basket
    known = scene.basket.is_tax_known
    goods = sum(
        line.line_price_incl_tax_incl_discounts if known else line.line_price_excl_tax_incl_discounts for line in lines
    )
    yield Number(
        what=f"{scene.quantity} x {scene.product} in the basket",
        got=scene.money(scene.total()),
        expected=scene.money(scene.minor(goods)),
        path=path,
    )


def _place(*, scene: Scene) -> Iterator[Number]:
    bill = bill_of(scene=scene)
    yield Number(what=f"delivery ({bill.method.name})", got=scene.money(_seen(scene, bill.charge)))
    more = _seen(scene, bill.charge) + (_seen(scene, bill.surcharges.total) if bill.surcharges else 0)
    yield Number(
        what="total to pay",
        got=scene.money(_seen(scene, bill.total)),
        expected=scene.money(scene.total() + more),
        path=(
            *((bill.calculator, forks.TOTALS), (bill.repository, forks.SHIPPING), (bill.method, forks.TOTALS)),
            *scene.in_basket,
        ),
    )
    scene.order = place(scene=scene, bill=bill, user=scene.request.user)
    yield from _order(scene, bill.total)
    sync_orders(order_ids=[scene.order.pk], at=max(scene.at, scene.order.date_placed))


def _order(scene: Scene, total: Any) -> Iterator[Number]:
    """What stands on the order: its total, its lines, their tax."""
    order, known = scene.order, scene.basket.is_tax_known
    stands = order.total_incl_tax if known else order.total_excl_tax
    yield Number(
        what="total of the order",
        got=scene.money(scene.minor(stands)),
        expected=scene.money(_seen(scene, total)),
        path=scene.in_order,
    )
    lines = list(order.lines.all())
    goods = sum(line.line_price_incl_tax if known else line.line_price_excl_tax for line in lines)
    yield Number(
        what="lines of the order",
        got=scene.money(scene.minor(goods)),
        expected=scene.money(scene.total()),
        path=(*scene.in_order, *scene.in_basket),
    )
    if known:
        tax = sum(line.line_price_incl_tax - line.line_price_excl_tax for line in lines)
        due = sum((_tax(line) for line in lines), Decimal())
        got, wanted = scene.minor(tax), scene.minor(due)
        yield Number(
            what="tax of its lines",
            got=scene.money(got),
            # Each line may be rounded by itself.
            expected=scene.money(got if abs(got - wanted) <= len(lines) else wanted),
            path=(*scene.in_order, *scene.in_basket),
        )


def _tax(line: Any) -> Decimal:
    """Return the tax of an order line if it is what it was before discounts, in proportion to the price."""
    before = line.line_price_before_discounts_incl_tax
    whole = before - line.line_price_before_discounts_excl_tax
    return line.line_price_incl_tax * whole / before if before else Decimal()


def _seen(scene: Scene, price: Any) -> int:
    """Return a price of Oscar's in minor units, as its customer sees it."""
    return scene.minor(price.incl_tax if price.is_tax_known else price.excl_tax)


def _handler(scene: Scene) -> Any:
    return get_class("order.processing", "EventHandler")(scene.request.user)


def _return(*, scene: Scene) -> Iterator[Number]:
    kinds, codes = get_model("order", "ShippingEventType")._default_manager, conf.RETURN_EVENT_CODES
    known = kinds.filter(statuses.said(column="code", words=codes)).first()
    kind = known or kinds.create(code=codes[0], name=codes[0].capitalize())
    line, handler = scene.order.lines.first(), _handler(scene)
    handler.handle_shipping_event(scene.order, kind, [line], [1])
    came = line.shipping_event_quantity(kind)
    yield Number(what="units returned", got=str(came), expected="1", path=((handler, forks.RETURNS),))
    sync_orders(order_ids=[scene.order.pk], at=max(scene.at, scene.order.date_placed))
