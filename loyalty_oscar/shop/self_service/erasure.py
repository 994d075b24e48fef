"""
Leaving: the person goes, the pseudonym and its sums stay.

A receiver on the user model does it inside the deletion, and must never break it: what fails there is done later by
the job, which finds members whose user is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.db.models import Q
from django.db.models.signals import pre_delete
from django.shortcuts import redirect
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold, Note
from loyalty_oscar.ledger.operations.desk import lock_many
from loyalty_oscar.people.consents import forget_consents
from loyalty_oscar.people.contacts import forget_contact
from loyalty_oscar.people.operations import (
    forget_address,
    forget_birthday,
    forget_buyer,
    forget_mails,
    forget_purchases,
)
from loyalty_oscar.program import clock, events
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.freezing import forget_reasons
from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.hooks import erasures
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.paying import being_paid
from loyalty_oscar.program.segments import forget_member
from loyalty_oscar.program.words import reasons

from ..storefront.basket_holds import slot_of
from ..storefront.request_hooks import view_frames

logger = logging.getLogger("loyalty_oscar")
BATCH = 200
#: In the session of somebody who was told that a payment is under way: pressed again, the profile is deleted.
ANYWAY = "loyalty_leaves_anyway"


@reasons.register("person_left")
def _person_left(params: Mapping[str, Any]) -> str:
    return pgettext("loyalty", "Given back, because the profile was deleted")


def erase(*, member: Member, at: datetime) -> None:
    """
    Make a member a pseudonym: no user, no typed words, no birthday, nothing waiting to be sent. Sums stay as they are.

    Points set aside are given back first. Who was merged into the member is the same person and goes along: whoever
    keeps that login begins anew. One transaction; called again it changes nothing.
    """
    with transaction.atomic(using=write_db()):
        for hold in Hold.objects.using(write_db()).filter(account__member=member, state=Hold.State.OPEN):
            ledger.release(hold_id=hold.pk, account_id=hold.account_id, because=Because("person_left"), at=at)
        Note.objects.using(write_db()).filter(entry__account__member=member).delete()
        events.forget(member_id=member.pk, at=at)
        forget_member(member=member)
        forget_birthday(member=member)
        forget_mails(member=member)
        forget_buyer(member=member)
        forget_consents(member=member)
        forget_contact(member=member)
        forget_reasons(member=member)
        if member.user_id is not None:
            forget_address(user_id=member.user_id)
        erasures.tell(member=member, at=at)
        Member.objects.using(write_db()).filter(pk=member.pk, erased_at=None).update(user=None, erased_at=at)
        for one in Member.objects.using(write_db()).filter(merged_into=member, erased_at=None).order_by("pk"):
            erase(member=one, at=at)


def erase_person(*, user_id: Any, at: datetime) -> None:
    """Make every membership of a person a pseudonym."""
    for member in Member.objects.using(write_db()).filter(user_id=user_id).order_by("pk"):
        erase(member=member, at=at)
    forget_purchases(user_id=user_id)


def lock_person(*, user_id: Any) -> list[Any]:
    """
    Lock what the checkout of a person locks, in its order: the baskets that they may be paying for, then the accounts.
    Returns those baskets.

    So whoever deletes them waits for their order, and does not meet it half-way.
    """
    baskets = get_model("basket", "Basket").objects.using(write_db())
    has = connections[baskets.db].features
    # An order refers to its basket and holds its key when it commits: it must not wait for us, hence `no_key`.
    locked = baskets.select_for_update(no_key=has.has_select_for_no_key_update)
    found = list(locked.filter(owner_id=user_id, status__in=("Open", "Frozen")).order_by("pk").only("pk"))
    mine = Q(member__user_id=user_id) | Q(member__merged_into__user_id=user_id)
    accounts = Account.objects.using(write_db()).filter(mine)
    lock_many(account_ids=list(accounts.values_list("pk", flat=True)))
    return found


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
        raise LoyaltyError(f"members who left and could not be erased: {left}; the log says why")


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
        lock_person(user_id=instance.pk)
        erase_person(user_id=instance.pk, at=clock.now())


pre_delete.connect(user_is_going, sender=get_user_model(), dispatch_uid="loyalty_oscar.shop.user_is_going")


class Leaving:
    """Deletes a profile with its person's checkout locked."""

    pages = frozenset({"customer:profile-delete"})

    def __call__(self, *, request: Any, view: Callable[[], Any]) -> Any:
        """Answer by `leave`."""
        return leave(request=request, view=view)


view_frames.register("people")(Leaving())


def leave(*, request: Any, view: Callable[[], Any]) -> Any:
    """
    Delete a profile in one transaction, with what its person's checkout locks locked before.

    Django looks first at all that refers to the user and deletes it then. What comes between the two, an address or an
    order that the checkout saves, would make the deletion fail: the lock of the user's own row keeps it out. Somebody
    who is paying in another tab is asked to press once more, because nobody could have the order then.
    """
    user_id = request.user.pk
    with transaction.atomic(using=write_db()):
        slots = [slot_of(basket=basket) for basket in lock_person(user_id=user_id)]
        list(get_user_model()._default_manager.using(write_db()).select_for_update().filter(pk=user_id))
        if not being_paid(slots=slots) or request.session.pop(ANYWAY, False):
            return view()
    request.session[ANYWAY] = True
    text = pgettext(
        "loyalty",
        "You seem to be paying just now. Leave when that is done, or press again if you gave up.",
    )
    messages.warning(request, text)
    return redirect("customer:profile-delete")
