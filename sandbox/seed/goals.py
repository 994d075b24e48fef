"""The stamp card of the Paw Club: every tenth piece of food brings a present; and what the club itself is to reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from loyalty_oscar.insights.models import Aim
from loyalty_oscar.journeys.models import Goal
from loyalty_oscar.kernel.periods import add_months, local_day
from loyalty_oscar.program.models import Program, Reward

from .rewards import OPENED, PRESENT
from .timeline import Happening, ten_oclock

#: The day, from today, on which its goals were set.
AIMED = -240


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Hand out the card, an hour after the rewards."""
    yield Happening(at=ten_oclock(today=today, days=OPENED) + timedelta(hours=1), do=_hand_out)
    yield Happening(at=ten_oclock(today=today, days=AIMED), do=_aim)


def _aim(player: Any, at: datetime) -> None:
    day = local_day(at=at, zone="UTC").replace(day=1)
    told = {
        "program": Program.objects.get(code="paw-club"),
        "starts_on": day,
        "ends_on": add_months(day=day, months=12),
    }
    Aim.objects.create(figure=Aim.Figure.REPEAT, start=2_222, target=4_500, **told)
    Aim.objects.create(figure=Aim.Figure.MEMBERS, start=46, target=70, **told)


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
