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
