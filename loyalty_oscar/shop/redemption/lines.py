"""Which line of an order came of which line of the basket, noted in the order's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models.signals import post_save
from oscar.apps.order.signals import order_placed
from oscar.core.loading import get_model

from loyalty_oscar.kernel.left import mark_of
from loyalty_oscar.kernel.rounding import spread
from loyalty_oscar.program.db import write_db
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
    what = (instance.product_id, instance.quantity)
    part = next((one for one in _loose(use.lines) if (one["product"], one["quantity"]) == what), None)
    if part is not None:
        part["line"] = instance.pk
        if not _loose(use.lines):
            _save(use)


@harmless
def written(sender: Any, order: Any, **kwargs: Any) -> None:
    """An order was placed. Where its lines are not those of the basket, the shop made them its own way."""
    use = getattr(order, "_loyalty_use", None)
    if use is not None and _loose(use.lines):
        lines = get_model("order", "Line").objects.using(write_db()).filter(order_id=order.pk)
        use.lines = in_lines(parts=use.lines, lines=list(lines.order_by("pk")), currency=use.currency)
        _save(use)


def in_lines(*, parts: Sequence[dict[str, Any]], lines: Sequence[Any], currency: str) -> list[dict[str, Any]]:
    """
    Return the parts of a use of points as they lie on the lines of its order, which were just written.

    A line of the basket may have become several lines of its product, or lines of other products (a set that is sold
    as what is in it): then its points lie on those. What became no line at all stays as it is.
    """
    found, rest = [part for part in parts if "line" in part], list(lines)
    rest = [line for line in rest if line.pk not in {part["line"] for part in found}]
    alien = []
    for part in _loose(parts):
        own = _of_product(part, rest)
        rest = [line for line in rest if line not in own]
        if own:
            found += _on_lines([part], own, currency)
        else:
            alien.append(part)
    return found + (_on_lines(alien, rest, currency) if alien and rest else alien)


def _loose(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for part in parts if "line" not in part]


def _of_product(part: dict[str, Any], lines: Sequence[Any]) -> list[Any]:
    """Return the first lines of a part's product that hold as many pieces as it has."""
    found, pieces = [], 0
    for line in lines:
        if line.product_id == part["product"] and pieces < part["quantity"]:
            found.append(line)
            pieces += line.quantity
    return found


def _on_lines(parts: Sequence[dict[str, Any]], lines: Sequence[Any], currency: str) -> list[dict[str, Any]]:
    """Spread what some parts got over lines: by the discount that these have, or by what they cost."""
    told = [
        {
            "product": line.product_id,
            "quantity": line.quantity,
            "line": line.pk,
            "paid": to_minor(amount=line.line_price_incl_tax, currency=currency),
            "list": to_minor(amount=line.line_price_before_discounts_incl_tax, currency=currency),
            "mark": mark_of(title=line.title),
        }
        for line in lines
    ]
    off = [max(0, one["list"] - one["paid"]) for one in told]
    weights = off if any(off) else [one["list"] for one in told]
    minors = spread(total=sum(part["minor"] for part in parts), weights=weights)
    points = spread(total=sum(part["points"] for part in parts), weights=minors)
    return [{**one, "minor": minor, "points": some} for one, minor, some in zip(told, minors, points, strict=True)]


def _save(use: Redemption) -> None:
    use.save(using=write_db(), update_fields=["lines"])


post_save.connect(
    line_written,
    sender=get_model("order", "Line"),
    weak=False,
    dispatch_uid="loyalty_oscar.shop.redemption.line_written",
)
order_placed.connect(written, weak=False, dispatch_uid="loyalty_oscar.shop.redemption.written")
