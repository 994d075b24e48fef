"""What was posted, for callers who want to tell of it: they need not look for rows afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from loyalty_oscar.kernel.errors import LoyaltyError

from ..models import Entry

#: The look ahead in which operations write nothing (`foresight.Foresight`), None outside.
looking_ahead: ContextVar[Any] = ContextVar("loyalty_ledger_looking_ahead", default=None)
_listening: ContextVar[tuple[list[Entry], ...]] = ContextVar("loyalty_ledger_listening", default=())


@contextmanager
def recorded() -> Iterator[list[Entry]]:
    """
    Collect every entry that is posted inside, in the order in which it was. An operation that fails leaves none.

    A replay posts nothing. Who rolls a savepoint of their own back drops the list that they opened inside it.
    """
    entries: list[Entry] = []
    token = _listening.set((*_listening.get(), entries))
    try:
        yield entries
    finally:
        _listening.reset(token)


def posting(operation: Callable[..., None]) -> Callable[..., list[Entry]]:
    """Have an operation return the entries that it posts."""

    @wraps(operation)
    def told(*args: Any, **kwargs: Any) -> list[Entry]:
        with recorded() as entries:
            operation(*args, **kwargs)
        return entries

    return told


@contextmanager
def only_here(*, inside: bool) -> Iterator[list[Entry]]:
    """Collect the entries of a look ahead, and tell nobody outside of it: they are not posted."""
    entries: list[Entry] = []
    token = _listening.set((*(_listening.get() if inside else ()), entries))
    try:
        yield entries
    finally:
        _listening.reset(token)


def check_foresight() -> None:
    """Raise `LoyaltyError` in a look ahead, for an operation that cannot be foreseen."""
    if looking_ahead.get() is not None:
        raise LoyaltyError("this cannot be foreseen: only what gives points and takes them back can")


def is_heard() -> bool:
    """Return whether anybody listens."""
    return bool(_listening.get())


def note_down(*entries: Entry) -> None:
    """Tell whoever listens that these entries were posted."""
    for heard in _listening.get():
        heard.extend(entries)


def marks() -> tuple[int, ...]:
    """Return how far each listener has come."""
    return tuple(map(len, _listening.get()))


def forget_since(before: Iterable[int]) -> None:
    """Take back what was told since then, for it was rolled back."""
    for heard, count in zip(_listening.get(), before, strict=True):
        del heard[count:]
