"""E-mail addresses as mailboxes, so that one person does not look like many."""

from __future__ import annotations

import unicodedata


def plain_email(*, email: str) -> str:
    """
    Return an address without what makes one mailbox look like many: case, full-width letters, a +tag, and dots and
    the second domain name of Google's mail.
    """
    name, _at, domain = unicodedata.normalize("NFKC", email).strip().casefold().rpartition("@")
    name = name.partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        name, domain = name.replace(".", ""), "gmail.com"
    return f"{name}@{domain}"
