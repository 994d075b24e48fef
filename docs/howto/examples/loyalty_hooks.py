"""A metric for ladders, an order effect, a piece of the account page and a check of the doctor's."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy, ngettext

from loyalty_oscar import extend

#: What a mailing tool would know: user -> pieces by order.
TOLD: dict[Any, dict[int, int]] = {}


def pieces_of(order: extend.OrderFacts) -> int:
    """Return how many pieces of an order a customer kept."""
    return 0 if order.dead else sum(line.quantity - line.gone for line in order.purchase.lines)


class Lines:
    """What climbs is the number of lines, however many pieces stand on each."""

    label = gettext_lazy("the number of lines bought")
    is_money = False

    def values(
        self, *, orders: Sequence[extend.OrderFacts], members: Mapping[Any, int], params: Mapping[str, Any]
    ) -> Mapping[int, int]:
        return {order.order_id: sum(line.gone < line.quantity for line in order.purchase.lines) for order in orders}

    def in_words(self, *, value: int, unit: Any) -> str:
        return ngettext("%(number)d line", "%(number)d lines", value) % {"number": value}


extend.metrics.register("lines")(Lines())


class TellMailingTool:
    """Tell a mailing tool what is left of each order; told again it is the same word."""

    def apply(self, *, orders: Sequence[extend.OrderFacts], at: datetime, batch: str) -> Sequence[Any]:
        for order in orders:
            if order.user_id is not None:
                transaction.on_commit(partial(tell, order.user_id, order.order_id, pieces_of(order)), robust=True)
        return ()

    def set_codes(self) -> Iterable[str]:
        return ()


def tell(user_id: Any, order_id: int, pieces: int) -> None:
    TOLD.setdefault(user_id, {})[order_id] = pieces


# After tiers (30), before friends (40).
extend.order_effects.register("mailing-tool", order=35)(TellMailingTool())


@extend.contributions.register("account:more", "pieces", order=30)
def pieces(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    told = TOLD.get(request.user.pk)
    return ("store/pieces.html", {"pieces": sum(told.values())}) if told else None


@extend.doctor_checks.register("mailing-tool", order=60)
def mailing_tool(*, at: datetime) -> Iterable[extend.Finding]:
    yield extend.Finding(level=extend.Level.OK, about="mailing tool", text=f"it knows {len(TOLD)} customers")
