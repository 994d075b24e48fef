"""What occasions are called for staff: a name, what it means, and what a campaign says of one beside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import money, words

from . import occasions as known
from .models import Campaign

NAMES: Mapping[str, Any] = {
    known.SIGN_UP: pgettext_lazy("loyalty", "Registering, with an e-mail address that was confirmed"),
    known.JOINED: pgettext_lazy("loyalty", "Joining the program"),
    known.ORDER_PLACED: pgettext_lazy("loyalty", "An order that is placed"),
    known.ORDER_FINAL: pgettext_lazy("loyalty", "An order that arrived"),
    known.ORDER_RETURNED: pgettext_lazy("loyalty", "An order of which something was sent back"),
    known.REVIEW: pgettext_lazy("loyalty", "A review that is shown, by somebody who bought the product"),
    known.WORD: pgettext_lazy("loyalty", "A code word, typed or by a QR code"),
    known.LEVEL: pgettext_lazy("loyalty", "A level that is reached"),
    known.GOAL: pgettext_lazy("loyalty", "A goal that is reached"),
    known.BIRTHDAY: pgettext_lazy("loyalty", "A birthday, once a year"),
    known.ANNIVERSARY: pgettext_lazy("loyalty", "The day of joining, once a year"),
    known.DAY: pgettext_lazy("loyalty", "A day of the year"),
    known.SURPRISE: pgettext_lazy("loyalty", "A surprise, for some members each month"),
    known.LATE: pgettext_lazy("loyalty", "No order for longer than this member’s own rhythm"),
    known.WARRANTY: pgettext_lazy("loyalty", "The end of a warranty"),
    known.LEAVING: pgettext_lazy("loyalty", "A farewell, after a long silence"),
}
#: What the page says to each on which the kind of a new campaign is chosen, where its name does not say it all.
HELP: Mapping[str, Any] = {
    known.ORDER_PLACED: pgettext_lazy("loyalty", "To say thank you at once."),
    known.ORDER_FINAL: pgettext_lazy("loyalty", "Some days later: is all well? A review? What goes with it?"),
    known.SURPRISE: pgettext_lazy("loyalty", "Drawn by chance each month; nobody twice a year."),
    known.LATE: pgettext_lazy(
        "loyalty", "Half as long again as this member usually takes between two orders; from three orders on."
    ),
    known.WARRANTY: pgettext_lazy("loyalty", "So many months after an order of these goods."),
    known.LEAVING: pgettext_lazy("loyalty", "So many months after the last order of a member: the last letter."),
}


def occasion_name(code: str) -> str:
    """Return what an occasion is called; one of the store's own is called by its code."""
    return str(NAMES[code]) if code in NAMES else capfirst(code.replace("-", " "))


def occasion_of(*, campaign: Campaign, sets: Mapping[str, str]) -> str:
    """
    Return what a campaign is about with what it says of that: "6 December, each year". `sets` are names of product
    sets by code.
    """
    params, name = campaign.params, occasion_name(campaign.occasion)
    if campaign.word:
        return pgettext("loyalty", "The code word “%(word)s”, typed or by a QR code") % {"word": campaign.word}
    if campaign.occasion == known.DAY and {"day", "month"} <= params.keys():
        kept = words.day(date(2024, params["month"], params["day"]), zone="UTC", year=False)
        return pgettext("loyalty", "%(day)s, each year") % {"day": kept}
    if campaign.occasion == known.SURPRISE and params.get("members"):
        text = npgettext(
            "loyalty",
            "A surprise for %(count)s member each month, drawn by chance",
            "A surprise for %(count)s members each month, drawn by chance",
            params["members"],
        )
        return text % {"count": money.number(params["members"])}
    if campaign.occasion == known.LEAVING and params.get("months"):
        text = npgettext(
            "loyalty",
            "A farewell, %(months)s month after the last order",
            "A farewell, %(months)s months after the last order",
            params["months"],
        )
        return text % {"months": money.number(params["months"])}
    named = words.quoted(names=(sets.get(code, code) for code in params.get("sets") or ()))
    if campaign.occasion == known.WARRANTY and params.get("months"):
        text = npgettext(
            "loyalty",
            "The end of a warranty, %(months)s month after an order of %(sets)s",
            "The end of a warranty, %(months)s months after an order of %(sets)s",
            params["months"],
        )
        return text % {"months": money.number(params["months"]), "sets": named}
    if named:
        return pgettext("loyalty", "%(occasion)s, of goods of %(sets)s") % {"occasion": name, "sets": named}
    return name
