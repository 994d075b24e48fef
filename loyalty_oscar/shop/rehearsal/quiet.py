"""Nothing leaves the house: no mail, and no signal to anybody but Oscar, Django and us."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db.models import signals as of_models
from oscar.apps.basket import signals as of_baskets
from oscar.apps.order import signals as of_orders

SIGNALS = (
    *(of_models.pre_init, of_models.post_init, of_models.pre_save, of_models.post_save),
    *(of_models.pre_delete, of_models.post_delete, of_models.m2m_changed),
    *(of_orders.order_placed, of_orders.order_status_changed, of_orders.order_line_status_changed),
    of_baskets.basket_addition,
)
#: Who may go on listening: their receivers write rows, and those are rolled back.
AT_HOME = ("django", "oscar", "loyalty_oscar")
#: What would go to a search index, and is no news to anybody.
UNTOLD = ("", "haystack")


@contextmanager
def quietly() -> Iterator[list[str]]:
    """Mute mails and the store's own receivers in this process; yields the names of those left out."""
    backend, known = settings.EMAIL_BACKEND, [(signal, signal.receivers) for signal in SIGNALS]
    left_out: set[str] = set()
    try:
        settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
        for signal, receivers in known:
            names = [_name(entry) for entry in receivers]
            kept = [name.partition(".")[0] in AT_HOME for name in names]
            left_out |= {
                name
                for name, keep in zip(names, kept, strict=True)
                if not keep and name.partition(".")[0] not in UNTOLD
            }
            _listen(signal, [entry for entry, keep in zip(receivers, kept, strict=True) if keep])
        yield sorted(left_out)
    finally:
        settings.EMAIL_BACKEND = backend
        for signal, receivers in known:
            _listen(signal, receivers)


def _listen(signal: Any, receivers: list[Any]) -> None:
    with signal.lock:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


def _name(entry: Any) -> str:
    """Return where the receiver of a signal's entry lives, "" for one that is gone."""
    receiver = entry[1]() if isinstance(entry[1], weakref.ReferenceType) else entry[1]
    if receiver is None:
        return ""
    module = getattr(receiver, "__module__", None) or type(receiver).__module__
    return f"{module}.{getattr(receiver, '__qualname__', type(receiver).__qualname__)}"
