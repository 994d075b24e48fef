"""What levels tell the rest of the house and the store."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent after a ladder or its levels were saved in the admin: `ladder`.
ladder_saved = Signal()
