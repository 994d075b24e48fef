"""Codes of partners that a reward gives out: staff add them, members have them one by one (`claims.show_code`)."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.rows import write_rows

from ..models import RewardCode


def add_codes(*, reward: Reward, codes: Sequence[str]) -> list[str]:
    """Add codes to the list of a reward, each once; returns those that were in it already."""
    known = set(RewardCode.objects.using(write_db()).filter(reward=reward).values_list("code", flat=True))
    new = dict.fromkeys(code for code in codes if code not in known)
    write_rows(rows=[RewardCode(reward=reward, code=code) for code in new], skip=True)
    return [code for code in codes if code in known]
