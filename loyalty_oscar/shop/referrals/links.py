"""The link of a member, made from the shop's own site and never from a request's host, and the ways to pass it on."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import segno
from django.contrib.sites.shortcuts import get_current_site
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import pgettext

from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.program.models import Program
from loyalty_oscar.referrals.models import Code, Scheme
from loyalty_oscar.referrals.queries import scheme_of

from ..notices.letters import absolute, first_name, site_of

#: What of an address holds the first name of who invites.
BY = "by"
SALT = "loyalty_oscar.referrals.by"


def path_of(*, code: Code) -> str:
    """
    Return the address where the link of a code leads. It brings the first name of who invites along, signed: so the
    page can tell it without asking whose code that is, and tells nobody which codes there are.
    """
    path, name = reverse("loyalty:invitation", args=[code.code]), first_name(user=code.member.user)
    return f"{path}?{urlencode({BY: f'{name}.{_mark(code.code, name)}'})}" if name else path


def name_of_link(*, code: str, text: str) -> str:
    """Return the first name that a link brought along, or nothing for one that we did not write for this code."""
    name, _dot, mark = text.rpartition(".")
    return name if name and constant_time_compare(mark, _mark(code, name)) else ""


def _mark(code: str, name: str) -> str:
    return salted_hmac(SALT, f"{code}:{name}").hexdigest()[:12]  # Short enough for a QR code; it guards a name only.


def ways(*, code: Code, program: Program, request: Any) -> dict[str, Any]:
    """Return the link, the words that go with it, and the addresses that open another program with both."""
    site = site_of(member=code.member, site_id=get_current_site(request).pk)
    link = absolute(site=site, path=path_of(code=code))
    said, names = _text(scheme_of(program_id=program.pk)), {"program": program.name, "shop": site.name}
    text, subject = said % names, quote(said.split(". ")[0] % names, safe="")
    both = quote(f"{text} {link}", safe="")
    return {
        "code": code.code,
        "name": first_name(user=code.member.user),
        "link": link,
        "text": text,
        "whatsapp": f"https://wa.me/?text={both}",
        "sms": f"sms:?&body={both}",
        "mail": f"mailto:?subject={subject}&body={both}",
        "qr": qr(link=link),
    }


def qr(*, link: str) -> SafeString:
    """Return a QR code as a drawing for the page, sized by our style sheet alone: no style of its own, no script."""
    drawn = segno.make(link, error="m", micro=False).svg_inline(
        omitsize=True, border=2, svgclass="loyalty-qr", lineclass=None, dark="#1f2a2e", light="#fff"
    )
    return mark_safe(drawn)  # Drawn from modules alone: the link stands in it as black and white.


def _text(scheme: Scheme | None) -> str:
    """Return what stands before the link: that it brings a gift, to whom it does."""
    giver, newcomer = (scheme.promise("giver"), scheme.promise("newcomer")) if scheme else (Promise(), Promise())
    if scheme is None or (giver and newcomer):
        return pgettext("loyalty", "I am in the %(program)s of %(shop)s. With this link we both get a gift:")
    if newcomer:
        return pgettext("loyalty", "I am in the %(program)s of %(shop)s. With this link you get a gift:")
    return pgettext("loyalty", "I am in the %(program)s of %(shop)s. This link leads there:")
