"""What the doctor and the program's page know of bringing a friend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import pgettext

from loyalty_oscar.kernel.rounding import worth_minor
from loyalty_oscar.program import money
from loyalty_oscar.program.hooks import program_warnings
from loyalty_oscar.program.models import Program, State
from loyalty_oscar.program.queries import worth_of
from loyalty_oscar.referrals.models import Referral, Scheme

from ..upkeep.doctor import Finding, Level, doctor_checks

ABOUT = "bringing a friend"
PATIENCE = timedelta(days=7)


@doctor_checks.register("referrals", order=45)
def referrals(*, at: datetime) -> Iterator[Finding]:
    """Nobody waits for a look for longer than a week, and schemes that are on serve a program that runs."""
    waiting = Referral.objects.filter(state=Referral.State.REVIEW, bound_at__lt=at - PATIENCE).count()
    if waiting:
        text = f"friends who came more than a week ago wait for somebody's look: {waiting:,}"
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint="Decide in the admin: friends brought in.")
    for scheme in Scheme.objects.filter(is_on=True).exclude(program__state=State.LIVE).select_related("program"):
        text = f"members of “{scheme.program.name}” can invite friends, and the program is {scheme.program.state}"
        hint = "Switch inviting off, or take the program live."
        yield Finding(level=Level.NOTE, about=ABOUT, text=text, hint=hint)


@program_warnings.register("referrals", order=20)
def costs_more_than_it_brings(*, program: Program, at: datetime) -> Iterator[str]:
    """Say that both rewards together are worth as much as the least first order."""
    rows = Scheme.objects.filter(program=program, is_on=True).select_related("giver_reward", "newcomer_reward")
    scheme = rows.first()
    rate = worth_of(program_id=program.pk).get(program.currency)
    if scheme is None or rate is None:
        return
    points = scheme.giver_points + scheme.newcomer_points
    rewards = [reward for reward in (scheme.giver_reward, scheme.newcomer_reward) if reward is not None]
    value = worth_minor(points=points, per_points=rate.points, minor=rate.minor)
    value += sum(reward.cost_minor for reward in rewards)
    if value >= max(1, scheme.least_minor):
        text = pgettext(
            "loyalty", "Bringing a friend gives away %(value)s for a first order that may be as small as %(least)s."
        )
        least = money.in_words(minor=max(1, scheme.least_minor), currency=program.currency)
        yield text % {"value": money.in_words(minor=value, currency=program.currency), "least": least}
