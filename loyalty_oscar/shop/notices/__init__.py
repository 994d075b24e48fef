"""Contract mails and notices: what a member is told, when, and what becomes of a date that could not be announced."""

from .arrival import clear_inbox, report_bounce, seen
from .delivery import deliver
from .expiry import announce_expiry
from .ready import announce_ready

__all__ = ["announce_expiry", "announce_ready", "clear_inbox", "deliver", "report_bounce", "seen"]
