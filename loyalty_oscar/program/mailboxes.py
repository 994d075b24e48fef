"""What stays of a mailbox when its address is gone."""

from __future__ import annotations

from django.utils.crypto import salted_hmac

from loyalty_oscar.kernel.mailbox import plain_email


def mark_of(*, email: str, salt: str) -> str:
    """Return the keyed hash of a mailbox, 64 characters; what was hashed with another salt cannot be told by it."""
    return salted_hmac(salt, plain_email(email=email), algorithm="sha256").hexdigest()
