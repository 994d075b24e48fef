"""
What the doctor knows of campaigns and goals: whether the tries of one visitor are told apart from those of another, and
goals that nobody can reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Q

from loyalty_oscar.journeys.models import Campaign, Goal
from loyalty_oscar.journeys.occasions import SIGN_UP, WORD
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import State
from loyalty_oscar.program.registries import metrics, reward_kinds

from ..orders.product_sets import ties
from ..upkeep.doctor import Finding, Level, doctor_checks

#: Settings of Django that make sense only behind a proxy.
BEHIND_A_PROXY = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")


@doctor_checks.register("network", order=41)
def behind_a_proxy(*, at: datetime) -> Iterator[Finding]:
    """Behind a proxy the whole shop may share one network address, and with it the tries of one."""
    campaigns = Campaign.objects.filter(occasion__in=(SIGN_UP, WORD), is_on=True).exclude(program__state=State.DRAFT)
    if not campaigns.exists():
        return
    told_of = [name for name in BEHIND_A_PROXY if getattr(settings, name, None)]
    if not told_of:
        text = "sign-ups and code words are counted by the address that the web server tells (REMOTE_ADDR)"
        yield Finding(level=Level.OK, about="network", text=text)
        return
    text = (
        f"{' and '.join(told_of)} says that the shop stands behind a proxy, and REMOTE_ADDR counts: if that is the"
        f" proxy's own, {conf.SIGN_UPS_PER_ADDRESS:,} people a day get points for registering in the whole shop"
    )
    hint = "Let the web server or a middleware of yours put the visitor's address into REMOTE_ADDR."
    yield Finding(level=Level.NOTE, about="network", text=text, hint=hint)


@doctor_checks.register("goals", order=41)
def goals(*, at: datetime) -> Iterator[Finding]:
    """Every goal in force can be reached, and gives what can be had; nothing without goals."""
    running = Goal.objects.filter(Q(ends_at=None) | Q(ends_at__gt=at), is_on=True)
    rows = running.exclude(program__state=State.CLOSED).select_related("program", "reward").order_by("pk")
    for goal in rows:
        found = list(_unreachable(goal))
        yield from found
        if not found:
            yield Finding(level=Level.OK, about="goals", text=f"“{goal.name}” is in force, counted by {goal.metric}")


def _unreachable(goal: Goal) -> Iterator[Finding]:
    name = f"“{goal.name}”"
    if goal.metric not in metrics:
        text = f"{name} counts by {goal.metric!r}, which is not registered: nobody reaches it, and orders wait for it"
        hint = "Put back the code that registered it with extend.metrics, or end the goal."
        yield Finding(level=Level.ERROR, about="goals", text=text, hint=hint)
    known = ties()
    if goal.set_codes and not any(code in known for code in goal.set_codes):
        text = f"{name} counts products of sets that are tied to no range: nobody reaches it"
        yield Finding(level=Level.WARNING, about="goals", text=text, hint="Choose a range for each in the admin.")
    if goal.rank and goal.rank not in levels(program_id=goal.program_id):
        text = f"{name} is for level {goal.rank} and above, which is not there: nobody reaches it"
        yield Finding(
            level=Level.WARNING, about="goals", text=text, hint="Choose another level on its page in the admin."
        )
    if goal.reward and goal.reward.kind not in reward_kinds:
        text = f"{name} gives “{goal.reward.name}”, whose kind is not registered: nobody can use it"
        hint = "Put back the code that registered it with extend.reward_kinds, or let the goal give something else."
        yield Finding(level=Level.ERROR, about="goals", text=text, hint=hint)
