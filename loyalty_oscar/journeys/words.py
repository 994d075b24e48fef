"""What the reasons of campaigns and goals say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program.words import say

Params = Mapping[str, Any]


@say("address_confirmed")
def _address_confirmed(p: Params) -> str:
    return pgettext("loyalty", "Welcome: your e-mail address is confirmed")


@say("reviewed")
def _reviewed(p: Params) -> str:
    return pgettext("loyalty", "Your review of %(product)s") % {"product": p.get("product", "")}


@say("birthday_gift")
def _birthday_gift(p: Params) -> str:
    return pgettext("loyalty", "A gift for your birthday")


@say("code_word")
def _code_word(p: Params) -> str:
    return pgettext("loyalty", "Code word: %(name)s") % {"name": p.get("name", "")}


@say("occasion")
def _occasion(p: Params) -> str:
    return pgettext("loyalty", "%(name)s") % {"name": p.get("name", "")}


@say("campaign_withdrawn")
def _campaign_withdrawn(p: Params) -> str:
    return pgettext("loyalty", "Taken back: %(name)s") % {"name": p.get("name", "")}


@say("apology")
def _apology(p: Params) -> str:
    return pgettext("loyalty", "With our apologies")


@say("apology_undone")
def _apology_undone(p: Params) -> str:
    return pgettext("loyalty", "Taken back: an apology")


@say("problem_open")
def _problem_open(p: Params) -> str:
    return pgettext("loyalty", "Not sent: something is wrong with the order")


@say("goal_reached")
def _goal_reached(p: Params) -> str:
    return pgettext("loyalty", "Reached: %(name)s") % {"name": p.get("name", "")}


@say("goal_missed")
def _goal_missed(p: Params) -> str:
    return pgettext("loyalty", "No longer reached: %(name)s") % {"name": p.get("name", "")}


@say("held_back")
def _held_back(p: Params) -> str:
    return pgettext("loyalty", "Not given: left out for comparison")


@say("no_consent")
def _no_consent(p: Params) -> str:
    return pgettext("loyalty", "Not sent: no consent to letters")


@say("too_soon")
def _too_soon(p: Params) -> str:
    return pgettext("loyalty", "Not given: it came a short while ago")


@say("too_late")
def _too_late(p: Params) -> str:
    return pgettext("loyalty", "Not sent: it would have come too late")


@say("order_gone")
def _order_gone(p: Params) -> str:
    return pgettext("loyalty", "Taken back: the order came to nothing")


@say("moment_over")
def _moment_over(p: Params) -> str:
    return pgettext("loyalty", "Not given: the occasion had passed")


@say("nothing_left")
def _nothing_left(p: Params) -> str:
    return pgettext("loyalty", "Not given: the budget was used up")


@say("not_a_buyer")
def _not_a_buyer(p: Params) -> str:
    return pgettext("loyalty", "Not given: too few orders arrived and were kept")


@say("told_too_late")
def _told_too_late(p: Params) -> str:
    return pgettext("loyalty", "Not given: the day was told too late")


@say("not_for_them")
def _not_for_them(p: Params) -> str:
    return pgettext("loyalty", "Not given: it was for others")


@say("stopped_before")
def _stopped_before(p: Params) -> str:
    return pgettext("loyalty", "Not sent: something was wrong with the order")


@say("nothing_goes_with_it")
def _nothing_goes_with_it(p: Params) -> str:
    return pgettext("loyalty", "Not sent: nothing is for sale that goes with what was bought")


@say("gives_less")
def _gives_less(p: Params) -> str:
    return pgettext("loyalty", "Not given: another campaign gave more for the same")


@say("has_left")
def _has_left(p: Params) -> str:
    return pgettext("loyalty", "Not given: nobody is there any more")


@say("frozen")
def _frozen(p: Params) -> str:
    return pgettext("loyalty", "Not given: what the member has cannot be used now")


@say("no_address")
def _no_address(p: Params) -> str:
    return pgettext("loyalty", "Not sent: there is no address that takes mail")
