"""
What goes into a mail: the letter, and the parts that every letter shares.

A letter is written by a function that turns an event into it, or into None where there is nothing left to tell.
Letters hold numbers as they are when the mail leaves, so that the mail and the page agree.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.contrib.sites.models import Site
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import pgettext

from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Event, Member, ProgramSite, Unit
from loyalty_oscar.program.worth import worth

#: Anything that a mail program would turn into a link: schemes, addresses, bare domains, paths, markup.
LINK = re.compile(r"\S*(?:[/\\@<>]|www\.|\w\.\w\w)\S*", re.IGNORECASE)
LONGEST_NAME = 40


class LetterRow(NamedTuple):
    """Words on the left, a number on the right."""

    text: str
    value: str
    is_total: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One mail: an Oscar communication event and its context; with `has_notice` it is noted whether it arrived."""

    code: str
    context: Mapping[str, Any] = field(default_factory=dict)
    has_notice: bool = False


#: topic of an event -> function(event, at) that writes the letter; called in the member's language.
letters: Registry[Callable[..., Letter | None]] = Registry("letter")
#: topic of an event -> function(context) that says what a letter with this context is in Oscar's inbox, which shows
#: both as HTML: subject and body. Topics without one are not put there.
inbox_texts: Registry[Callable[..., tuple[str, str]]] = Registry("inbox text")


class LanguageSource(Protocol):
    """Knows what language people read, for mails; the first that knows counts."""

    def __call__(self, *, user: Any) -> str | None:
        """Return its code ("de"), or None where it does not know."""
        ...


languages: Hook[LanguageSource] = Hook("languages", LanguageSource, on_error=RAISE)


def first_name(*, user: Any) -> str:
    """Return the first name for a greeting, without what could become a link; may be empty."""
    name = str(getattr(user, "first_name", "") or "")
    name = "".join(" " if unicodedata.category(c)[0] == "Z" or c in "\r\n\t" else c for c in name)
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    return " ".join(LINK.sub(" ", name).split())[:LONGEST_NAME].strip()


@contextmanager
def language_of(*, user: Any) -> Any:
    """Speak the member's language within the block: what a registered source knows, else the shop's own."""
    known = languages.answers(user=user)
    offered = dict(settings.LANGUAGES)
    chosen = next((code for code in known if code in offered), settings.LANGUAGE_CODE)
    with translation.override(chosen):
        yield chosen


def site_of(*, member: Member, site_id: int | None = None) -> Site:
    """Return the site that a mail speaks for: the given one, else the program's first, else the shop's."""
    own = ProgramSite.objects.using(write_db()).filter(program_id=member.program_id).order_by("pk")
    wanted = site_id or own.values_list("site_id", flat=True).first() or getattr(settings, "SITE_ID", None)
    sites = Site.objects.using(write_db())
    return sites.filter(pk=wanted).first() or sites.order_by("pk").first() or Site(domain="localhost")


class SiteRequest(HttpRequest):
    """Stands for a visit of a site where nobody visits: without SITE_ID, Oscar and Django ask it for the host."""

    def __init__(self, *, site: Site) -> None:
        super().__init__()
        self.host = site.domain

    def get_host(self) -> str:
        """Return the site's domain; the shop wrote it, so ALLOWED_HOSTS has no say."""
        return self.host


def absolute(*, site: Site, path: str) -> str:
    """Return the full address of one of our pages; never taken from a request, whose host anybody may write."""
    return f"{settings.OSCAR_URL_SCHEMA}://{site.domain}{path}"


def with_worth(*, unit: Unit, points: int) -> str:
    """Return "1,250 paws = 12.50 €"."""
    counted, value = words.points(unit=unit, points=points), worth(unit=unit, points=points)
    return f"{counted} = {value}" if value else counted


def balances(*, account: Account, unit: Unit, coming: int = 0) -> list[LetterRow]:
    """
    Return "what you have now": ready, and where there are any, on the way, set aside and to make up.

    `coming` is how many of those on the way the letter speaks of.
    """
    on_the_way = pgettext("loyalty", "On the way")
    if coming and account.pending > coming:
        text = pgettext("loyalty", "On the way, these %(number)s included")
        on_the_way = text % {"number": words.number(unit=unit, points=coming)}
    rows = [LetterRow(pgettext("loyalty", "Ready to use"), with_worth(unit=unit, points=account.available))]
    for label, points in (
        (on_the_way, account.pending),
        (pgettext("loyalty", "Set aside for a basket"), account.reserved),
    ):
        rows += [LetterRow(label, with_worth(unit=unit, points=points))] if points else []
    if account.debt:
        rows.append(LetterRow(pgettext("loyalty", "To make up"), words.points(unit=unit, points=account.debt)))
    return rows


def shared(*, member: Member, account: Account, unit: Unit, site: Site, points: int) -> dict[str, Any]:
    """Return the context that every letter about `points` has."""
    return {
        "first_name": first_name(user=member.user),
        "shop_name": settings.OSCAR_SHOP_NAME,
        "program_name": unit.program.name,
        "number": words.number(unit=unit, points=points),
        "points": words.points(unit=unit, points=points),
        "worth": worth(unit=unit, points=points),
        "balances": balances(account=account, unit=unit),
        "link": absolute(site=site, path=reverse("loyalty:overview")),
    }


def write(*, event: Event, at: datetime) -> Letter | None:
    """Return the letter about an event in the language in force; None where there is nothing left to tell."""
    return letters.get(event.topic)(event=event, at=at)
