"""What the reasons of referrals say: to members, and to staff who decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.program.words import say

Params = Mapping[str, Any]


@say("referral_giver")
def _giver(p: Params) -> str:
    return pgettext("loyalty", "First order of a friend you invited")


@say("referral_newcomer")
def _newcomer(p: Params) -> str:
    return pgettext("loyalty", "Welcome: a friend invited you")


@say("referral_reversed")
def _reversed(p: Params) -> str:
    if p.get("side") == "newcomer":
        return pgettext("loyalty", "Your first order went back")
    return pgettext("loyalty", "The friend's first order went back")


@say("same_account")
def _same_account(p: Params) -> str:
    return pgettext("loyalty", "Both sides are one account")


@say("same_email")
def _same_email(p: Params) -> str:
    return pgettext("loyalty", "Both e-mail addresses are one mailbox")


@say("known_customer")
def _known_customer(p: Params) -> str:
    return pgettext("loyalty", "The newcomer had ordered here before")


@say("same_address")
def _same_address(p: Params) -> str:
    return pgettext("loyalty", "Both live at one address")


@say("same_phone")
def _same_phone(p: Params) -> str:
    return pgettext("loyalty", "Both have one telephone number")


@say("every_friend")
def _every_friend(p: Params) -> str:
    return pgettext("loyalty", "The shop approves every friend")


@say("own_order")
def _own_order(p: Params) -> str:
    return pgettext("loyalty", "An order goes to the name and address of the one who invited")
