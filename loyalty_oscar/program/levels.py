"""What the levels of a program are called, as whoever knows of levels says."""

from __future__ import annotations

from collections import defaultdict

from .hooks import level_lists
from .models import Program


def levels(*, program_id: int) -> dict[int, str]:
    """Return what the levels of a program are called, by rank, lowest first; empty where nobody knows of levels."""
    return {rank: name for found in level_lists.answers(program_id=program_id) for rank, name in found}


def level_names(*, program_id: int | None) -> dict[int, str]:
    """Return what levels are called, by rank: those of a program, or before it is chosen of all ("Gold / Emerald")."""
    if program_id:
        return levels(program_id=program_id)
    called: dict[int, list[str]] = defaultdict(list)
    for pk in Program.objects.order_by("pk").values_list("pk", flat=True):
        for rank, name in levels(program_id=pk).items():
            called[rank] += [] if name in called[rank] else [name]
    return {rank: " / ".join(names) for rank, names in called.items()}
