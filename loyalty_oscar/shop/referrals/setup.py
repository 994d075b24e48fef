"""The invitation to friends of the ready program, where somebody chose one."""

from __future__ import annotations

from datetime import datetime

from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.referrals.models import Scheme

from ..upkeep.setup import SetupResult, coin, setup_steps

#: The first order of a friend is for so many coins at least.
LEAST = 20


@setup_steps.register("referrals", order=40)
def friends(*, ready: SetupResult, at: datetime) -> None:
    """Let members invite friends, in a program that says nothing of it yet; both sides get the same."""
    minor, currency = ready.choices.friends_minor, ready.program.currency
    if not minor:
        return
    if Scheme.objects.using(write_db()).filter(program=ready.program).exists():
        ready.there.append("Members can invite friends")
        return
    points = ready.points_for(minor=minor)
    told = {"giver_points": points, "newcomer_points": points, "least_minor": LEAST * coin(currency=currency)}
    Scheme.objects.using(write_db()).create(program=ready.program, **told)
    worth = money.in_words(minor=minor, currency=currency)
    ready.made.append(f"Members can invite friends; each side gets {money.number(points)}, worth {worth}")
