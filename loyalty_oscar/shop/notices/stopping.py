"""
Letters are stopped without signing in: by the button of a mail program (RFC 8058), or by the link in the letter.

The link is signed for a member and a purpose, so it works as long as the shop's keys do, whatever address the member
has by then. It can do no more than a member can do on a page of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from email.policy import Policy

from django.contrib.sites.models import Site
from django.core import signing
from django.urls import reverse

from loyalty_oscar.people.consents import withdraw
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member

from .letters import absolute

SALT = "loyalty_oscar.shop.stop"


class WholeLink(str):
    """
    The header with the link, on one line however long it is.

    Python's newer way to write mails, which Django 6 takes, cuts long words into encoded pieces, and no mail program
    puts a link together again.
    """

    name = "List-Unsubscribe"

    def __str__(self) -> str:
        return self

    def fold(self, *, policy: Policy) -> str:
        """Return the header as it is written."""
        return f"{self.name}: {self}{policy.linesep}"


def stop_link(*, member: Member, site: Site, purpose: str = Consent.Purpose.LETTERS) -> str:
    """Return the full address at which a member stops a purpose, in the language in force."""
    token = signing.Signer(salt=SALT).sign(f"{purpose}:{member.public_id}")
    return absolute(site=site, path=reverse("loyalty:stop", args=[token]))


def stop_headers(*, member: Member, site: Site) -> dict[str, str]:
    """Return the headers by which mail programs stop letters to a member at one press: those of RFC 8058."""
    link = stop_link(member=member, site=site)
    return {WholeLink.name: WholeLink(f"<{link}>"), "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def stopped_by(*, token: str) -> tuple[str, Member | None] | None:
    """
    Return what a link stops, and for whom (None: the member is gone, and nobody is written to any more).

    None for a link that we did not sign.
    """
    try:
        purpose, _colon, public_id = signing.Signer(salt=SALT).unsign(token).partition(":")
    except signing.BadSignature:
        return None
    members = Member.objects.using(write_db()).select_related("program")
    return purpose, members.filter(public_id=public_id).first()


def stop(*, member: Member, purpose: str, at: datetime) -> None:
    """Let a member refuse a purpose, and whoever the member became one with; told again it changes nothing."""
    for one in _with_successors(member):
        if one.erased_at is None:
            withdraw(member_id=one.pk, purpose=purpose, at=at)


def _with_successors(member: Member) -> Iterator[Member]:
    one: Member | None = member
    while one is not None:
        yield one
        one = one.merged_into
