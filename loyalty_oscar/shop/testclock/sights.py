"""What features know of test members beside what they have and the mails they get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from loyalty_oscar.program.hooks import RAISE, Hook


class TestSight(Protocol):
    """Says how members stand, and when that is looked at next."""

    def says(self, *, program_id: int, member_ids: Sequence[int], at: datetime) -> Mapping[int, Iterable[str]]:
        """Return a sentence for each thing that is so by now, by member; what is new is shown on its day."""
        ...

    def due(self, *, program_id: int, member_ids: Sequence[int]) -> Iterable[datetime]:
        """Return the moments from which on a job has something to do for these members, as it stands; past ones too."""
        ...


test_sights: Hook[TestSight] = Hook("test_sights", TestSight, on_error=RAISE)
