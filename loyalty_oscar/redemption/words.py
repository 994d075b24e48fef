"""What the reasons of using points say: why less was used than asked, and what an entry did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.words import reasons

Params = Mapping[str, Any]


def say(code: str) -> Callable[[Callable[[Params], str]], Callable[[Params], str]]:
    """Register the words of a code."""
    return reasons.register(code)


def _money(p: Params) -> str:
    return money.in_words(minor=int(p.get("minor", 0)), currency=str(p.get("currency", "EUR")))


@say("set_aside")
def _set_aside(p: Params) -> str:
    return pgettext("loyalty", "Set aside for your basket")


@say("use_returned")
def _use_returned(p: Params) -> str:
    return pgettext("loyalty", "Came back with goods of order %(number)s") % {"number": p.get("number", "")}


@say("use_replaced")
def _use_replaced(p: Params) -> str:
    return pgettext("loyalty", "Order %(number)s was paid anew") % {"number": p.get("number", "")}


@say("used_again")
def _used_again(p: Params) -> str:
    return pgettext("loyalty", "Order %(number)s stands again") % {"number": p.get("number", "")}


@say("as_asked")
def _as_asked(p: Params) -> str:
    return ""


@say("whole_cents")
def _whole_cents(p: Params) -> str:
    return pgettext("loyalty", "The rest would not make a whole cent.")


@say("all_goods_paid")
def _all_goods_paid(p: Params) -> str:
    text = pgettext("loyalty", "Your goods cost %(amount)s, and points do not pay for delivery.")
    return text % {"amount": _money(p)}


@say("share_of_goods")
def _share_of_goods(p: Params) -> str:
    text = pgettext("loyalty", "Points pay for at most %(share)s %% of the goods, here %(amount)s.")
    return text % {"share": p.get("share"), "amount": _money(p)}


@say("only_some_goods")
def _only_some_goods(p: Params) -> str:
    text = pgettext("loyalty", "Points cannot pay for everything in this basket, only for goods of %(amount)s.")
    return text % {"amount": _money(p)}


@say("no_goods_for_points")
def _no_goods_for_points(p: Params) -> str:
    return pgettext("loyalty", "Nothing in this basket can be paid with points.")


@say("in_steps")
def _in_steps(p: Params) -> str:
    return pgettext("loyalty", "Points are used in steps of %(step)s.") % {"step": money.number(int(p.get("step", 1)))}


@say("at_least_points")
def _at_least_points(p: Params) -> str:
    points = int(p.get("points", 1))
    text = npgettext(
        "loyalty", "You can use %(points)s point or more.", "You can use %(points)s points or more.", points
    )
    return text % {"points": money.number(points)}


@say("at_least_order")
def _at_least_order(p: Params) -> str:
    return pgettext("loyalty", "Points can be used from goods for %(amount)s on.") % {"amount": _money(p)}


@say("not_with_vouchers")
def _not_with_vouchers(p: Params) -> str:
    return pgettext("loyalty", "Points cannot be used together with a voucher.")


@say("daily_limit")
def _daily_limit(p: Params) -> str:
    points = int(p.get("points", 0))
    text = npgettext("loyalty", "You can use %(points)s point a day.", "You can use %(points)s points a day.", points)
    return text % {"points": money.number(points)}


@say("other_currency")
def _other_currency(p: Params) -> str:
    return pgettext("loyalty", "Points cannot be used in %(currency)s.") % {"currency": p.get("currency", "")}
