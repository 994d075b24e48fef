"""A condition that asks about the order: which channel it came through."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from django.utils.translation import gettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar import extend

CHANNELS = {"app": gettext_lazy("in our app"), "web": gettext_lazy("on our web site")}


class ChannelOfOrder:
    """This shop numbers orders of its app APP-…; the app sends a header with each request."""

    def of_orders(self, *, order_ids: Collection[int]) -> Mapping[int, str]:
        numbers = get_model("order", "Order").objects.filter(pk__in=order_ids).values_list("pk", "number")
        return {pk: "app" if number.startswith("APP-") else "web" for pk, number in numbers}

    def of_visit(self, *, request: Any) -> str:
        return "app" if "X-Shop-App" in request.headers else "web"


extend.order_facts.register("channel")(ChannelOfOrder())


@extend.conditions.register("channel")
@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """Only orders placed through this channel."""

    needs: ClassVar[tuple[str, ...]] = ("channel",)
    channel: Literal["app", "web"]

    def admits(self, *, purchase: extend.Purchase, terms: Any) -> bool:
        return purchase.facts.get("channel") == self.channel

    def covers(self, *, line: extend.LineFacts) -> bool:
        return True

    def because(self) -> extend.Because:
        return extend.Because("channel", channel=self.channel)


@extend.reasons.register("channel")
def channel(params: dict[str, Any]) -> str:
    return str(CHANNELS[params["channel"]])
