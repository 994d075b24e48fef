"""Whether something that a store or a feature registers can be called the way it will be, asked when it registers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any, Protocol

from .errors import LoyaltyError

CALL = "__call__"


class WrongSignature(LoyaltyError):
    """What was registered cannot be called as the house will call it."""


def methods_of(*, spec: type) -> dict[str, inspect.Signature]:
    """Return what a protocol asks for: its methods (`__call__` among them) by name, each without `self`."""
    found: dict[str, inspect.Signature] = {}
    for kind in reversed(spec.__mro__):
        # What `typing` itself writes on a protocol begins with an underscore, and so does what is nobody's business.
        wanted = {name: value for name, value in vars(kind).items() if name == CALL or not name.startswith("_")}
        found |= {name: _without_self(value) for name, value in wanted.items() if inspect.isfunction(value)}
    return found


def _without_self(function: Any) -> inspect.Signature:
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def misfit(*, thing: object, spec: type, is_class: bool = False) -> str:
    """
    Return why a thing does not fit a protocol, "" where it does.

    Parameters are compared, not types: each method must take what the protocol's takes, by the same names, and need
    nothing else. With `is_class` the thing is a class, and its instances are to fit. Where the spec is a dataclass, the
    thing is one of it.
    """
    if is_dataclass(spec):
        return "" if isinstance(thing, spec) else f"it is no {spec.__name__}"
    wanted = methods_of(spec=spec)
    if CALL not in wanted and inspect.isclass(thing) != is_class:
        return "register the class itself" if is_class else "register an object, not its class"
    missing = [name for name in attributes_of(spec=spec) if not hasattr(thing, name)]
    missing += [name for name in wanted if not callable(thing if name == CALL else getattr(thing, name, None))]
    if missing:
        return f"it has no {', '.join(missing)}"
    return next(filter(None, (_misfit(thing, name, signature, is_class) for name, signature in wanted.items())), "")


def attributes_of(*, spec: type) -> Iterator[str]:
    """Yield the names of what a protocol, or another among its parents, asks to have besides methods."""
    for kind in spec.__mro__:
        if kind is not Protocol and getattr(kind, "_is_protocol", False):
            yield from inspect.get_annotations(kind)


def _misfit(thing: Any, name: str, wanted: inspect.Signature, is_class: bool) -> str:
    function = thing if name == CALL else getattr(thing, name)
    try:
        taken = inspect.signature(function)
    except (TypeError, ValueError):  # Written in C, and silent about what it takes.
        return ""
    if is_class and inspect.isfunction(inspect.getattr_static(thing, name)):
        taken = _without_self(function)
    ways = wanted.parameters.values()
    by_place = [None for way in ways if way.kind is way.POSITIONAL_ONLY]
    by_name = {way.name: None for way in ways if way.kind in (way.KEYWORD_ONLY, way.POSITIONAL_OR_KEYWORD)}
    try:
        taken.bind(*by_place, **by_name)
    except TypeError as error:
        called = "" if name == CALL else name
        return f"{called}{_as_written(taken)} is called as {called}{_as_written(wanted)}: {error}"
    return ""


def _as_written(signature: inspect.Signature) -> str:
    """Return "(*, at, member)": the parameters alone, which is what differs."""
    bare = [way.replace(annotation=way.empty) for way in signature.parameters.values()]
    return str(inspect.Signature(bare))


def check(
    *, kind: str, code: str, thing: object, spec: type, also: Iterable[type] = (), is_class: bool = False
) -> None:
    """
    Raise `WrongSignature` unless a thing fits a protocol, and each of `also` as far as it has its methods.

    A thing must have something of one of them.
    """
    there = [one for one in also if any(hasattr(thing, name) for name in methods_of(spec=one))]
    if not there and not methods_of(spec=spec) and also:
        names = sorted({name for one in also for name in methods_of(spec=one)})
        raise WrongSignature(f"{kind} {code!r} does not fit: it has none of {', '.join(names)}")
    for one in (spec, *there):
        if why := misfit(thing=thing, spec=one, is_class=is_class):
            raise WrongSignature(f"{kind} {code!r} does not fit: {why}")
