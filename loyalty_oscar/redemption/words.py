"""What the reasons of using points say: why less was used than asked, and what an entry did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import money, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.program.words import say

from .models import Claim

Params = Mapping[str, Any]


def sentence(*, because: Because, unit: Unit) -> str:
    """Return a reason as a sentence that calls points by their name ("paws")."""
    return words.why(Because(because.code, **{**because.params, "unit": unit}))


def _unit(p: Params) -> str:
    """Return what points are called where a sentence begins: "Points", or "Paws" where the unit is known."""
    return words.title(unit=p["unit"]) if "unit" in p else pgettext("loyalty", "Points")


def _points(p: Params) -> str:
    """Return "500 points", or "500 paws" where the unit is known."""
    points = int(p.get("points", 0))
    if "unit" in p:
        return words.points(unit=p["unit"], points=points)
    text = npgettext("loyalty", "%(points)s point", "%(points)s points", points)
    return text % {"points": money.number(points)}


def _number(p: Params, name: str) -> str:
    """Return a bare number of points."""
    points = int(p.get(name, 1))
    return words.number(unit=p["unit"], points=points) if "unit" in p else money.number(points)


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
    return pgettext("loyalty", "Order %(number)s was paid again") % {"number": p.get("number", "")}


@say("used_again")
def _used_again(p: Params) -> str:
    return pgettext("loyalty", "Order %(number)s goes ahead after all") % {"number": p.get("number", "")}


@say("as_asked")
def _as_asked(p: Params) -> str:
    return ""


@say("whole_cents")
def _whole_cents(p: Params) -> str:
    return pgettext("loyalty", "The rest would not make a whole cent.")


@say("all_goods_paid")
def _all_goods_paid(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s can pay for your goods, here %(amount)s, never for delivery.")
    return text % {"amount": _money(p), "unit": _unit(p)}


@say("share_of_goods")
def _share_of_goods(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s can pay for at most %(share)s %% of the goods, here %(amount)s.")
    return text % {"unit": _unit(p), "share": p.get("share"), "amount": _money(p)}


@say("only_some_goods")
def _only_some_goods(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s cannot pay for everything in this basket, only for goods of %(amount)s.")
    return text % {"unit": _unit(p), "amount": _money(p)}


@say("no_goods_for_points")
def _no_goods_for_points(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s cannot pay for anything in this basket.")
    return text % {"unit": _unit(p)}


@say("not_in_this_basket")
def _not_in_this_basket(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s cannot be used in this basket.")
    return text % {"unit": _unit(p)}


@say("in_steps")
def _in_steps(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s can be used in steps of %(step)s.")
    return text % {"unit": _unit(p), "step": _number(p, "step")}


@say("at_least_points")
def _at_least_points(p: Params) -> str:
    return pgettext("loyalty", "You can use %(points)s or more.") % {"points": _points(p)}


@say("at_least_order")
def _at_least_order(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s can be used when the goods cost %(amount)s or more.")
    return text % {"unit": _unit(p), "amount": _money(p)}


@say("not_with_vouchers")
def _not_with_vouchers(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s cannot be used together with a voucher.")
    return text % {"unit": _unit(p)}


@say("daily_limit")
def _daily_limit(p: Params) -> str:
    return pgettext("loyalty", "You can use up to %(points)s a day.") % {"points": _points(p)}


@say("other_currency")
def _other_currency(p: Params) -> str:
    text = pgettext("loyalty", "%(unit)s cannot be used in %(currency)s.")
    return text % {"unit": _unit(p), "currency": p.get("currency", "")}


@say("has_more_room")
def _has_more_room(p: Params) -> str:
    return pgettext("loyalty", "There is room for more in this basket now.")


@say("not_now")
def _not_now(p: Params) -> str:
    return pgettext("loyalty", "Nothing can be used at the moment.")


def _name(p: Params) -> str:
    return str(p.get("name", ""))


def goes_back(*, name: str, because: Because) -> str:
    """Return, for staff, that a gift which nobody used goes back, and why."""
    text = pgettext("loyalty", "The reward “%(name)s” goes back: %(why)s.")
    return text % {"name": name, "why": words.why(because)}


def opens_again(*, claim: Claim) -> str:
    """Return, for staff, what becomes of a reward once the order that used it comes to nothing."""
    if claim.revoked is not None:
        return goes_back(name=claim.reward.name, because=Because.from_json(claim.revoked))
    return pgettext("loyalty", "The reward “%(name)s” can be used again.") % {"name": claim.reward.name}


@say("reward_bought")
def _reward_bought(p: Params) -> str:
    return pgettext("loyalty", "Used for the reward “%(name)s”") % {"name": _name(p)}


@say("claim_asked")
def _claim_asked(p: Params) -> str:
    return pgettext("loyalty", "Asked for: “%(name)s”") % {"name": _name(p)}


@say("claim_used")
def _claim_used(p: Params) -> str:
    return pgettext("loyalty", "You had “%(name)s”") % {"name": _name(p)}


@say("claim_ran_out")
def _claim_ran_out(p: Params) -> str:
    return pgettext("loyalty", "“%(name)s” was not used in time") % {"name": _name(p)}


@say("claim_cancelled")
def _claim_cancelled(p: Params) -> str:
    return pgettext("loyalty", "The shop took “%(name)s” back") % {"name": _name(p)}


@say("reward_over")
def _reward_over(p: Params) -> str:
    return pgettext("loyalty", "This reward is not to be had at the moment.")


@say("reward_not_for_you")
def _reward_not_for_you(p: Params) -> str:
    return pgettext("loyalty", "This reward is for other members.")


@say("reward_gone")
def _reward_gone(p: Params) -> str:
    return pgettext("loyalty", "None is left of this reward.")


@say("reward_had_enough")
def _reward_had_enough(p: Params) -> str:
    count = int(p.get("count", 1))
    text = npgettext(
        "loyalty",
        "Each member can have this reward %(count)s time.",
        "Each member can have this reward %(count)s times.",
        count,
    )
    return text % {"count": money.number(count)}


@say("reward_owes")
def _reward_owes(p: Params) -> str:
    return pgettext("loyalty", "You have %(points)s to make up first.") % {"points": _points(p)}


@say("reward_points_missing")
def _reward_points_missing(p: Params) -> str:
    return pgettext("loyalty", "You need %(points)s more.") % {"points": _points(p)}


@say("reward_dearer")
def _reward_dearer(p: Params) -> str:
    return pgettext("loyalty", "This reward costs %(points)s by now. Please choose once more.") % {"points": _points(p)}


@say("claim_open_again")
def _claim_open_again(p: Params) -> str:
    return pgettext("loyalty", "Order %(number)s came to nothing") % {"number": p.get("number", "")}


@say("reward_not_open")
def _reward_not_open(p: Params) -> str:
    return pgettext("loyalty", "This reward can’t be used any more.")


@say("reward_at_payment")
def _reward_at_payment(p: Params) -> str:
    return pgettext("loyalty", "A basket with this reward is being paid for at the moment.")


@say("reward_least_order")
def _reward_least_order(p: Params) -> str:
    return pgettext("loyalty", "This reward is for goods of %(amount)s or more.") % {"amount": _money(p)}


@say("reward_not_for_these")
def _reward_not_for_these(p: Params) -> str:
    return pgettext("loyalty", "Nothing in this basket is what this reward is for.")


@say("reward_takes_less")
def _reward_takes_less(p: Params) -> str:
    return pgettext("loyalty", "It takes only %(amount)s off this basket.") % {"amount": _money(p)}


@say("reward_other_currency")
def _reward_other_currency(p: Params) -> str:
    return pgettext("loyalty", "This reward can’t be used in %(currency)s.") % {"currency": p.get("currency", "")}


@say("one_reduction")
def _one_reduction(p: Params) -> str:
    return pgettext("loyalty", "One reward of this kind can be used for an order.")


@say("gift_needs_goods")
def _gift_needs_goods(p: Params) -> str:
    return pgettext("loyalty", "This gift comes along with other goods.")


@say("delivery_is_free_already")
def _delivery_is_free_already(p: Params) -> str:
    return pgettext("loyalty", "Delivery costs nothing anyway, so this reward stays yours.")


@say("gift_not_yours")
def _gift_not_yours(p: Params) -> str:
    return pgettext("loyalty", "No reward pays for this gift. Take it out of the basket.")


@say("gift_pieces")
def _gift_pieces(p: Params) -> str:
    count = int(p.get("count", 1))
    text = npgettext(
        "loyalty",
        "Your reward pays for %(count)s piece of this.",
        "Your rewards pay for %(count)s pieces of this.",
        count,
    )
    return text % {"count": money.number(count)}


@say("gift_not_in_basket")
def _gift_not_in_basket(p: Params) -> str:
    return pgettext("loyalty", "The gift is not in the basket. Put it in again.")


@say("gift_sold_out")
def _gift_sold_out(p: Params) -> str:
    return pgettext("loyalty", "This gift is sold out at the moment. Your reward stays yours.")


@say("gift_to_choose")
def _gift_to_choose(p: Params) -> str:
    return pgettext("loyalty", "Choose one of the gifts.")
