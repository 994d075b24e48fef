"""Contract mails and notices: what a member is told, when, and what becomes of a date that could not be announced."""

from .arrival import report_bounce, seen
from .delivery import deliver
from .expiry import announce_expiry

__all__ = ["announce_expiry", "deliver", "report_bounce", "seen"]
