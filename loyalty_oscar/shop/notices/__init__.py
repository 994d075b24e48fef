"""Contract mails and notices: what a member is told, when, and what becomes of a date that could not be announced."""

from .arrival import report_bounce, seen
from .delivery import deliver
from .expiry import announce

__all__ = ["announce", "deliver", "report_bounce", "seen"]
