"""What campaigns tell the rest of the house and the store."""

from __future__ import annotations

from django.dispatch import Signal

#: sender=Answer; member, answer, at: a member answered a question, or answered it anew. Sent in the transaction that
#: keeps it.
answer_saved = Signal()
