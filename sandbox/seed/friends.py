"""Bringing a friend in the demo shop: members have their links, and friends came by them, each with another end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.referrals.operations import code_of
from loyalty_oscar.shop.storefront.host_events import brought

from .loyalty import account_of
from .people import Person, everybody
from .timeline import Happening, ten_oclock

MOST_CODES = 20
OPENED = -90


def happenings(*, today: datetime) -> Iterator[Happening]:
    """Open the invitations, and let each friend come on their day."""
    yield Happening(at=ten_oclock(today=today, days=OPENED), do=_open)
    for person in everybody():
        if person.invited:
            came = came_at(person=person, today=today)
            yield Happening(at=came, do=partial(_come, person))


def came_at(*, person: Person, today: datetime) -> datetime:
    """Return when somebody came by a friend's link."""
    return today - timedelta(days=person.invited["ago"])


def _open(player: Any, at: datetime) -> None:
    """Let members of the Paw Club invite; those who earned most have made their links already."""
    program = Program.objects.get(code="paw-club")
    Scheme.objects.create(program=program, giver_points=150, newcomer_points=150, least_minor=2500)
    forget_cache()
    accounts = Account.objects.filter(member__program=program, member__joined_at__lt=at).select_related("member")
    for account in accounts.exclude(member__user=None).order_by("-lifetime_earned", "pk")[:MOST_CODES]:
        code_of(member=account.member)


def _come(person: Person, player: Any, at: datetime) -> None:
    giver = account_of(user=player.users[person.invited["by"]]).member
    brought(user=player.users[person.email], code=code_of(member=giver).code)
