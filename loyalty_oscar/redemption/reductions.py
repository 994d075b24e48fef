"""What a reward takes off the goods of a basket, decided without a database; money is minor units of one currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.rounding import as_shown, falls, full_steps, share_out

from .rules import Payable


@dataclass(frozen=True, kw_only=True, slots=True)
class Reduction:
    """An `amount` off, or `percent` of the goods and `most` at most (0 = no limit), from goods of `least` on."""

    amount: int = 0
    percent: int = 0
    most: int = 0
    least: int = 0

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Reduction:
        """Read the parameters of a reward of the kind `off`."""
        return cls(**{name: int(params.get(name) or 0) for name in ("amount", "percent", "most", "least")})


@dataclass(frozen=True, kw_only=True, slots=True)
class ReductionQuote:
    """The decision: `minor` comes off, `parts` of it off each line (same order); `because` says why not all of it."""

    minor: int = 0
    parts: tuple[int, ...] = ()
    because: Because = field(default_factory=lambda: Because("as_asked"))


def reduce(
    *, reduction: Reduction, lines: Sequence[Payable], before: int, currency: str, grain: int = 1, finer: int = 1
) -> ReductionQuote:
    """
    Return what a reward takes off these lines, which cost `before` without any discount.

    Lines that let nothing lower their price, and those outside the reward's goods, `takes_discounts` False, stay as
    they are. `grain` and `finer` as of `rules.quote`. An amount takes the goods to 0.00 and no further.
    """
    none = (0,) * len(lines)
    if before < reduction.least:
        because = Because("reward_least_order", minor=reduction.least, currency=currency)
        return ReductionQuote(parts=none, because=because)
    goods = _whole([line.minor for line in lines], grain, finer)
    shut = _whole([line.minor for line in lines if not line.takes_discounts], grain, finer)
    costs = [Fraction(line.minor) / grain for line in lines]
    opened = [cost if line.takes_discounts else Fraction(0) for line, cost in zip(lines, costs, strict=True)]
    off = partial(falls, rooms=share_out(total=goods - shut, exact=opened), exact=costs, finer=finer)
    room = sum(off(total=goods - shut))
    if not room:
        return ReductionQuote(parts=none, because=Because("reward_not_for_these"))
    wanted = reduction.amount // grain if reduction.amount else full_steps(amount=room * reduction.percent, step=100)
    if reduction.percent and reduction.most:
        wanted = min(wanted, reduction.most // grain)
    parts = off(total=min(wanted, room))
    minor = sum(parts)
    told = {"minor": minor * grain, "currency": currency}
    because = Because("reward_takes_less", **told) if minor < wanted or not minor else Because("as_asked")
    return ReductionQuote(minor=minor * grain, parts=tuple(part * grain for part in parts), because=because)


def _whole(amounts: Sequence[Fraction | int], grain: int, finer: int) -> int:
    return as_shown(exact=sum(map(Fraction, amounts), Fraction(0)) / grain, finer=finer)
