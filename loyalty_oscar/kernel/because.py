"""Why a number is what it is: a code for ever, and parameters. Words are found when it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Because:
    """
    The reason of a decision.

    `code` is lower case with underscores and never changes its meaning. `params` are
    plain values (int, str, list of those); amounts are minor units, instants ISO 8601 in UTC.
    """

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __init__(self, code: str, **params: Any) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "params", params)

    def to_json(self) -> dict[str, Any]:
        """Return `{"c": code}` plus the parameters under `"p"` where there are any: short, as it stands in a row."""
        return {"c": self.code, "p": dict(self.params)} if self.params else {"c": self.code}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Because:
        """Read what `to_json` wrote."""
        return cls(data["c"], **data.get("p", {}))
