"""
Contributions: what features and stores show in the places of pages, the admin and mails.

A template names a place; who shows something there is its business no more than a view's. All places are in `PLACES`,
and in docs/reference/extend.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from django.http import HttpRequest
from django.template import Context, Engine
from django.template.loader import render_to_string

from loyalty_oscar.kernel.errors import UnknownCode
from loyalty_oscar.kernel.hooks import MIDDLE, SKIP, Hook


class Contribution(Protocol):
    """A piece of a page: a template and its context for the subject of a place."""

    def __call__(self, *, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
        """Return both, or None where there is nothing to show. In a mail there is no request."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where something may be shown: `name` is a page and a spot on it, `subject` what the place is about, `where` says
    where it is, `since` from which version on.
    """

    name: str
    subject: str
    where: str
    since: str = "0.1"


PLACES = (
    Place("product:earns", "product", "on the product's page: what it brings"),
    Place("product:card-earns", "product", "on its card in a list, after the price: what it brings"),
    Place("product:price", "product", "in the price's place, on pages and lists: why there is none"),
    Place("product:club-price", "product", "after a price: what it would be for those who are not in the club"),
    Place("product:buy", "product", "in the place of the button that puts it into the basket"),
    Place("product:hidden", "product", "on no page: whatever is shown here, a list leaves out the product's card"),
    Place("product:write-review", "product", "above the form in which a review is written"),
    Place("product:review", "review", "beside a review"),
    Place("basket:earns", "basket", "on the basket's page: what it brings"),
    Place("basket:delivery", "shipping method", "there, below: what is missing to free delivery"),
    Place("basket:totals", "basket", "above the totals, on the basket's page and at the checkout"),
    Place("basket:used", "basket", "in the totals of a basket, after all discounts: what points took off"),
    Place("checkout:payment", "basket", "on the payment's page"),
    Place("checkout:preview", "basket", "in the forms of the preview"),
    Place("checkout:place-order", "basket", "above the button that places the order"),
    Place("thank-you:used", "order", "on the page that thanks: what the order used"),
    Place("thank-you:earned", "order", "there: what it brought or will bring"),
    Place("thank-you:guest", "order", "there: how a guest keeps it"),
    Place("thank-you:more", "order", "there: what comes after"),
    Place("mail:order", "order", "in the mail that confirms an order; there is no request"),
    Place("register:form", "request", "in the form that registers"),
    Place("footer:links", "program", "in the line about the club at the foot of every page"),
    Place("header:badge", "visit", "in the badge of the header"),
    Place("header:dot", "visit", "there, after the number: that something is there to be had"),
    Place("account:tab", "program", "beside the tab of the account pages"),
    Place("account:top", "unit", "on the account page, before anything else"),
    Place("account:level", "unit", "on the account page: the level"),
    Place("account:empty", "unit", "there: before any order"),
    Place("account:ready", "unit", "there: beside the points that are ready"),
    Place("account:more", "unit", "there: what a member can do"),
    Place("account:foot", "unit", "there: at the foot"),
    Place("account:order", "order", "on the order's page of the customer's account"),
    Place("account:orders", "orders", "below the list of the customer's orders; all of a page"),
    Place("account:mails", "unit", "on the page where members choose their mails: what they asked to be told of"),
    Place("profile:delete", "user", "on the page that deletes a profile"),
    Place("how-it-works:parts", "unit", "on the page that explains the program"),
    Place("sale:locked", "sale", "on the page of a sale that is not open yet"),
    Place("sale:door", "door of a sale", "beside it: how far away it is"),
    Place("sale:door-look", "door of a sale", "before it: how it looks"),
    Place(
        "front:program",
        "unit",
        "on the front page of loyalty, in the admin and on Oscar's dashboard: more about a program",
    ),
    Place("dashboard:user", "user", "on a customer's page of Oscar's dashboard"),
    Place("dashboard:order", "order", "on an order's page of Oscar's dashboard"),
    Place("admin:member", "member", "in the admin, on a member's page"),
    Place("admin:program", "program", "there, on a program's page"),
    Place("admin:rule", "what stands on the page of a rule", "there, on a rule's page"),
    Place("admin:campaign", "campaign", "there, on a campaign's page"),
    Place("admin:referral", "referral", "there, on a referral's page"),
)

#: A fault in one is logged and leaves a gap on the page, never an error.
_hooks: dict[str, Hook[Contribution]] = {place.name: Hook(place.name, Contribution, on_error=SKIP) for place in PLACES}


def at(place: str, /) -> Hook[Contribution]:
    """Return who shows something in a place. Raises `UnknownCode` for one that is not there, with one that is."""
    if place not in _hooks:
        near = difflib.get_close_matches(place, _hooks, n=1, cutoff=0)
        raise UnknownCode(f"no place {place!r}; did you mean {near[0]!r}? There are: {', '.join(_hooks)}")
    return _hooks[place]


def register(place: str, name: str, *, order: int = MIDDLE) -> Callable[[Contribution], Contribution]:
    """Return a decorator that shows a contribution in a place; lower numbers stand first."""
    return at(place).register(name, order=order)


def render(place: str, *, subject: Any, request: HttpRequest | None, inside: Context | None = None) -> list[str]:
    """
    Return what is shown in a place for a subject, in order.

    `inside` is the context of the page where it is being rendered: its processors have answered already.
    """
    shown = at(place).handle(partial(_shown, subject, request, inside))
    return [piece for _name, piece in shown if piece]


def _shown(subject: Any, request: HttpRequest | None, inside: Context | None, contribution: Contribution) -> str:
    answer = contribution(subject=subject, request=request)
    if not answer:
        return ""
    name, said = answer[0], dict(answer[1])
    if inside is None:
        return render_to_string(name, said, request=request)
    known = {one: inside.get(one) for one in ("csrf_token", "user", "perms")}
    engine = inside.template.engine if inside.template else Engine.get_default()
    return engine.get_template(name).render(inside.new({**known, "request": request, **said}))
