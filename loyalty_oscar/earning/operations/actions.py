"""
Points for actions: given once per member and source whatever asks how often, and taken back when it is withdrawn.

The account is locked first, then the budget; so a bonus asked for twenty times at once is given once, and a budget
is kept to the point.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger.operations.desk import lock, open_account, outermost_retried, write_db
from loyalty_oscar.program import operations
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.operations import give, join, put_message
from loyalty_oscar.program.queries import earns_at, member_of

from ..models import Action, ActionAward, Birthday, ConfirmedAddress
from ..occasions import BIRTHDAY, WORD, birthdays_due, fold, in_time, is_day, occasions, source_of
from ..queries import CONFIRMED, FINAL_ORDERS, fact_of

logger = logging.getLogger("loyalty_oscar")
BATCH = 500
#: The topic of the letter about a gift.
TOPIC = "points-gift"


class NothingLeft(LoyaltyError):
    """No action has points left to give."""


def act(
    *,
    program: Program,
    user_id: Any,
    occasion: str,
    detail: str = "",
    about: Mapping[str, Any] | None = None,
    mark: str | None = None,
    happened_at: datetime | None = None,
    at: datetime,
) -> ActionAward | None:
    """
    Give a person the points of an occasion, once for each `detail` ("42"); the action must have been in force when it
    `happened_at` (default: now). What was taken back before is given again.

    `about` are parameters for the words of the why; `mark` may bring points once in the whole program. Returns None
    where nothing new was given: no such action, none meant for this person, no points left, given already, not a
    member where people join by choice, or a program that does not earn now. Raises `UnknownCode` for an occasion
    nobody registered.
    """
    occasions.get(occasion)
    actions = _in_force(program, occasion, happened_at or at)
    source = source_of(occasion=occasion, detail=detail)
    return _give_to(program, user_id, actions, source=source, about=about or {}, mark=mark, at=at)


def use_word(*, program: Program, user_id: Any, word: str, at: datetime) -> ActionAward | None:
    """Give a person the points of a code word, once. Returns None for every word that brings this person nothing."""
    actions = [action for action in _in_force(program, WORD, at) if action.word and action.word == fold(word=word)]
    source = source_of(occasion=WORD, detail=str(actions[0].pk) if actions else "")
    return _give_to(program, user_id, actions, source=source, about={}, mark=None, at=at)


def _give_to(
    program: Program,
    user_id: Any,
    actions: Sequence[Action],
    *,
    source: str,
    about: Mapping[str, Any],
    mark: str | None,
    at: datetime,
) -> ActionAward | None:
    """Give somebody what the first of these actions brings that is meant for this person and has points left."""
    member = _member(program, user_id, at) if actions else None
    meant = _meant(actions, member, at) if member else []
    return (
        _give(member=member, actions=meant, source=source, about=about, mark=mark, at=at) if member and meant else None
    )


def _meant(actions: Sequence[Action], member: Member, at: datetime) -> list[Action]:
    """Return those of the actions that are for a member: with so many orders, with a confirmed address."""
    knows = {"orders": 0, "confirmed": False}
    if any(action.orders_wanted for action in actions):
        knows["orders"] = fact_of(name=FINAL_ORDERS, member_id=member.pk, at=at) or 0
    if any(action.confirmed_only for action in actions):
        knows["confirmed"] = bool(fact_of(name=CONFIRMED, member_id=member.pk, at=at))
    return [
        action
        for action in actions
        if action.orders_wanted <= knows["orders"] and (knows["confirmed"] or not action.confirmed_only)
    ]


def _in_force(program: Program, occasion: str, at: datetime) -> list[Action]:
    """Return the actions of an occasion that were in force at a moment, the one that gives most first."""
    found = Action.objects.using(write_db()).filter(program=program, kind=occasion, is_on=True)
    return [action for action in found.order_by("-points", "pk") if in_time(action=action, at=at)]


def _member(program: Program, user_id: Any, at: datetime) -> Member | None:
    if not earns_at(phases=program.phases.using(write_db()).all(), at=at):
        return None
    if program.enrolment == Program.Enrolment.AUTOMATIC:
        return join(program=program, user_id=user_id, at=at)
    return member_of(program_id=program.pk, user_id=user_id)


def _give(*, member: Member, actions: Sequence[Action], **what: Any) -> ActionAward | None:
    unit = getattr(member.program, "unit", None)
    if unit is None:
        return None
    account_id = open_account(member=member, unit=unit).pk
    try:
        return _give_once(member=member, actions=actions, account_id=account_id, **what)
    except (IntegrityError, NothingLeft):  # The marked mailbox had its points, or the budget is used up.
        return None


@outermost_retried
def _give_once(
    *,
    member: Member,
    actions: Sequence[Action],
    account_id: int,
    source: str,
    about: Mapping[str, Any],
    mark: str | None,
    at: datetime,
) -> ActionAward | None:
    db = write_db()
    with transaction.atomic(using=db):
        lock(account_id=account_id)
        award = ActionAward.objects.using(db).select_related("action").filter(member=member, source=source).first()
        if award and (award.is_given or award.barred_by):
            return None
        if award:
            _take_from_budget([award.action], award.points)
            award.is_given, award.at = True, at
            award.save(using=db, update_fields=["is_given", "at"])
        else:
            action = _take_from_budget(actions)
            award = ActionAward.objects.using(db).create(
                program_id=member.program_id,
                action=action,
                member=member,
                source=source,
                points=action.points,
                at=at,
                mark=mark,
            )
        _post(award, about, at)
    return award


def _take_from_budget(actions: Sequence[Action], points: int | None = None) -> Action:
    """Count points of the first action that has them left as given; raises `NothingLeft`."""
    for action in actions:
        wanted = points or action.points
        room = Q(budget=None) | Q(budget__gte=F("given") + wanted)
        if Action.objects.using(write_db()).filter(room, pk=action.pk).update(given=F("given") + wanted):
            return action
    raise NothingLeft("the budget is used up")


def _key(award: ActionAward) -> str:
    return f"action:{award.action_id}:{award.source}"


def _post(award: ActionAward, about: Mapping[str, Any], at: datetime) -> None:
    occasion = occasions.get(award.action.kind)
    because = Because(occasion.because, **{"name": award.action.name, **about})
    give(member_id=award.member_id, promise=Promise(points=award.points), key=_key(award), because=because, at=at)
    if occasion.by_mail:
        key = f"{_key(award)}:{award.member_id}"
        payload = {"award": award.pk, "because": because.to_json()}
        put_message(topic=TOPIC, key=key, member_id=award.member_id, payload=payload, at=at)


def undo_act(*, user_id: Any, occasion: str, detail: str = "", at: datetime, but: Program | None = None) -> int:
    """
    Take back what an occasion brought a person, in every program `but` one, used or not; returns how many points.

    Points that were used become points to make up. What was never given, or is taken back already, is left alone.
    """
    source = source_of(occasion=occasion, detail=detail)
    standing = ActionAward.objects.using(write_db()).filter(source=source, is_given=True, member__user_id=user_id)
    standing = standing.exclude(program=but) if but else standing
    return sum(_undo(award_id=pk, at=at) for pk in standing.order_by("pk").values_list("pk", flat=True))


@outermost_retried
def _undo(*, award_id: int, at: datetime) -> int:
    db = write_db()
    with transaction.atomic(using=db):
        award = ActionAward.objects.using(db).select_related("action", "member__program__unit").get(pk=award_id)
        lock(account_id=open_account(member=award.member, unit=award.member.program.unit).pk)
        if not ActionAward.objects.using(db).filter(pk=award_id, is_given=True).update(is_given=False, at=at):
            return 0
        because = Because("action_withdrawn", name=award.action.name)
        told = {"promise": Promise(points=award.points), "key": _key(award), "because": because}
        operations.take_back(member_id=award.member_id, at=at, **told)
        Action.objects.using(db).filter(pk=award.action_id).update(given=F("given") - award.points)
    return award.points


def take_back(*, award: ActionAward, actor: str, at: datetime) -> int:
    """Take back what an action brought, for good (staff found it wrong); returns how many points that was now."""
    ActionAward.objects.using(write_db()).filter(pk=award.pk, barred_by="").update(barred_by=actor)
    return _undo(award_id=award.pk, at=at)


def save_birthday(*, member: Member, day: int, month: int, at: datetime) -> Birthday:
    """
    Keep the day and month of a member's birthday, and since when they are known; told again they are known since then.

    Raises `LoyaltyError` for a day that no year has.
    """
    if not is_day(day=day, month=month):
        raise LoyaltyError("there is no such day")
    known = Birthday.objects.using(write_db()).filter(member=member, day=day, month=month).first()
    if known:
        return known
    told = {"day": day, "month": month, "set_at": at}
    return Birthday.objects.using(write_db()).update_or_create(member=member, defaults=told)[0]


def confirm_address(*, user_id: Any, mark: str, at: datetime) -> None:
    """Note that somebody reads the mailbox of a mark, its keyed hash; the latest one counts."""
    told = {"mark": mark, "confirmed_at": at}
    ConfirmedAddress.objects.using(write_db()).update_or_create(user_id=user_id, defaults=told)


def forget_address(*, user_id: Any) -> None:
    """Forget that somebody confirmed an address."""
    ConfirmedAddress.objects.using(write_db()).filter(user_id=user_id).delete()


def forget_birthday(*, member: Member) -> None:
    """Forget a member's birthday; gifts that were given stay."""
    Birthday.objects.using(write_db()).filter(member=member).delete()


