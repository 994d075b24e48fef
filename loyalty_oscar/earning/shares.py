"""How the points of an order divide over the rules that brought them. Pure, like `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from loyalty_oscar.kernel.rounding import spread

#: Steps that are shares of something, and rounded together once; all others are whole points.
SHARED = {"per_amount", "multiplier", "tier_bonus"}
#: What stands for the rules of an award that does not say them.
UNSAID = "order"


def shares(*, points: int, because: Mapping[str, Any], standing: int) -> dict[str, int]:
    """
    Return whose the points are that stand of an award of so many points, by `rule:base` or `tier:3`.

    `because` is what the award says (`Award.because`): whole points of a rule are its own, the rest goes to the steps
    that were rounded together, by their exact shares. Of an award that fell, all have lost the same share of theirs.
    The parts add up to `standing`; what came late has no steps of its own and is divided like the rest.
    """
    steps = because.get("p", {}).get("steps", ()) if because.get("c") == "earned" else ()
    exact: dict[str, Fraction] = {}
    whole: dict[str, int] = {}
    for step in steps:
        share = Fraction(step["p"]["exact"])
        if step["c"] not in SHARED and share.denominator == 1:
            whole[_item(step)] = whole.get(_item(step), 0) + int(share)
        else:
            exact[_item(step)] = exact.get(_item(step), Fraction(0)) + share
    rest = points - sum(whole.values())
    if rest < 0 or not exact:
        weights: dict[str, Fraction | int] = {**exact, **whole} or {UNSAID: 1}
        return dict(zip(weights, spread(total=standing, weights=list(weights.values())), strict=True))
    parts = dict(zip(exact, spread(total=rest, weights=list(exact.values())), strict=True))
    for item, own in whole.items():
        parts[item] = parts.get(item, 0) + own
    return dict(zip(parts, spread(total=standing, weights=list(parts.values())), strict=True))


def _item(step: Mapping[str, Any]) -> str:
    if step["c"] == "tier_bonus":
        # One that was decided without the number knows the name.
        return f"tier:{step['p'].get('rank') or step['p'].get('rule', '')}"
    return f"rule:{step['p'].get('code', '')}"
