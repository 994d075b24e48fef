"""
What goes into a mail: the letter, and the parts that every letter shares.

A letter is written by a function that turns an event into it, or into None where there is nothing left to tell.
Letters hold numbers as they are when the mail leaves, so that the mail and the page agree.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.sites.models import Site
from django.core import signing
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import pgettext

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.registry import Registry
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import words
from loyalty_oscar.program.conf import COLORS, conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.languages import offered
from loyalty_oscar.program.models import Event, Member, Program, ProgramSite, Unit
from loyalty_oscar.program.worth import worth

logger = logging.getLogger("loyalty_oscar")
#: Anything that a mail program would turn into a link: schemes, addresses, bare domains, paths, markup.
LINK = re.compile(r"\S*(?:[/\\@<>]|www\.|\w\.\w\w)\S*", re.IGNORECASE)
LONGEST_NAME = 40
#: What leads from a mail to a page of ours is signed under this name.
SALT = "loyalty_oscar.shop.notices"
#: So long after an order changed its mail leaves: what is sent back is often written down piece by piece.
SETTLED = timedelta(minutes=30)


class LetterRow(NamedTuple):
    """Words on the left, a number on the right."""

    text: str
    value: str
    is_total: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """
    One mail: an Oscar communication event and its context, with `headers` more than every mail has; in Oscar's inbox it
    is old from the moment `until` on. One whose links lead on without login is not `is_kept`: Oscar keeps the others in
    the account, for their reader and for staff.
    """

    code: str
    context: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_kept: bool = True


#: topic of an event -> function(event, at) that writes the letter; called in the member's language.
letters: Registry[Callable[..., Letter | None]] = Registry("letter")
#: topic of an event -> function() that says what the link of its row in Oscar's inbox reads; the row itself reads as
#: the mail's subject without a name. Topics without one are not put there.
inbox_links: Registry[Callable[[], str]] = Registry("inbox link")
#: topic of an event -> function(event, at) that says from when on members may be told; without one at once.
timings: Registry[Callable[..., datetime]] = Registry("timing")


@dataclass(frozen=True, kw_only=True, slots=True)
class MailKind:
    """
    How the page on which members choose their mails names a kind: `text()` is what it tells of. One that nothing hangs
    on is optional, all others always come. It is named in a program that has what it tells of: `belongs(program)`.
    """

    text: Callable[[], str]
    is_optional: bool = False
    belongs: Callable[[Program], bool] = lambda program: True


#: topic of an event -> what kind of mail it is. Topics without one always come.
mail_kinds: Registry[MailKind] = Registry("kind of mail")


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
    known = (offered(code=code) for code in languages.answers(user=user) if code)
    chosen = next(filter(None, known), settings.LANGUAGE_CODE)
    with translation.override(chosen):
        yield chosen


def site_of(*, member: Member, site_id: int | None = None) -> Site:
    """Return the site that a mail speaks for: the given one, else the program's first, else the shop's."""
    if site_id is None:
        own = ProgramSite.objects.using(write_db()).filter(program_id=member.program_id)
        if first := own.select_related("site").order_by("pk").first():
            return first.site
    sites, wanted = Site.objects.using(write_db()), site_id or getattr(settings, "SITE_ID", None)
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
        on_the_way = text % {"number": words.short(unit=unit, points=coming)}
    rows = [LetterRow(pgettext("loyalty", "Ready to use"), with_worth(unit=unit, points=account.available))]
    for label, points in (
        (on_the_way, account.pending),
        (pgettext("loyalty", "Set aside for a basket"), account.reserved),
    ):
        rows += [LetterRow(label, with_worth(unit=unit, points=points))] if points else []
    if account.debt:
        rows.append(LetterRow(pgettext("loyalty", "To make up"), words.points(unit=unit, points=account.debt)))
    return rows


def in_daytime(*, event: Event, at: datetime) -> datetime:
    """Let a mail leave by day: what nobody waits for wakes nobody up."""
    zone = event.member.program.time_zone if event.member else "UTC"
    return periods.daytime(at=at, zone=zone, hours=conf.DAYTIME)


def once_settled(*, event: Event, at: datetime) -> datetime:
    """Let a mail leave once what it is about has had time to be written down whole."""
    return event.at + SETTLED


def through_login(*, site: Site, path: str) -> str:
    """Return the full address that leads a member to a page of this shop: through login, where that is needed."""
    signed = signing.Signer(salt=SALT).sign(path)
    return absolute(site=site, path=f"{reverse('loyalty:go')}?{urlencode({'to': signed})}")


def page_of(*, signed: str) -> str:
    """Return the page that `through_login` signed; empty for everything else, and for other hosts."""
    try:
        path = signing.Signer(salt=SALT).unsign(signed)
    except signing.BadSignature:
        return ""
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None) else ""


def frame(*, user: Any, site: Site, program: Program | None) -> dict[str, Any]:
    """Return the context that every mail has: whom it greets, and how its head and foot look."""
    return {
        "first_name": first_name(user=user),
        "shop_name": settings.OSCAR_SHOP_NAME,
        "program_name": program.name if program else settings.OSCAR_SHOP_NAME,
        "colors": {**COLORS, **conf.MAIL_COLORS},
        "emblem": full(site=site, address=_emblem()),
        "terms_link": absolute(site=site, path=reverse("loyalty:how-it-works")) if program else "",
        "account_link": absolute(site=site, path=reverse("loyalty:overview")) if program else "",
        "mails_link": through_login(site=site, path=reverse("loyalty:mails")) if program else "",
    }


def _emblem() -> str:
    """Return the address of the picture at the top, or nothing: a star. For want of a picture no mail stays here."""
    try:
        return static(conf.MAIL_EMBLEM) if conf.MAIL_EMBLEM else ""
    except ValueError:
        # That of storages that give files names of their own, where they know none by this one.
        logger.warning("LOYALTY_MAIL_EMBLEM is %r, which is no static file: mails have a star", conf.MAIL_EMBLEM)
        return ""


def full(*, site: Site, address: str) -> str:
    """Return the full address of a file, which may stand on a server of its own."""
    return absolute(site=site, path=address) if address.startswith("/") and not address.startswith("//") else address


def shared(
    *, member: Member, account: Account | None, unit: Unit, points: int, site: Site | None = None, path: str = ""
) -> dict[str, Any]:
    """Return the context that every letter about `points` has; its button leads to `path` (default: the account)."""
    site = site or site_of(member=member)
    return {
        **frame(user=member.user, site=site, program=unit.program),
        "number": words.short(unit=unit, points=points),
        "points": words.points(unit=unit, points=points),
        "count": points,
        "worth": worth(unit=unit, points=points),
        "balances": balances(account=account, unit=unit) if account else [],
        "link": through_login(site=site, path=path or reverse("loyalty:overview")),
    }


def account_of(*, member: Member) -> Account | None:
    """Return the account of a member with its unit and program; None while there is none."""
    rows = Account.objects.using(write_db()).filter(member=member).select_related("unit__program")
    return rows.order_by("unit_id").first()


def write(*, event: Event, at: datetime) -> Letter | None:
    """Return the letter about an event in the language in force; None where there is nothing left to tell."""
    letter = letters.get(event.topic)(event=event, at=at)
    if letter is None:
        return None
    return replace(letter, context={**letter.context, "is_optional": is_optional(topic=event.topic)})


def is_optional(*, topic: str) -> bool:
    """Return whether members may refuse mails about a topic."""
    return topic in mail_kinds and mail_kinds.get(topic).is_optional
