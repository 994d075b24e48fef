"""What the ledger's reasons say. Codes are for ever; words may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program.words import say

Params = Mapping[str, Any]


def basket_in_words(*, origin: str) -> str:
    """Return what points are set aside for, in words: a basket by its number."""
    kind, _colon, key = origin.partition(":")
    if kind == "claim":
        return pgettext("loyalty", "A reward")
    return pgettext("loyalty", "Basket %(number)s") % {"number": key} if kind == "basket" else origin


@say("return_period_over")
def _return_period_over(p: Params) -> str:
    return pgettext("loyalty", "The return period is over")


@say("ran_out")
def _ran_out(p: Params) -> str:
    return pgettext("loyalty", "Ran out")


@say("replaced")
@say("slot_gone")
def _given_back(p: Params) -> str:
    return pgettext("loyalty", "Given back, because the basket changed")


@say("not_wanted")
def _not_wanted(p: Params) -> str:
    return pgettext("loyalty", "Given back, as you wished")


@say("hold_ran_out")
def _hold_ran_out(p: Params) -> str:
    return pgettext("loyalty", "Given back, because they were set aside too long")


@say("freeze_began")
def _freeze_began(p: Params) -> str:
    return pgettext("loyalty", "Given back, and yours as before")


@say("points_frozen")
def _points_frozen(p: Params) -> str:
    return pgettext("loyalty", "What you have can’t be used at the moment. Please contact us.")


@say("merged_away")
def _merged_away(p: Params) -> str:
    return pgettext("loyalty", "Passed to your other account")


@say("merged_in")
def _merged_in(p: Params) -> str:
    return pgettext("loyalty", "From your other account")


@say("merge_undone")
def _merge_undone(p: Params) -> str:
    return pgettext("loyalty", "Your accounts are two again")


@say("given_in_bulk")
def _given_in_bulk(p: Params) -> str:
    return pgettext("loyalty", "A gift from the shop")


@say("use_ended")
def _use_ended(p: Params) -> str:
    return pgettext("loyalty", "Given back, because it can no longer be used in the shop")


@say("program_paused")
def _program_paused(p: Params) -> str:
    return pgettext("loyalty", "Given back, because the program pauses")


@say("program_was_paused")
def _program_was_paused(p: Params) -> str:
    days = int(p.get("days", 0))
    text = npgettext(
        "loyalty",
        "Last longer, because the program paused for %(days)d day",
        "Last longer, because the program paused for %(days)d days",
        days,
    )
    return text % {"days": days}


@say("program_closed")
def _program_closed(p: Params) -> str:
    return pgettext("loyalty", "The program has ended")


@say("not_announced")
def _not_announced(p: Params) -> str:
    return pgettext("loyalty", "Last longer, because we could not tell you in time")


@say("still_active")
def _still_active(p: Params) -> str:
    return pgettext("loyalty", "Last longer, because you ordered")


@say("not_active_after_all")
def _not_active_after_all(p: Params) -> str:
    return pgettext("loyalty", "Last as long as before, because the order came to nothing")


@say("order_paid")
def _order_paid(p: Params) -> str:
    return pgettext("loyalty", "Used for order %(number)s") % {"number": p.get("number", "")}


@say("adjusted")
def _adjusted(p: Params) -> str:
    return pgettext("loyalty", "Changed by the shop")


@say("undone_by_hand")
def _undone_by_hand(p: Params) -> str:
    return pgettext("loyalty", "Undone by the shop")


@say("goodwill")
def _goodwill(p: Params) -> str:
    return pgettext("loyalty", "A thank-you from the shop")


@say("opening_balance")
def _opening_balance(p: Params) -> str:
    return pgettext("loyalty", "Brought along from before")


@say("batch_undone")
def _batch_undone(p: Params) -> str:
    return pgettext("loyalty", "Taken back, because they were given by mistake")
