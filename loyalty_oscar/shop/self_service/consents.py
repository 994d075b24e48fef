"""
What members are asked to allow, in which words, and how they confirm it.

Letters are allowed twice: on a page, and with the link in a mail that goes to the mailbox alone. Whoever could read
that link elsewhere could have letters sent to somebody who never asked; so it stands in no table and on no page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.core import signing
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language, pgettext, pgettext_lazy
from oscar.core.loading import get_class

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.mailbox import plain_email
from loyalty_oscar.people.consents import allowed, ask, confirm, consents_of, is_of_mailbox
from loyalty_oscar.people.contacts import language_of_member
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member, Program

from ..notices.letters import SiteRequest, absolute, frame, languages
from ..storefront.throttle import DAY, forgive, is_one_too_many

logger = logging.getLogger("loyalty_oscar")
LETTERS, PERSONAL = Consent.Purpose.LETTERS, Consent.Purpose.PERSONAL
#: What leads to the confirmation is signed under this name.
SALT = "loyalty_oscar.shop.consents.mailbox"
LINK_AGE = timedelta(days=7)
#: Mails to confirm letters that go to one mailbox in a day, and that one person asks for.
MAILS_A_DAY = 3
WORDS = {
    LETTERS: pgettext_lazy(
        "loyalty",
        "Yes, %(shop)s may write me letters by e-mail: thanks, questions and offers of the %(program)s. I can stop them"
        " at any time.",
    ),
    PERSONAL: pgettext_lazy(
        "loyalty",
        "Yes, %(shop)s may use what I bought and answered to choose what the %(program)s shows me. I can take this"
        " back at any time.",
    ),
}


class ConsentState(StrEnum):
    """
    How a member stands to a purpose; codes of the API. A `CUSTOMER` gets letters without having said anything; who
    `MOVED` allowed them for an address of before.
    """

    UNASKED = "unasked"
    ASKED = "asked"
    ALLOWED = "allowed"
    REFUSED = "refused"
    MOVED = "moved"
    CUSTOMER = "customer"


class NotAsked(LoyaltyError):
    """Nothing was asked: `code` says why, the text says it to the member."""

    def __init__(self, *, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentChoice:
    """
    A purpose as a member stands to it: the words to allow it in, and since when it is so (`since`, None: nothing was
    said). `said` are the words that were agreed to, "" where none were.
    """

    purpose: str
    state: ConsentState
    words: str
    said: str
    since: datetime | None


def words_of(*, purpose: str, program: Program) -> str:
    """Return the sentence that allows a purpose, in the language in force: what is shown is what is kept."""
    return WORDS[Consent.Purpose(purpose)] % {"shop": settings.OSCAR_SHOP_NAME, "program": program.name}


def choices(*, member: Member | None, program: Program, at: datetime) -> list[ConsentChoice]:
    """
    Return the purposes that the program has something for, and those that the member ever spoke of.

    One query for a member; more only where customers of some country are written to without asking.
    """
    rows = consents_of(member_id=member.pk) if member else {}
    purposes = [one.value for one in Consent.Purpose if one in rows or one in program.known_rows]
    return [_choice(purpose, rows.get(purpose), member, program, at) for purpose in purposes]


def allow(*, member: Member, purpose: str, words: str, program: Program, site: Site, at: datetime) -> bool:
    """
    Let a member allow a purpose, in the words that were shown; letters are confirmed by a mail that leaves now. Returns
    whether it is allowed by now, so that no mail is to be waited for.

    Raises `NotAsked` where nothing came of it, or no mail left.
    """
    if words != words_of(purpose=purpose, program=program):
        text = pgettext("loyalty", "These words have changed. Read them once more, then choose.")
        raise NotAsked(code="other_words", text=text)
    told = {"member": member, "purpose": purpose, "words": words, "language": get_language() or "", "at": at}
    if purpose == PERSONAL:
        return confirm(consent_id=ask(**told).pk, at=at)
    email = getattr(member.user, "email", "")
    if not email:
        text = pgettext("loyalty", "Your account has no e-mail address. Add one, then ask again.")
        raise NotAsked(code="no_address", text=text)
    row = ask(**told)
    if not row.is_current:
        _mail_link(row, member.user, program, site)
    return bool(row.is_current)


def link_of(*, consent: Consent, email: str, site: Site) -> str:
    """Return the full address that confirms what was asked; it is for the mailbox alone."""
    token = signing.dumps([consent.pk, email], salt=SALT)
    return absolute(site=site, path=reverse("loyalty:consent", args=[token]))


def asked_by(*, token: str) -> Consent | None:
    """Return what a link confirms; None for one that is too old, not ours, or for an address of before."""
    try:
        pk, email = signing.loads(token, salt=SALT, max_age=LINK_AGE)
    except signing.BadSignature:
        return None
    rows = Consent.objects.using(write_db()).select_related("member__user", "member__program")
    row = rows.filter(pk=pk, withdrawn_at=None, member__merged_into=None, member__user__isnull=False).first()
    return row if row and row.member.user.email == email else None


def _choice(purpose: str, row: Consent | None, member: Member | None, program: Program, at: datetime) -> ConsentChoice:
    since = (row.withdrawn_at or row.confirmed_at or row.asked_at) if row else None
    said = row.words if row else ""
    state = _state(purpose, row, member, program, at)
    return ConsentChoice(
        purpose=purpose, state=state, words=words_of(purpose=purpose, program=program), said=said, since=since
    )


def _state(purpose: str, row: Consent | None, member: Member | None, program: Program, at: datetime) -> ConsentState:
    if row is None:
        is_written_to = purpose == LETTERS and member and program.existing_customers
        if is_written_to and allowed(purpose=purpose, member_ids=[member.pk], at=at):
            return ConsentState.CUSTOMER
        return ConsentState.UNASKED
    if row.withdrawn_at:
        return ConsentState.REFUSED
    if row.confirmed_at is None:
        return ConsentState.ASKED
    is_here = member is None or is_of_mailbox(consent=row, member=member)
    return ConsentState.ALLOWED if is_here else ConsentState.MOVED


def _mail_link(row: Consent, user: Any, program: Program, site: Site) -> None:
    box = salted_hmac(SALT, plain_email(email=user.email), algorithm="sha256").hexdigest()
    counted = [f"consent:{box}", f"consent-user:{user.pk}"]
    if any(is_one_too_many(name=name, most=MAILS_A_DAY, seconds=DAY) for name in counted):
        text = pgettext(
            "loyalty", "No more mails today: please look for the one that we sent, among unwanted mails too."
        )
        raise NotAsked(code="too_many_mails", text=text)
    dispatcher = get_class("communication.utils", "Dispatcher")()
    looks = frame(user=user, site=site, program=program)
    link = link_of(consent=row, email=user.email, site=site)
    context = {"request": SiteRequest(site=site), **looks, "link": link, "words": row.words}
    try:
        # Oscar keeps messages to users, for them to read in the account: to an address it keeps none.
        dispatcher.dispatch_direct_messages(user.email, dispatcher.get_messages("LOYALTY_CONFIRM_LETTERS", context))
    except Exception as error:
        logger.exception("no link was sent that confirms letters")
        for name in counted:
            forgive(name=name, seconds=DAY)
        text = pgettext("loyalty", "The mail could not be sent just now. Please try again in a few minutes.")
        raise NotAsked(code="mail_not_sent", text=text) from error


@languages.register("consent", order=90)
def language_of_consent(*, user: Any) -> str | None:
    """Return in which language somebody allowed letters or personal content; what a store knows comes before it."""
    return language_of_member(user_id=user.pk)
