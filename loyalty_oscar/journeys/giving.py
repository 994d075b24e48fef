"""
Giving what campaigns give and say, and taking it back: what everybody shares who does so.

The account is locked first, then the budget; so a bonus asked for twenty times at once is given once, and a budget is
kept to the point. What is to be said is written down in the same transaction, and leaves after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Q
from django.utils.translation import pgettext_lazy

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried
from loyalty_oscar.program import operations as program_operations
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import Topic, announce, announced, tell_again, topics
from loyalty_oscar.program.registries import promise_of

from .channels import LETTER
from .models import Campaign, Occurrence
from .occasions import occasions
from .planning import GIVES_LESS, SINCE, let_less_come, to_withdraw
from .queries import says

#: The topic of the contract notice that something is somebody's.
TOPIC = "points-gift"
topics.register(TOPIC)(
    Topic(
        title=pgettext_lazy("loyalty", "A gift of a campaign"),
        text="a campaign brought points: a review, a birthday, an occasion of the store's",
        payload={
            "occurrence": "key of the occurrence",
            "because": "the [because code](because.md) and its parameters",
        },
    )
)
topics.register(LETTER)(
    Topic(
        title=pgettext_lazy("loyalty", "A letter of a campaign"),
        text="a campaign has something to say to a member who may be written to",
        payload={"occurrence": "key of the occurrence"},
    )
)
#: What the keys of all that campaigns bring begin with.
FEATURE = "campaign"
State = Occurrence.State


class NothingLeft(LoyaltyError):
    """No campaign has points left to give."""


def take_from_budget(*, campaigns: Sequence[Campaign], points: int | None = None) -> Campaign:
    """Count points of the first campaign that has them left as given; raises `NothingLeft`."""
    for campaign in campaigns:
        wanted = campaign.points if points is None else points
        has_times = Q(most=None) | Q(most__gt=F("given"))
        has_points = Q(budget=None) | Q(budget__gte=F("spent") + wanted)
        found = Campaign.objects.using(write_db()).filter(has_times, has_points, pk=campaign.pk)
        if found.update(given=F("given") + 1, spent=F("spent") + wanted):
            return campaign
    raise NothingLeft("the budget is used up")


def _promise(occurrence: Occurrence) -> Promise:
    """Return what it brings: as many points as were promised, or the reward of its campaign; nothing it only says."""
    return Promise(points=occurrence.points) if occurrence.points else promise_of(row=occurrence.campaign)


def _key(occurrence: Occurrence) -> str:
    return f"{FEATURE}:{occurrence.campaign_id}:{occurrence.source}"


def post(*, occurrence: Occurrence, because: Because, at: datetime) -> None:
    """
    Give what an occurrence brings, and write down what is to be said of it: the merchant's letter where there is a
    text, and of points that were promised the contract notice. Of a reward its own mail tells.
    """
    promise, campaign, member_id = _promise(occurrence), occurrence.campaign, occurrence.member_id
    if promise:
        since = because.params.get(SINCE)
        to: dict[str, Any] = {"member_id": member_id, "happened_at": datetime.fromisoformat(since) if since else None}
        program_operations.give(promise=promise, key=_key(occurrence), because=because, at=at, **to)
    told: dict[str, Any] = {"key": f"{_key(occurrence)}:{member_id}", "member_id": member_id, "at": at}
    before: dict[str, Any] = {"topics": (LETTER, TOPIC), "key": told["key"]}
    asked = Campaign.objects.using(write_db()).values_list(says(), Exists(announced(**before)))
    has_letter, was_announced = asked.get(pk=campaign.pk)
    # What was skipped, or taken back before it was told, is told now that it comes after all.
    if was_announced:
        tell_again(**before, at=at)
    if has_letter:
        announce(topic=LETTER, payload={"occurrence": occurrence.pk}, **told)
    by_mail = campaign.occasion in occasions and occasions.get(campaign.occasion).by_mail
    if promise.points and by_mail and (campaign.is_public or not has_letter):
        announce(topic=TOPIC, payload={"occurrence": occurrence.pk, "because": because.to_json()}, **told)


def count(*, occurrence: Occurrence, campaigns: Sequence[Campaign]) -> Campaign:
    """
    Count an occurrence as given by the first of these campaigns that has anything left; raises `NothingLeft`.

    What was kept as it was taken back is counted already.
    """
    if not occurrence.is_kept:
        return take_from_budget(campaigns=campaigns, points=occurrence.points)
    occurrence.is_kept = False
    return occurrence.campaign


def would_undo(*, occurrence: Occurrence, because: Because, at: datetime) -> None:
    """Take back, in a look ahead, what an occurrence brought, if it did; writes nothing of its own."""
    if occurrence.state == State.DONE:
        _revoke(occurrence, because, at)


def _revoke(occurrence: Occurrence, because: Because, at: datetime) -> Outcome:
    promise = _promise(occurrence)
    if not promise:
        return Outcome.NOTHING
    told: dict[str, Any] = {"member_id": occurrence.member_id, "key": _key(occurrence)}
    return program_operations.take_back(promise=promise, because=because, at=at, **told)


def withdraw(*, missed: Mapping[tuple[int, str], Because], at: datetime) -> None:
    """Undo what campaigns planned or brought for what is missed: a member and a source, and why."""
    for row, because in _about(missed):
        undo(occurrence_id=row.pk, because=because, at=at)


def would_withdraw(*, missed: Mapping[tuple[int, str], Because], at: datetime) -> None:
    """Take back, in a look ahead, what campaigns brought for what would be missed; writes nothing of its own."""
    for row, because in _about(missed):
        would_undo(occurrence=row, because=because, at=at)


def _about(missed: Mapping[tuple[int, str], Because]) -> Iterator[tuple[Occurrence, Because]]:
    """Yield what goes with what is missed, of all members together: budgets in order of key. Nothing asks nothing."""
    if not missed:
        return
    members, sources = ({pair[place] for pair in missed} for place in (0, 1))
    rows = Occurrence.objects.using(write_db()).filter(member_id__in=members, source__in=sources)
    for row in to_withdraw(rows=rows.select_related("campaign__reward")):
        if because := missed.get((row.member_id, row.source)):
            yield row, because


@outermost_retried
def undo(*, occurrence_id: int, because: Because, at: datetime) -> int:
    """
    Take back what an occurrence brought, or have one that is planned not come; returns how many points it had brought.

    What gave way to it comes instead; what gave way itself, and goes too, does so no more.
    """
    db = write_db()
    with transaction.atomic(using=db):
        found = Occurrence.objects.using(db).select_related("campaign__reward", "member__program__unit")
        occurrence = found.get(pk=occurrence_id)
        lock(account_id=open_account(member=occurrence.member, unit=occurrence.member.program.unit).pk)
        told = {"is_open": False, "at": at, "because": occurrence.now_because(because)}
        one = Occurrence.objects.using(db).filter(pk=occurrence_id)
        if one.filter(state=State.SKIPPED, because__c=GIVES_LESS).update(**told):
            return 0
        if one.filter(state=State.PLANNED).update(state=State.SKIPPED, **told):
            let_less_come(occurrence=occurrence, at=at)
            return 0
        if not one.filter(state=State.DONE).update(state=State.BACK, **told):
            return 0
        if _revoke(occurrence, because, at) == Outcome.KEPT:
            one.update(is_kept=True)
            return 0
        _count_back(occurrence, at)
    return occurrence.points


def _count_back(occurrence: Occurrence, at: datetime) -> None:
    counted = Campaign.objects.using(write_db()).filter(pk=occurrence.campaign_id)
    counted.update(given=F("given") - 1, spent=F("spent") - occurrence.points)
    let_less_come(occurrence=occurrence, at=at)


def count_kept_back(*, member_id: int, key: str, at: datetime) -> None:
    """
    Count back what was kept because it was in use, and went back since, for the caller who has locked the account.
    """
    feature, _colon, rest = key.partition(":")
    campaign_id, _colon, source = rest.partition(":")
    if feature != FEATURE:
        return
    rows = Occurrence.objects.using(write_db()).filter(campaign=int(campaign_id), member=member_id, source=source)
    for occurrence in rows.filter(state=State.BACK, is_kept=True).select_related("campaign__reward", "member"):
        rows.update(is_kept=False)
        _count_back(occurrence, at)
