"""Changing the program: its life, its members, its jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.promise import READY, GivenGift, Outcome, Promise, Ready, UsedGift

from .db import write_db
from .models import JobRun, Member, Phase, Program, State
from .queries import forget_cache
from .registries import Grant, grants
from .rows import write_rows
from .signals import member_joined, program_state_changed

#: From each state, where a program may go.
WAYS = {
    State.DRAFT: (State.LIVE,),
    State.LIVE: (State.PAUSED, State.CLOSING),
    State.PAUSED: (State.LIVE, State.CLOSING),
    State.CLOSING: (State.CLOSED,),
    State.CLOSED: (),
}
CLOSING_DAYS = 90
#: Accounts that a job names when it had to skip them.
NAMED = 100


def change_state(
    *,
    program: Program,
    to: str,
    actor: str,
    at: datetime,
    reason: str = "",
    earning_ends_at: datetime | None = None,
) -> Phase:
    """
    Take a program to another state and write down when, who and why.

    Going live for the first time sets `earns_from`: no order placed before it earns. Closing stops
    earning at `earning_ends_at` (default: now) and spending 90 days later. Raises `NotAllowed` for a
    step that is not open from here.
    """
    with transaction.atomic(using=write_db()):
        program = Program.objects.using(write_db()).select_for_update().get(pk=program.pk)
        before = program.state
        if to not in WAYS[State(before)]:
            raise NotAllowed(f"a {before} program cannot become {to}; open from here: {', '.join(WAYS[State(before)])}")
        ends = (earning_ends_at or at) if to == State.CLOSING else None
        if to == State.CLOSED:
            closing = program.phases.using(write_db()).filter(state=State.CLOSING).last()
            if closing and closing.spending_ends_at and at < closing.spending_ends_at:
                raise NotAllowed(
                    f"members may use their points until {closing.spending_ends_at:%Y-%m-%d}; close it then"
                )
        phase = Phase.objects.using(write_db()).create(
            program=program,
            state=to,
            starts_at=at,
            actor=actor,
            reason=reason,
            earning_ends_at=ends,
            spending_ends_at=ends + timedelta(days=CLOSING_DAYS) if ends else None,
        )
        program.state = to
        if to == State.LIVE and program.earns_from is None:
            program.earns_from = at
        program.save(update_fields=["state", "earns_from"])
        program_state_changed.send(sender=Program, program=program, before=before, after=to, at=at)
    forget_cache()
    return phase


def join(*, program: Program, user_id: Any, at: datetime, terms_version: int | None = None) -> Member:
    """
    Return the membership of a person, made now if there is none. Safe to call twice at once. Who was merged into
    another member gets that one.
    """
    member, created = Member.objects.using(write_db()).get_or_create(
        program=program,
        user_id=user_id,
        defaults={
            "joined_at": at,
            "terms_version": terms_version,
            "terms_accepted_at": at if terms_version is not None else None,
        },
    )
    if created:
        member_joined.send(sender=Member, member=member, at=at)
    elif member.merged_into_id is not None:
        return Member.objects.using(write_db()).select_related("program").get(pk=member.merged_into_id)
    elif terms_version is not None and member.terms_version != terms_version:
        Member.objects.using(write_db()).filter(pk=member.pk).update(terms_version=terms_version, terms_accepted_at=at)
        member.terms_version, member.terms_accepted_at = terms_version, at
    return member


def join_many(*, program: Program, joined_at: Mapping[Any, datetime]) -> dict[Any, Member]:
    """Return the memberships of many people by user id, made with these dates where there are none."""
    in_order = sorted(joined_at.items(), key=lambda row: str(row[0]))  # Two workers insert in one order: no deadlock.
    rows = [Member(program=program, user_id=user_id, joined_at=day) for user_id, day in in_order]
    write_rows(rows=rows, skip=True)
    members = {
        m.user_id: m for m in Member.objects.using(write_db()).filter(program=program, user_id__in=list(joined_at))
    }
    made = {row.public_id for row in rows}
    for member in members.values():
        if member.public_id in made:
            member_joined.send(sender=Member, member=member, at=member.joined_at)
    return members


def give(
    *,
    member_id: int,
    promise: Promise,
    key: str,
    because: Because,
    at: datetime,
    ready_at: datetime | Ready | None = READY,
    waits: bool = False,
    anew: bool = False,
    happened_at: datetime | None = None,
) -> Outcome:
    """
    Give a member what was promised, once per key, whatever kind of thing it is: the one door of whoever gives.

    What `waits` is on the way until `ready_at` (None = not known yet), which a later call may tell or move; with `anew`
    what is given again waits again. What it is for `happened_at` some moment: what was taken back before that does not
    come back with its dates, but is given like something new. NOTHING where its kind of thing is not installed.
    """
    grant = _giver(promise, member_id, key)
    if grant is None:
        return Outcome.NOTHING
    return grant.grant(
        member_id=member_id,
        promise=promise,
        key=key,
        because=because,
        at=at,
        ready_at=at if isinstance(ready_at, Ready) else ready_at,
        waits=waits,
        anew=anew,
        happened_at=happened_at,
    )


def take_back(
    *,
    member_id: int,
    promise: Promise,
    key: str,
    because: Because,
    at: datetime,
    since: datetime | None = None,
    keep_slots: Collection[str] = (),
) -> Outcome:
    """
    Take back what was promised and given under a key; what was never given, or is taken back already, is NOTHING.

    What was given before `since`, or lies on one of the baskets `keep_slots`, is KEPT.
    """
    grant = _giver(promise, member_id, key)
    if grant is None:
        return Outcome.NOTHING
    return grant.revoke(member_id=member_id, key=key, because=because, at=at, since=since, keep_slots=keep_slots)


def _giver(promise: Promise, member_id: int, key: str) -> Grant | None:
    """
    Return what gave something under a key before, whatever is promised for it by now; else what gives such a promise.
    """
    others = [grant for name, grant in grants.items() if name != promise.grant]
    known = next((grant for grant in others if grant.knows(member_id=member_id, key=key)), None)
    return known or (grants.get(promise.grant) if promise.grant in grants else None)


def gifts(
    *,
    keys: Collection[str],
    member_ids: Collection[int] | None = None,
    since: datetime | None = None,
    waiting: bool = False,
) -> list[GivenGift]:
    """
    Return what is given under these keys and not taken back: to these members (None: to anybody), since a moment, or
    only what is on the way still. One query for each kind of thing that is given.
    """
    asked: dict[str, Any] = {"keys": keys, "member_ids": member_ids, "since": since, "waiting": waiting}
    return [gift for _name, grant in grants.items() for gift in grant.gifts(**asked)] if keys else []


def used(*, start: str, members: QuerySet[Any]) -> list[UsedGift]:
    """
    Return what is used by now of what these members (a query of their ids) have under keys that begin so. One query for
    each kind of thing that is given.
    """
    return [gift for _name, grant in grants.items() for gift in grant.used(start=start, members=members)]


def touch_version(*, program_id: int | None) -> None:
    """Count a program's version up, or that of all (None), so that caches anywhere notice a change of rules."""
    programs = Program.objects.using(write_db())
    (programs if program_id is None else programs.filter(pk=program_id)).update(version=F("version") + 1)
    forget_cache()
    # Until this is committed another thread of this process may read, and keep, what was before.
    transaction.on_commit(lambda: forget_cache(), using=write_db(), robust=True)


