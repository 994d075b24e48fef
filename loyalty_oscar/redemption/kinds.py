"""The kinds of rewards: what staff do for a member, a partner's code, and what lowers the cost of a basket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import money
from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.numbers import NumberField
from loyalty_oscar.program.queries import set_names
from loyalty_oscar.program.registries import reward_kinds

SERVICE, CODE, OFF, DELIVERY, PRODUCT = "service", "code", "off", "delivery", "product"
#: What columns of amounts hold, in whole money.
MOST_MONEY = 9_999_999


def is_by_staff(*, kind: str) -> bool:
    """Return whether staff do their part of rewards of a kind; of one whose app has left nobody does."""
    return kind in reward_kinds and reward_kinds.get(kind).is_given_by_staff


def is_for_baskets(*, kind: str) -> bool:
    """Return whether rewards of a kind are put on baskets; of one whose app has left none is."""
    return kind in reward_kinds and reward_kinds.get(kind).is_for_baskets


class AmountField(NumberField):
    """
    An amount in the program's currency; its parameter holds minor units. What it is called is one of `AMOUNTS`, so that
    it can be told in other currencies, too.
    """

    def __init__(self, **kwargs: Any) -> None:
        usual = {"min_value": 0, "max_value": MOST_MONEY, "max_digits": 9, "decimal_places": 2, "required": False}
        super().__init__(**{**usual, **kwargs})


def least_field() -> AmountField:
    """Return the field for what the goods of a basket must cost."""
    return AmountField(
        label=pgettext_lazy("loyalty", "For goods of at least"),
        help_text=pgettext_lazy("loyalty", "What the goods cost before anything is taken off. Empty: any basket."),
    )


def for_goods_of(*, params: Mapping[str, Any], currency: str) -> str:
    """Return "in a basket of €20.00 or more", or nothing where any basket will do."""
    if not params.get("least"):
        return ""
    text = pgettext("loyalty", "in a basket of %(amount)s or more")
    return text % {"amount": money.in_words(minor=params["least"], currency=currency)}


class ServiceKind:
    """Something that staff do: a seat at an event, a grooming, a donation. `ask` is what the member is asked for it."""

    label = pgettext_lazy("loyalty", "A service, given by your staff")
    is_given_by_staff, is_for_baskets = True, False

    def fields(self) -> Mapping[str, Any]:
        return {
            "ask": forms.CharField(
                label=pgettext_lazy("loyalty", "What you ask the member"),
                help_text=pgettext_lazy(
                    "loyalty",
                    "Such as “Which day suits you?”; the answer stands in your queue. Empty: nothing is asked.",
                ),
                max_length=150,
                required=False,
            )
        }

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        return {}

    def says(self, *, params: Mapping[str, Any], currency: str) -> str:
        if not params.get("ask"):
            return ""
        return pgettext("loyalty", "Members are asked: “%(question)s”") % {"question": params["ask"]}


class CodeKind:
    """A code of a partner's, from a list that staff upload. `where` says where it can be used."""

    label = pgettext_lazy("loyalty", "A partner’s code, from a list")
    is_given_by_staff, is_for_baskets = False, False

    def fields(self) -> Mapping[str, Any]:
        return {
            "where": forms.CharField(
                label=pgettext_lazy("loyalty", "Where the code can be used"),
                help_text=pgettext_lazy("loyalty", "Members read it beside their code."),
                max_length=150,
                required=False,
            )
        }

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        return {}

    def says(self, *, params: Mapping[str, Any], currency: str) -> str:
        return str(params.get("where", ""))


class OffKind:
    """
    Money off a basket: an `amount`, or a `percent` of its goods with a `most`; of a product `set` alone where one is
    named, and from goods of `least` on. Amounts are minor units.
    """

    label = pgettext_lazy("loyalty", "Money off a basket")
    is_given_by_staff, is_for_baskets = False, True

    def fields(self) -> Mapping[str, Any]:
        return {
            "amount": AmountField(
                label=pgettext_lazy("loyalty", "Takes off"),
                help_text=pgettext_lazy("loyalty", "Empty: a percentage."),
            ),
            "percent": forms.IntegerField(
                label=pgettext_lazy("loyalty", "Or percent of the goods"),
                min_value=1,
                max_value=100,
                required=False,
            ),
            "most": AmountField(
                label=pgettext_lazy("loyalty", "Of these at most"),
                help_text=pgettext_lazy("loyalty", "So much a percentage takes off at most. Empty: no limit."),
            ),
            "set": forms.ChoiceField(
                label=pgettext_lazy("loyalty", "On these products"), choices=_sets, required=False
            ),
            "least": least_field(),
        }

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        if bool(params.get("amount")) == bool(params.get("percent")):
            return {"amount": pgettext("loyalty", "Write an amount or a percentage, one of the two.")}
        if params.get("most") and not params.get("percent"):
            return {"most": pgettext("loyalty", "That belongs to a percentage. Leave it empty.")}
        return {}

    def takes_off(self, *, params: Mapping[str, Any], currency: str) -> int | None:
        return params.get("amount") or params.get("most") or None

    def says(self, *, params: Mapping[str, Any], currency: str) -> str:
        parts = [_off(params, currency)]
        if params.get("set"):
            name = set_names().get(params["set"], params["set"])
            parts.append(pgettext("loyalty", "on %(names)s") % {"names": name})
        parts.append(for_goods_of(params=params, currency=currency))
        return ", ".join(filter(None, parts))


def _sets() -> list[tuple[str, Any]]:
    known = ProductSet.objects.order_by("name").values_list("code", "name")
    return [("", pgettext("loyalty", "all goods")), *known]


def _off(params: Mapping[str, Any], currency: str) -> str:
    if params.get("amount"):
        text = pgettext("loyalty", "%(amount)s off")
        return text % {"amount": money.in_words(minor=params["amount"], currency=currency)}
    told = {"percent": money.number(params.get("percent") or 0)}
    if not params.get("most"):
        return pgettext("loyalty", "%(percent)s %% off") % told
    told["most"] = money.in_words(minor=params["most"], currency=currency)
    return pgettext("loyalty", "%(percent)s %% off, at most %(most)s") % told


class DeliveryKind:
    """Free delivery of a basket, for `most` at most and from goods of `least` on (minor units)."""

    label = pgettext_lazy("loyalty", "Free delivery")
    is_given_by_staff, is_for_baskets = False, True

    def fields(self) -> Mapping[str, Any]:
        return {
            "most": AmountField(
                label=pgettext_lazy("loyalty", "Pays at most"),
                help_text=pgettext_lazy("loyalty", "What is dearer costs the difference. Empty: any delivery is free."),
            ),
            "least": least_field(),
        }

    def wrong(self, *, params: Mapping[str, Any]) -> Mapping[str, str]:
        return {}

    def takes_off(self, *, params: Mapping[str, Any], currency: str) -> int | None:
        # Whatever a delivery costs, nobody means more by it: without a limit there is nothing to ask.
        return params.get("most") or 0

    def says(self, *, params: Mapping[str, Any], currency: str) -> str:
        parts = [pgettext("loyalty", "Free delivery")]
        if params.get("most"):
            text = pgettext("loyalty", "%(amount)s off delivery at most")
            parts = [text % {"amount": money.in_words(minor=params["most"], currency=currency)}]
        return ", ".join(filter(None, [*parts, for_goods_of(params=params, currency=currency)]))


for _code, _kind in ((SERVICE, ServiceKind()), (CODE, CodeKind()), (OFF, OffKind()), (DELIVERY, DeliveryKind())):
    reward_kinds.register(_code)(_kind)
