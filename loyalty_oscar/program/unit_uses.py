"""Whether anything was counted in a unit: the floors above know. The models ask, so this knows none of them."""

from __future__ import annotations

from typing import Protocol

from loyalty_oscar.kernel.hooks import RAISE, Hook


class UnitUse(Protocol):
    """Knows whether a program's unit means something to somebody already."""

    def __call__(self, *, program_id: int) -> bool:
        """Return whether something was counted in it, so that it must stay what it is."""
        ...


unit_uses: Hook[UnitUse] = Hook("unit_uses", UnitUse, on_error=RAISE)
