"""A typed registry: a code stands for one thing, and a second claim to it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from .errors import LoyaltyError, UnknownCode

T = TypeVar("T")


class AlreadyRegistered(LoyaltyError):
    """Two things want the same code."""


class Registry(Generic[T]):
    """
    Things by code, in order of their codes.

    `kind` names them in messages ("earning rule").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}

    def register(self, code: str) -> Callable[[T], T]:
        """Return a decorator that stores a thing under `code`; the same thing may come twice, another may not."""

        def keep(thing: T) -> T:
            if self._things.setdefault(code, thing) is not thing:
                raise AlreadyRegistered(f"{self.kind} {code!r} is registered already; choose another code")
            return thing

        return keep

    def unregister(self, code: str) -> None:
        """Forget `code`; unknown codes are fine (tests and reloads)."""
        self._things.pop(code, None)

    def get(self, code: str) -> T:
        """Return the thing, or raise `UnknownCode` with the codes that exist."""
        try:
            return self._things[code]
        except KeyError:
            raise UnknownCode(f"no {self.kind} {code!r}; there are: {', '.join(sorted(self._things))}") from None

    def items(self) -> list[tuple[str, T]]:
        """Return (code, thing), sorted by code."""
        return sorted(self._things.items())

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._things))

    def __contains__(self, code: object) -> bool:
        return code in self._things
