"""What levels tell the rest of the house and the store."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent after a ladder or its levels were saved in the admin: `ladder`, and `is_back` where it was switched on or off.
ladder_saved = Signal()
