"""What the doctor knows of rewards: what can be had, what members wait for, and whether the books agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Q

from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Reward, State
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.redemption.claims import terms_of
from loyalty_oscar.redemption.currencies import closed_currencies
from loyalty_oscar.redemption.kinds import CODE
from loyalty_oscar.redemption.models import Claim

from ...upkeep.doctor import Finding, Level, doctor_checks
from ..doctor import currencies_sold
from ..offer import is_in_its_dates, is_lasting
from .offers import OFFERS, offers_of

ABOUT = "rewards"
#: Fewer codes than that are few.
FEW = 10
#: So long members may wait for what they asked staff for.
PATIENCE = timedelta(days=7)
#: So many are named; the rest is counted.
NAMED = 5


@doctor_checks.register("rewards", order=43)
def rewards(*, at: datetime) -> Iterator[Finding]:
    """Every reward in force is of a kind and for a level that are there, has codes, and counts in each currency."""
    rows = Reward.objects.filter(is_on=True).exclude(program__state=State.CLOSED).select_related("program")
    sold = sorted(currencies_sold(at=at))
    free = Count("codes", filter=Q(codes__claim=None))
    known = {pk: levels(program_id=pk) for pk in set(rows.values_list("program_id", flat=True))}
    for reward in rows.annotate(free=free).order_by("pk"):
        if reward.kind not in reward_kinds:
            text = f"“{reward.name}” is of the kind {reward.kind!r}, which is not registered: nobody can use it"
            hint = "Put back the code that registered it with extend.reward_kinds, or switch the reward off."
            yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint=hint)
        if reward.rank and reward.rank not in known[reward.program_id]:
            text = f"“{reward.name}” is for level {reward.rank} and above, which is not there: nobody can have it"
            hint = "Choose another level on the page of the reward in the admin."
            yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
        if closed := closed_currencies(reward=reward, currencies=sold):
            text = f"“{reward.name}” has no amount in {', '.join(closed)}: no basket of that currency can use it"
            hint = "Write one on the page of the reward in the admin; once somebody has it, add another reward."
            yield Finding(level=Level.NOTE, about=ABOUT, text=text, hint=hint)
        if reward.kind == CODE and reward.free < FEW and terms_of(reward=reward).is_in_time(at=at):
            yield _few(reward, reward.free)


def _few(reward: Reward, free: int) -> Finding:
    hint = "Upload more of them on the page of the reward in the admin."
    if free:
        text = f"“{reward.name}” has few codes left: {free}"
        return Finding(level=Level.NOTE, about=ABOUT, text=text, hint=hint)
    text = f"“{reward.name}” has no code left: nobody can have it"
    return Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


@doctor_checks.register("reward-offers", order=43)
def offers(*, at: datetime) -> Iterator[Finding]:
    """The offer of each kind of rewards that members have or can have is there once, open, and limited by nothing."""
    had = Q(is_on=True) | Q(claims__state=Claim.State.OPEN)
    kinds = Reward.objects.filter(had, kind__in=OFFERS).exclude(program__state=State.CLOSED).order_by()
    for kind in sorted(set(kinds.values_list("kind", flat=True))):
        rows = list(offers_of(kind=kind))
        name = OFFERS[kind].name
        if not rows:
            text = f"the offer “{name}” is not among Oscar's: nobody can use rewards of the kind {kind!r}"
            yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint="Run `manage.py loyalty_setup`.")
        elif not (is_lasting(rows[0]) and is_in_its_dates(rows[0], at)):
            text = f"“{rows[0].name}” is not open to everybody for ever: rewards of {kind!r} hang on it"
            hint = "Change it on the dashboard's page of offers, or delete it there and run `manage.py loyalty_setup`."
            yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint=hint)


@doctor_checks.register("reward-claims", order=43)
def claims(*, at: datetime) -> Iterator[Finding]:
    """Nobody waits: neither for a code nor for staff."""
    waiting = Claim.objects.filter(state=Claim.State.OPEN, reward__kind=CODE, code=None).values("reward__name")
    for row in waiting.annotate(count=Count("pk")).order_by("reward__name"):
        text = f"members have “{row['reward__name']}” and wait for a code: {row['count']:,}"
        hint = "Upload more codes; whoever waits gets the next one."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)
    asked = Claim.objects.filter(state=Claim.State.ASKED)
    since = Max("steps__at", filter=Q(steps__state=Claim.State.ASKED))
    if late := asked.annotate(since=since).filter(since__lt=at - PATIENCE).count():
        text = f"rewards that members asked for more than {PATIENCE.days} days ago: {late:,}"
        hint = "Hand them out or give them back, in the admin."
        yield Finding(level=Level.WARNING, about=ABOUT, text=text, hint=hint)


@doctor_checks.register("reward-books", order=43)
def books(*, at: datetime) -> Iterator[Finding]:
    """What was paid for a reward is what the ledger took for it, and came back exactly where the reward went back."""
    back = Q(state=Claim.State.BACK)
    sound = Q(hold__captured=F("paid")) & ((back & Q(hold__returned=F("paid"))) | (~back & Q(hold__returned=0)))
    wrong = Claim.objects.exclude(hold=None).exclude(sound)
    if count := wrong.count():
        names = ", ".join(map(str, wrong.order_by("pk").values_list("pk", flat=True)[:NAMED]))
        text = f"rewards of members whose points the ledger tells otherwise: {count:,} (claim {names})"
        hint = "Show this to your developer: somebody wrote into the tables."
        yield Finding(level=Level.ERROR, about=ABOUT, text=text, hint=hint)
