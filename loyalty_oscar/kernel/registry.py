"""A typed registry: a code stands for one thing, and a second claim to it is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Generic, TypeVar

from . import signatures
from .errors import LoyaltyError, UnknownCode

T = TypeVar("T")


class AlreadyRegistered(LoyaltyError):
    """Two things want the same code."""


class Registry(Generic[T]):
    """
    Things by code, in order of their codes.

    `kind` names them in messages ("earning rule"). Where they have a `spec`, a protocol or a dataclass, one that cannot
    be called as it says, or is none of it, is refused with `WrongSignature`; so is one with a method of a protocol in
    `also` that does not fit it. With `of_classes` the things are classes, whose instances fit.
    """

    def __init__(
        self, kind: str, spec: type | None = None, *, also: Collection[type] = (), of_classes: bool = False
    ) -> None:
        self.kind, self.spec, self.also, self.of_classes = kind, spec, also, of_classes
        self._things: dict[str, T] = {}

    def register(self, code: str) -> Callable[[T], T]:
        """Return a decorator that stores a thing under `code`; the same thing may come twice, another may not."""

        def keep(thing: T) -> T:
            self._check(code, thing)
            if self._things.setdefault(code, thing) is not thing:
                raise AlreadyRegistered(f"{self.kind} {code!r} is registered already; choose another code")
            return thing

        return keep

    def _check(self, code: str, thing: T) -> None:
        if self.spec is not None:
            signatures.check(
                kind=self.kind, code=code, thing=thing, spec=self.spec, also=self.also, is_class=self.of_classes
            )

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
