"""Which line of an order came of which line of the basket, noted in the order's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models.signals import post_save
from oscar.apps.order.signals import order_placed
from oscar.core.loading import get_model

from loyalty_oscar.kernel.left import mark_of
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.money import to_minor
from loyalty_oscar.redemption.models import Redemption

from .quotes import to_pay


def parts_of(*, lines: Sequence[Any], minors: Sequence[int], currency: str) -> list[dict[str, Any]]:
    """Return what each line of a basket gets of a use of points, with what it costs with and without discounts."""
    return [
        {
            "product": line.product_id,
            "quantity": line.quantity,
            "minor": minor,
            "paid": to_minor(amount=to_pay(line=line), currency=currency),
            "list": to_minor(amount=_listed(line), currency=currency),
            "mark": mark_of(title=line.product.get_title()),
        }
        for line, minor in zip(lines, minors, strict=True)
    ]


def _listed(line: Any) -> Any:
    return line.line_price_incl_tax if line.is_tax_known else line.line_price_excl_tax or 0


def expect(*, order: Any, use: Redemption) -> None:
    """Note the lines of this order as they are written: whatever becomes of them, parts are known by their keys."""
    order._loyalty_use = use


@harmless
def line_written(sender: Any, instance: Any, created: bool = False, **kwargs: Any) -> None:
    """A line of an order was written; the order's own instance knows what it used."""
    use = getattr(instance._state.fields_cache.get("order"), "_loyalty_use", None)
    if not created or use is None:
        return
    open_parts = [part for part in use.lines if "line" not in part and part["product"] == instance.product_id]
    same = (part for part in open_parts if part["quantity"] == instance.quantity)
    part = next(same, next(iter(open_parts), None))
    if part is not None:
        part["line"] = instance.pk
        if all("line" in one for one in use.lines):
            _save(use)


@harmless
def written(sender: Any, order: Any, **kwargs: Any) -> None:
    """An order was placed. Where its lines are fewer than those of the basket, what is known is kept now."""
    use = getattr(order, "_loyalty_use", None)
    if use is not None and not all("line" in part for part in use.lines):
        _save(use)


def _save(use: Redemption) -> None:
    use.save(using=write_db(), update_fields=["lines"])


post_save.connect(
    line_written,
    sender=get_model("order", "Line"),
    weak=False,
    dispatch_uid="loyalty_oscar.shop.redemption.line_written",
)
order_placed.connect(written, weak=False, dispatch_uid="loyalty_oscar.shop.redemption.written")