def note_run(
    *,
    name: str,
    started_at: datetime,
    finished_at: datetime | None,
    done: int,
    error: str = "",
    skipped: Mapping[int, str] | None = None,
) -> None:
    """
    Write down that a job ran, for the doctor, with the accounts that it skipped (at most a hundred are named).

    One query, but for a job's first time.
    """
    named = {str(account_id): why for account_id, why in sorted((skipped or {}).items())[:NAMED]}
    told: dict[str, Any] = {"started_at": started_at, "finished_at": finished_at, "done": done, "error": error[:200]}
    told["skipped"] = named or None
    told |= {"good_at": started_at} if finished_at and not error else {}
    # A run that begins does what was wanted till now; what is wanted meanwhile waits for the next.
    told |= {"wanted_at": None} if finished_at is None and not error else {}
    if not JobRun.objects.using(write_db()).filter(name=name).update(**told):
        JobRun.objects.using(write_db()).update_or_create(name=name, defaults=told)


def keep_place(*, name: str, cursor: Mapping[str, Any] | None, at: datetime) -> None:
    """Write down where a job's walk stands (None: it is over). One query, but for a job's first time."""
    if not JobRun.objects.using(write_db()).filter(name=name).update(cursor=cursor):
        JobRun.objects.using(write_db()).update_or_create(name=name, defaults={"started_at": at, "cursor": cursor})
