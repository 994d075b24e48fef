"""The panel on Oscar's page of an order that says what a return would do, before staff confirm it in Oscar's form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import clock, contributions, money, words

from ..orders.buyers import mark_of
from ..orders.returns import ReturnPreview, look_at, preview, preview_cancelled
from ..orders.unreturned import returns_of
from .links import url_of
from .permissions import UNRETURN

#: `?return-7=2`: two units of line 7.
FIELD = "return-"


@contributions.register("dashboard:order", "return", order=40)
def returning(*, subject: Any, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what it would do if the chosen units came back (all that are left to begin with), or the whole order."""
    asked, at = chosen(request.GET), clock.now()
    seen = look_at(order=subject, at=at, mark=mark_of(order=subject))
    is_any_back = seen is not None and any(row.gone for row in seen.facts.rows)
    undo = list(undoable(subject)) if is_any_back and request.user.has_perm(UNRETURN) else []
    found = preview(order=subject, quantities=asked, at=at, seen=seen)
    cancelled = preview_cancelled(order=subject, at=at, seen=seen, all_back=found if asked is None else None)
    if asked is None and not found.changes and not cancelled.changes and not undo:
        return None
    return "loyalty/dashboard/return.html", {
        "rows": [{"line": line, "name": f"{FIELD}{line.line_id}"} for line in found.lines if line.left],
        "wrong": list(wrong(found, request.GET)),
        "parts": list(parts(found)),
        "notes": list(notes(found)),
        "cancelled": ", ".join(text for _name, _value, text in parts(cancelled)) if cancelled.lines else "",
        "cancelled_notes": list(notes(cancelled)),
        "undo": undo,
    }


def undoable(order: Any) -> Iterator[dict[str, Any]]:
    """Yield the returns of an order in words, each with where one undoes it."""
    for told in returns_of(order=order):
        text = npgettext(
            "loyalty", "%(event)s on %(day)s: %(units)d piece", "%(event)s on %(day)s: %(units)d pieces", told.units
        )
        day = date_format(localtime(told.event.date_created), "SHORT_DATE_FORMAT")
        said = {"event": told.event.event_type.name, "day": day, "units": told.units}
        url = url_of("loyalty:dashboard-unreturn", number=order.number, kind=told.kind, event_id=told.event.pk)
        if url:
            yield {"text": text % said, "url": url}


def chosen(typed: Mapping[str, str]) -> dict[int, int] | None:
    """Return the quantities by line id that an address asks for, or None where it asks for none."""
    pairs = [(name.removeprefix(FIELD), value) for name, value in typed.items() if name.startswith(FIELD)]
    return {int(line): int(units) for line, units in pairs if _is_number(line) and _is_number(units)} if pairs else None


def wrong(found: ReturnPreview, typed: Mapping[str, str]) -> Iterator[str]:
    """Say of each line for which something else was typed than so many pieces as may come back."""
    text = pgettext("loyalty", "%(title)s: type a whole number from 0 to %(left)s.")
    for line in found.lines:
        told = typed.get(f"{FIELD}{line.line_id}", "0")
        if line.left and not (_is_number(told) and int(told) <= line.left):
            yield text % {"title": line.title, "left": money.number(line.left)}


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


def parts(found: ReturnPreview) -> Iterator[tuple[str, int, str]]:
    """Yield what happens as (name for machines, number, words): "€30.00 back", "30 paws go", "500 paws return"."""
    amount = money.in_words(minor=found.minor, currency=found.currency)
    yield "return-money", found.minor, pgettext("loyalty", "%(amount)s back") % {"amount": amount}
    for change in found.changes:
        if change.taken:
            text = npgettext("loyalty", "%(points)s goes", "%(points)s go", change.taken)
            if change.why:
                text = npgettext(
                    "loyalty",
                    "%(points)s of another member goes (%(why)s)",
                    "%(points)s of another member go (%(why)s)",
                    change.taken,
                )
            told = {"points": words.points(unit=change.unit, points=change.taken), "why": change.why}
            yield "return-goes", change.taken, text % told
        if change.returned:
            text = npgettext("loyalty", "%(points)s returns", "%(points)s return", change.returned)
            points = words.points(unit=change.unit, points=change.returned)
            yield "return-comes", change.returned, text % {"points": points}
    if not found.changes:
        yield "return-goes", 0, pgettext("loyalty", "nothing changes")


def notes(found: ReturnPreview) -> Iterator[str]:
    """
    Say what changes beside points, which points go for another reason, and what becomes of those that are not there or
    are owed.
    """
    yield from found.beside
    for change in found.changes:
        for why, points in change.because.items():
            text = pgettext("loyalty", "%(points)s of them: %(why)s.")
            yield text % {"points": words.points(unit=change.unit, points=points), "why": why}
        if change.made_up:
            text = pgettext("loyalty", "%(points)s of those that return make up at once for what was to be made up.")
            yield text % {"points": words.points(unit=change.unit, points=change.made_up)}
        if change.owed:
            text = pgettext("loyalty", "%(points)s of it used already: the customer's next orders make up for it.")
            if change.why:
                text = pgettext(
                    "loyalty", "%(points)s of the other member used already: that member's next orders make up."
                )
            yield text % {"points": words.points(unit=change.unit, points=change.owed)}
        if change.forgiven:
            text = pgettext("loyalty", "%(points)s more have run out or are used already, and the shop bears them.")
            yield text % {"points": words.points(unit=change.unit, points=change.forgiven)}
