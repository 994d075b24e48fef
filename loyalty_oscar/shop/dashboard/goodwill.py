"""Goodwill: a few points as a thank-you or an apology, by staff, up to a limit a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.queries import goodwill_given
from loyalty_oscar.program import actors
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.events import announce
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import are_one, expiry_of, member_of

from .letters import TOPIC

DAY = timedelta(hours=24)


class GivenBesides(Protocol):
    """Counts what staff give elsewhere than on the page of goodwill, so that one limit of the day holds for all."""

    def __call__(self, *, actor: str, since: datetime) -> int:
        """Return how many points somebody of staff gave since a moment; one query."""
        ...


given_besides: Hook[GivenBesides] = Hook("given_besides", GivenBesides, on_error=RAISE)


class TooMuch(NotAllowed):
    """More than this member of staff may still give; `left` says how much that is."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} goodwill points are left for today")
        self.left = left


def left_today(*, staff: Any, at: datetime) -> int:
    """Return how many points somebody may still give, of the limit for the 24 hours up to now."""
    about = {"actor": actors.staff(staff), "since": at - DAY}
    return max(0, conf.GOODWILL_DAILY_LIMIT - goodwill_given(**about) - sum(given_besides.answers(**about)))


def take_desk(*, staff: Any) -> None:
    """Let one window at a time give for each member of staff, so that two don't share a limit. In a transaction."""
    get_user_model()._default_manager.using(write_db()).select_for_update().get(pk=staff.pk)


def give(
    *, staff: Any, user: Any, unit: Unit, points: int, reason: str, token: UUID, at: datetime, is_told: bool = False
) -> ledger.Posted:
    """
    Give goodwill points once per token; with `is_told` the customer gets a mail.

    Who is no member yet joins where everybody takes part by themselves. Raises `NotAllowed` for points to
    oneself and for somebody who has not joined, `TooMuch` above the limit of the day.
    """
    if are_one(user_id=staff.pk, other_id=user.pk, program_id=unit.program_id):
        raise NotAllowed("nobody gives points to themselves")
    with transaction.atomic(using=write_db()):
        take_desk(staff=staff)
        account = ledger.open_account(member=member_to_give(user=user, unit=unit, at=at), unit=unit)
        key = f"manual:{token}"
        known = account.entries.using(write_db()).filter(key=key).exists()
        if not known and points > (left := left_today(staff=staff, at=at)):
            raise TooMuch(left)
        posted = ledger.adjust(
            account_id=account.pk,
            points=points,
            key=key,
            because=Because("goodwill"),
            actor=actors.staff(staff),
            note=reason,
            at=at,
            expires_at=expiry_of(program=unit.program, available_at=at),
        )
        if is_told and posted.entry and not posted.replayed:
            payload = {"entry": posted.entry.pk}
            announce(
                topic=TOPIC, key=f"account:{account.pk}:{key}", member_id=account.member_id, payload=payload, at=at
            )
        return posted


def member_to_give(*, user: Any, unit: Unit, at: datetime) -> Member:
    """
    Return the membership of a customer whom staff give something; who is no member joins where everybody takes part.

    Raises `NotAllowed` where people choose to join, and this one has not.
    """
    member = member_of(program_id=unit.program_id, user_id=user.pk)
    if member is None and unit.program.enrolment == unit.program.Enrolment.AUTOMATIC:
        member = join(program=unit.program, user_id=user.pk, at=at)
    if member is None:
        raise NotAllowed("this customer has not joined the program")
    return member
