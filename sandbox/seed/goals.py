"""The stamp card of the Paw Club: every tenth piece of food brings a present."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from loyalty_oscar.journeys.models import Goal
from loyalty_oscar.program.models import Program, Reward

from .rewards import OPENED, PRESENT
from .timeline import Happening, ten_oclock


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Hand out the card, an hour after the rewards."""
    yield Happening(at=ten_oclock(today=today, days=OPENED) + timedelta(hours=1), do=_hand_out)


def _hand_out(player: Any, at: datetime) -> None:
    Goal.objects.create(
        program=Program.objects.get(code="paw-club"),
        code="food-card",
        name="Ten times food",
        metric="pieces",
        params={"sets": ["food"]},
        target=10,
        repeats=True,
        reward=Reward.objects.get(code=PRESENT),
        starts_at=at,
    )
