"""What the levels of a program are called, as whoever knows of levels says."""

from __future__ import annotations

from loyalty_oscar.program.registries import checks


def levels(*, program_id: int) -> dict[int, str]:
    """Return what the levels of a program are called, by rank, lowest first; empty where nobody knows of levels."""
    asked = [ask for name, ask in checks.items() if name.startswith("levels:")]
    return {rank: name for ask in asked for rank, name in ask(program_id=program_id)}
