"""What a member takes along of orders: what each was, and how the house counts them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from loyalty_oscar.people.models import BuyerStats, Receipt
from loyalty_oscar.program.hooks import data_exports
from loyalty_oscar.program.models import Member


@data_exports.register("receipts")
def receipts(*, member: Member) -> list[dict[str, Any]]:
    """Return what is left of every order, as it is counted for the member; money in minor units of its currency."""
    return [
        {
            "order": row.order_id,
            "placed_at": _when(row.placed_at),
            "arrived_at": _when(row.final_at),
            "currency": row.currency,
            "goods": row.goods_minor,
            "paid": row.paid_minor,
            "pieces": row.pieces,
            "came_to_nothing": row.is_gone,
            "is_first": row.is_first,
        }
        for row in Receipt.objects.filter(member=member).order_by("placed_at", "order_id")
    ]


@data_exports.register("buying")
def buying(*, member: Member) -> dict[str, Any] | None:
    """Return how the member buys, as it was counted last; money in minor units of the program's currency."""
    stats = BuyerStats.objects.filter(member=member).first()
    return stats and {
        "orders": stats.orders,
        "spent": stats.spend_minor,
        "biggest_order": stats.biggest_minor,
        "first_order": _when(stats.first_at),
        "last_order": _when(stats.last_at),
        "days_between_orders": stats.gap_days,
        "missed_from": _when(stats.late_at),
        "counted_at": _when(stats.counted_at),
    }


def _when(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
