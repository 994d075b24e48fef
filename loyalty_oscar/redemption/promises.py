"""
What was promised of points that are set aside: the limits as they were, and once a payment began what came off a line.
Written beside the use as plain JSON, and read from there whatever the merchant changes meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from loyalty_oscar.kernel.because import Because

from .rules import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class PromisedLine:
    """A line of the basket as a payment began with it: how many, and what points took off (None: nobody looked)."""

    line_id: int
    quantity: int
    minor: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketPromise:
    """
    `limits` and the product `sets` of each product as they were (None: the shop lets nothing lower its price); `lines`
    from when a payment began.

    `total` is what all goods cost then (minor units, `with_tax` or without), `because` why points were no more.
    """

    limits: Limits
    sets: Mapping[int, frozenset[str] | None] = field(default_factory=dict)
    lines: tuple[PromisedLine, ...] = ()
    total: int | None = None
    with_tax: bool = False
    because: Because | None = None

    @property
    def minor(self) -> int | None:
        """Return what points took off in all when a payment began, None where nobody had looked."""
        parts = [line.minor for line in self.lines if line.minor is not None]
        return sum(parts) if parts and len(parts) == len(self.lines) else None

    def is_of(self, lines: Sequence[tuple[int, int]]) -> bool:
        """Return whether a basket has these lines, (id, quantity) each, as it had when a payment began."""
        return [(line.line_id, line.quantity) for line in self.lines] == list(lines)

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in a row; what is as usual is left out."""
        usual = asdict(Limits())
        limits = {name: value for name, value in asdict(self.limits).items() if value != usual[name]}
        if "excluded" in limits:
            limits["excluded"] = sorted(self.limits.excluded)
        sets = {str(pk): None if codes is None else sorted(codes) for pk, codes in self.sets.items()}
        told: dict[str, Any] = {"limits": limits, "sets": sets}
        if self.lines:
            told["lines"] = [[line.line_id, line.quantity, line.minor] for line in self.lines]
        if self.total is not None:
            told |= {"total": self.total, "with_tax": self.with_tax}
        if self.because:
            told["because"] = self.because.to_json()
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> BasketPromise:
        """Read what `to_json` wrote."""
        limits = replace(Limits(), **told["limits"])
        lines = [PromisedLine(line_id=pk, quantity=many, minor=minor) for pk, many, minor in told.get("lines", ())]
        return cls(
            limits=replace(limits, excluded=frozenset(limits.excluded)),
            sets={int(pk): None if codes is None else frozenset(codes) for pk, codes in told["sets"].items()},
            lines=tuple(lines),
            total=told.get("total"),
            with_tax=told.get("with_tax", False),
            because=Because.from_json(told["because"]) if "because" in told else None,
        )
