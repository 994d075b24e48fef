"""
Leaving: the person goes, the pseudonym and its sums stay.

A receiver on the user model does it inside the deletion, and must never break it: what fails there is done later by
the job, which finds members whose user is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import pre_delete
from django.utils.translation import pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Hold, Note
from loyalty_oscar.ledger.operations.desk import write_db
from loyalty_oscar.program import clock
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.models import Member, Outbox
from loyalty_oscar.program.registries import checks
from loyalty_oscar.program.words import reasons

from ..models import Notice

logger = logging.getLogger("loyalty_oscar")
BATCH = 200


@reasons.register("person_left")
def _person_left(params: Mapping[str, Any]) -> str:
    return pgettext("loyalty", "Given back, because the profile was deleted")


def erase(*, member: Member, at: datetime) -> None:
    """
    Make a member a pseudonym: no user, no typed words, nothing waiting to be sent. Sums stay as they are.

    Points set aside are given back first. One transaction; called again it changes nothing.
    """
    with transaction.atomic(using=write_db()):
        for hold in Hold.objects.using(write_db()).filter(account__member=member, state=Hold.State.OPEN):
            ledger.release(hold_id=hold.pk, account_id=hold.account_id, because=Because("person_left"), at=at)
        Note.objects.using(write_db()).filter(entry__account__member=member).delete()
        mail = Outbox.objects.using(write_db()).filter(member=member)
        mail.filter(is_open=True).update(is_open=False, done_at=at, error="nobody to tell")
        mail.update(payload={})
        Notice.objects.using(write_db()).filter(member=member).delete()
        for name, also in checks.items():
            if name.startswith("erase:"):
                also(member=member, at=at)
        Member.objects.using(write_db()).filter(pk=member.pk, erased_at=None).update(user=None, erased_at=at)


def erase_person(*, user_id: Any, at: datetime) -> None:
    """Make every membership of a person a pseudonym."""
    for member in Member.objects.using(write_db()).filter(user_id=user_id).order_by("pk"):
        erase(member=member, at=at)


def finish_erasures(*, at: datetime) -> Iterator[int]:
    """
    Erase members whose user is gone without our knowing (another way of deleting, a fault); yields how many.

    One that cannot be erased keeps nobody else waiting. Raises `LoyaltyError` at the end where some are left.
    """
    gone = Member.objects.using(write_db()).filter(user=None, erased_at=None, merged_into=None).order_by("pk")
    last, left = 0, 0
    while members := list(gone.filter(pk__gt=last)[:BATCH]):
        last, done = members[-1].pk, sum(_is_erased(member, at) for member in members)
        left += len(members) - done
        yield done
    if left:
        raise LoyaltyError(f"{left} member(s) who left could not be erased; the log says why")


def _is_erased(member: Member, at: datetime) -> bool:
    try:
        erase(member=member, at=at)
    except Exception:
        logger.exception("member %s could not be erased; the next job tries again", member.pk)
        return False
    return True


@harmless(later="a member could not be erased with the profile, and the next job does it")
def user_is_going(sender: Any, instance: Any, **kwargs: Any) -> None:
    # A savepoint of its own: a fault of ours leaves the deletion's transaction usable.
    with transaction.atomic(using=write_db()):
        erase_person(user_id=instance.pk, at=clock.now())


pre_delete.connect(user_is_going, sender=get_user_model(), dispatch_uid="loyalty_oscar.shop.user_is_going")
