"""What brings paws in the demo shop besides buying; new since today, so that the past stands as it was."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.earning.models import Action
from loyalty_oscar.program.models import Program

#: code -> kind, name, points, code word, points in all
ACTIONS = {
    "welcome": ("sign-up", "Welcome to the Paw Club", 50, None, None),
    "reviews": ("review", "A review of what you bought", 25, None, None),
    "birthdays": ("birthday", "Happy birthday", 100, None, None),
    "dog-show": ("word", "Dog show in Leipzig", 40, "leipzig26", 20_000),
}


def open_actions(*, at: datetime) -> None:
    """Begin the actions of the Paw Club; called again it leaves them as they are."""
    program = Program.objects.get(code="paw-club")
    for code, (kind, name, points, word, budget) in ACTIONS.items():
        fields = {"kind": kind, "name": name, "points": points, "word": word, "budget": budget, "starts_at": at}
        Action.objects.get_or_create(program=program, code=code, defaults=fields)
