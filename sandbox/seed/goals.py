"""The stamp card of the Paw Club: every tenth piece of food brings a present; and what the club itself is to reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from loyalty_oscar.insights.forms import AimForm
from loyalty_oscar.insights.models import Aim
from loyalty_oscar.journeys.models import Goal
from loyalty_oscar.kernel.periods import add_months, local_day
from loyalty_oscar.program.models import Program, Reward

from .rewards import OPENED, PRESENT
from .timeline import Happening, ten_oclock

#: The day, from today, from whose month on the club's own goals run.
BEGINS = -240
#: What a goal is about -> what it is to reach: a share in percent, and a number.
TARGETS = {Aim.Figure.REPEAT: 45, Aim.Figure.MEMBERS: 70}


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Hand out the card, an hour after the rewards."""
    yield Happening(at=ten_oclock(today=today, days=OPENED) + timedelta(hours=1), do=_hand_out)


def set_aims(*, at: datetime) -> None:
    """Set the club's own goals, which start at what was counted for the month before."""
    day = local_day(at=at + timedelta(days=BEGINS), zone="UTC").replace(day=1)
    told = {"program": Program.objects.get(code="paw-club").pk, "length": 3, "window": 365}
    days = {"starts_on": day.isoformat(), "ends_on": add_months(day=day, months=12).isoformat()}
    for figure, reaches in TARGETS.items():
        form = AimForm({**told, **days, "figure": figure, "begins": "", "reaches": reaches})
        form.save()


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
