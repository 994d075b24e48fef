"""Names of where points come from and where they lie: a kind and a number (`order:42`, `basket:7`)."""

from __future__ import annotations


def number_of(*, name: str, kind: str) -> int | None:
    """Return the number of a name of this kind ("order:42" is 42 of "order"), None of every other name."""
    own, _colon, number = name.partition(":")
    return int(number) if own == kind and number.isdigit() else None
