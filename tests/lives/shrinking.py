"""The shortest life that still fails: steps are left out, then what it begins with, while the same thing is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .drawing import Life
from .play import Fault, play
from .shop import Shop
from .stage import Start

#: So many lives are tried at most for one that fails.
MOST = 120


def shortest(*, shop: Shop, fault: Fault) -> Fault:
    """Return the fault of the shortest life that was found to fail in the same way."""
    tried, is_shorter = 0, True
    if fault.step >= 0:
        cut = replace(fault.life, steps=fault.life.steps[: fault.step + 1], never="")
        fault = _fails(shop, cut) or fault
    while is_shorter and tried < MOST:
        is_shorter = False
        for life in _shorter(fault.life):
            tried += 1
            if tried > MOST:
                break
            if (found := _fails(shop, life)) and _kind(found) == _kind(fault):
                fault, is_shorter = found, True
                break
    return fault


def _fails(shop: Shop, life: Life) -> Fault | None:
    try:
        play(shop, life)
    except Fault as fault:
        return fault
    return None


def _kind(fault: Fault) -> tuple[str, frozenset[str]]:
    return fault.what, frozenset(what for what, *_rest in fault.found)


def _shorter(life: Life) -> Iterator[Life]:
    """Yield lives a little shorter than this one, the much shorter first."""
    steps = life.steps
    for size in (8, 4, 2, 1):
        for start in range(0, len(steps), size):
            if size < len(steps) and len(steps[start : start + size]) == size:
                yield replace(life, steps=steps[:start] + steps[start + size :])
    if life.never:
        yield replace(life, never="")
    begins, plain = life.start, Start()
    for name in (
        "levels",
        "friends",
        "sale",
        "words",
        "review",
        "excluded",
        "gifted",
        "goal",
        "campaigns",
        "gift",
        "sets",
        "limits",
        "worth",
        "at",
    ):
        if getattr(begins, name) != getattr(plain, name):
            yield replace(life, start=replace(begins, **{name: getattr(plain, name)}))
    for told in begins.campaigns if len(begins.campaigns) > 1 else ():
        yield replace(life, start=replace(begins, campaigns=tuple(one for one in begins.campaigns if one is not told)))
    for name in begins.program:
        yield replace(life, start=replace(begins, program={k: v for k, v in begins.program.items() if k != name}))
    for rule in begins.rules[1:]:
        yield replace(life, start=replace(begins, rules=tuple(one for one in begins.rules if one is not rule)))
    for number, rule in enumerate(begins.rules):
        for plain_rule in _unlimited(rule):
            rules = (*begins.rules[:number], plain_rule, *begins.rules[number + 1 :])
            yield replace(life, start=replace(begins, rules=rules))
    for number, step in enumerate(steps):
        for simpler in _simpler(step):
            yield replace(life, steps=(*steps[:number], simpler, *steps[number + 1 :]))


def _unlimited(rule) -> Iterator:
    if rule.budget is not None:
        yield replace(rule, budget=None)
    if rule.caps:
        yield replace(rule, caps=())


def _simpler(step) -> Iterator:
    if rule := getattr(step, "rule", None):
        yield from (replace(step, rule=plain) for plain in _unlimited(rule))
    goods = getattr(step, "goods", ())
    for number, (thing, pieces) in enumerate(goods):
        if len(goods) > 1:
            yield replace(step, goods=goods[:number] + goods[number + 1 :])
        if pieces > 1:
            yield replace(step, goods=(*goods[:number], (thing, 1), *goods[number + 1 :]))
    for name, plain in (("points", 0), ("pays", True), ("line", 0), ("quietly", False)):
        if getattr(step, name, plain) != plain:
            yield replace(step, **{name: plain})
