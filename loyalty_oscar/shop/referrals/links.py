"""The link of a member, made from the shop's own site and never from a request's host, and the ways to pass it on."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import segno
from django.contrib.sites.shortcuts import get_current_site
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import pgettext

from loyalty_oscar.program.models import Program
from loyalty_oscar.referrals.models import Code

from ..notices.letters import absolute, site_of


def ways(*, code: Code, program: Program, request: Any) -> dict[str, Any]:
    """Return the link, the words that go with it, and the addresses that open another program with both."""
    site = site_of(member=code.member, site_id=get_current_site(request).pk)
    link = absolute(site=site, path=reverse("loyalty:invitation", args=[code.code]))
    text = pgettext("loyalty", "I am in the %(program)s of %(shop)s. With this link we both get points:")
    text %= {"program": program.name, "shop": site.name}
    both, subject = quote(f"{text} {link}", safe=""), quote(text.split(". ")[0], safe="")
    return {
        "code": code.code,
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
