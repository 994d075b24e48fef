"""Hooks: the places where the house asks whoever wants to answer, each with its protocol, its order and its policy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from .registry import Registry
from .signatures import CALL

Spec = TypeVar("Spec")
logger = logging.getLogger("loyalty_oscar")
#: The order of who names none.
MIDDLE = 50


class OnError(StrEnum):
    """What becomes of an error in one that is asked: see `Hook`."""

    RAISE = "raise"
    REPORT = "report"
    SKIP = "skip"


RAISE, REPORT, SKIP = OnError.RAISE, OnError.REPORT, OnError.SKIP


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """Stands in the place of an answer where one could not be given and the hook reports errors."""

    error: Exception


class Hook(Registry[Spec]):
    """
    Who answers one kind of question, in order of their numbers and, for the same number, of their names.

    Each is an object or a function that fits `spec`. Those that have a method of one of the protocols in `also` are
    asked that too. What happens when one fails is said once, here:

    - `RAISE`: the error goes to the caller, and nobody else is asked;
    - `REPORT`: a `Failed` stands for the answer, and the others are asked;
    - `SKIP`: it is logged, and the others are asked.

    `but` are errors that are meant and go to the caller all the same. Each is asked `within` a block of its own.
    """

    #: All hooks that there are, by name.
    every: ClassVar[dict[str, Hook[Any]]] = {}

    def __init__(
        self,
        name: str,
        spec: type,
        *,
        on_error: OnError,
        also: Collection[type] = (),
        but: tuple[type[Exception], ...] = (),
        within: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        super().__init__(name.replace("_", " ").removesuffix("s"), spec, also=also)
        self.name, self.on_error, self.but, self.within = name, on_error, but, within
        self._orders: dict[str, int] = {}
        self._sorted: list[tuple[str, Spec]] | None = None
        self.every[name] = self

    def register(self, code: str, *, order: int = MIDDLE) -> Callable[[Spec], Spec]:
        """Return a decorator that stores a thing under `code`; lower numbers are asked first."""
        keep = super().register(code)

        def place(thing: Spec) -> Spec:
            keep(thing)
            self._orders.setdefault(code, order)
            self._sorted = None
            return thing

        return place

    def unregister(self, code: str) -> None:
        """Forget `code` with its number; unknown codes are fine."""
        super().unregister(code)
        self._orders.pop(code, None)
        self._sorted = None

    def number_of(self, code: str) -> int:
        """Return the number of what is registered by a name."""
        return self._orders[code]

    def items(self) -> list[tuple[str, Spec]]:
        """Return (name, thing) in order, for who must keep more of each apart than its answer; else use `each`."""
        if self._sorted is None:  # A page asks some hundred times.
            self._sorted = sorted(self._things.items(), key=lambda one: (self._orders[one[0]], one[0]))
        return self._sorted

    def __iter__(self) -> Iterator[str]:
        return (name for name, _thing in self.items())

    def each(self, method: str = CALL, /, **about: Any) -> Iterator[tuple[str, Any]]:
        """
        Ask everybody, or everybody who has this method, one after the other; yields (name, answer).

        The next is asked when the caller wants the next answer, so that whoever has enough can stop.
        """
        asked = self if method == CALL else self.only(lambda thing: hasattr(thing, method))
        return asked.handle(lambda thing: getattr(thing, method)(**about))

    def handle(self, do: Callable[[Spec], Any]) -> Iterator[tuple[str, Any]]:
        """Do something with each that may fail like itself, such as showing what it answers; yields (name, result)."""
        for name, thing in self.items():
            if self.on_error is RAISE:
                with self.within():
                    answer = do(thing)
                yield name, answer
                continue
            try:
                with self.within():
                    answer = do(thing)
                    # A generator does its work, and fails, when it is read: here, and not where nobody expects it.
                    answer = list(answer) if isinstance(answer, Iterator) else answer
            except self.but:
                raise
            except Exception as error:
                if self.on_error is SKIP:
                    logger.exception("%s: %s failed and is left out", self.name, name)
                    continue
                answer = Failed(error=error)
            yield name, answer

    def answers(self, method: str = CALL, /, **about: Any) -> Iterator[Any]:
        """Ask as `each` does; yields the answers without the names."""
        return (answer for _name, answer in self.each(method, **about))

    def tell(self, method: str = CALL, /, **about: Any) -> None:
        """Ask as `each` does, for what is done and not for what is answered."""
        for _answer in self.each(method, **about):
            pass

    def passed(self, through: str, /, **about: Any) -> Any:
        """Ask one after the other, each told under the name `through` what the one before it answered."""
        for _name, ask in self.items():
            about[through] = ask(**about)  # type: ignore[operator]  # Its spec has `__call__`.
        return about[through]

    def only(self, fits: Callable[[Spec], bool]) -> Hook[Spec]:
        """Return a hook with those for whom `fits` is true: asked, and forgiven, in the same way."""
        found = copy(self)
        found._sorted, found._things = None, {name: thing for name, thing in self._things.items() if fits(thing)}
        return found

    def first(self) -> Spec | None:
        """Return the thing with the lowest number, where there is to be one; None where there is none."""
        return next((thing for _name, thing in self.items()), None)