def give_birthdays(*, at: datetime) -> Iterator[int]:
    """
    Give the gifts of birthdays that are kept today, or were in the last nights without a job; yields how many.

    One a calendar year, also for those who tell another day meanwhile. One that fails keeps nobody else waiting.
    """
    programs = Action.objects.using(write_db()).filter(kind=BIRTHDAY, is_on=True).values("program")
    for program in Program.objects.using(write_db()).filter(pk__in=programs).order_by("pk"):
        for kept, pairs in birthdays_due(at=at, zone=program.time_zone):
            yield from _give_day(program, kept, pairs, at)


def _give_day(program: Program, kept: date, pairs: list[tuple[int, int]], at: datetime) -> Iterator[int]:
    over = periods.start_of_day(day=kept + timedelta(days=1), zone=program.time_zone)
    moment = min(at, over - timedelta(microseconds=1))
    actions = _in_force(program, BIRTHDAY, moment)
    if not actions:
        return
    on_day = reduce(or_, (Q(day=day, month=month) for day, month in pairs))
    gifts = ActionAward.objects.using(write_db()).filter(member=OuterRef("member"), source=f"{BIRTHDAY}:{kept.year}")
    of_members = {"member__program": program, "member__merged_into": None, "member__user__isnull": False}
    found = Birthday.objects.using(write_db()).filter(on_day, ~Exists(gifts), set_at__lte=moment, **of_members)
    last = 0
    while rows := list(found.filter(pk__gt=last).select_related("member").order_by("pk")[:BATCH]):
        last = rows[-1].pk
        yield sum(_has_gift(program, row, kept, actions, at) for row in rows)


def _has_gift(program: Program, row: Birthday, kept: date, actions: Sequence[Action], at: datetime) -> bool:
    told_on = periods.local_day(at=row.set_at, zone=program.time_zone)
    in_time = [action for action in actions if told_on <= kept - timedelta(days=action.told_days)]
    source = source_of(occasion=BIRTHDAY, detail=str(kept.year))
    try:
        award = _give_to(program, row.member.user_id, in_time, source=source, about={}, mark=None, at=at)
    except Exception:
        logger.exception("member %s got no gift for the birthday; the next night tries again", row.member_id)
        return False
    return award is not None
