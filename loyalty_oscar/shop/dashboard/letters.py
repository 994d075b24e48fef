"""The letter about goodwill points: the customer reads what was given, and not the reason that a clerk typed."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Topic, topics
from loyalty_oscar.program.models import Event

from ..notices.letters import Letter, MailKind, inbox_links, letters, mail_kinds, shared

TOPIC = "goodwill"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "Goodwill"),
        text="staff gave goodwill points and wanted the customer to know",
        payload={"entry": "key of the entry"},
    )
)


@letters.register(TOPIC)
def goodwill(*, event: Event, at: datetime) -> Letter | None:
    """Write the letter; None where the points were taken back before it left."""
    entries = Entry.objects.using(write_db()).select_related("account__unit__program")
    entry = entries.filter(pk=event.payload.get("entry")).first()
    if entry is None or entries.filter(account=entry.account, reverses=entry).exists():
        return None
    account = entry.account
    context = shared(member=event.member, account=account, unit=account.unit, points=entry.net)
    return Letter(
        code="LOYALTY_POINTS_GIFT", context=context | {"why": words.why(entry.because), "occasion": "", "product": ""}
    )


inbox_links.register(TOPIC)(lambda: pgettext("loyalty", "See what you have"))
mail_kinds.register(TOPIC)(MailKind(text=lambda: pgettext("loyalty", "A gift")))
