"""Points as a gift: what features give through the grants registry, once per key, and take back exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import GivenGift, Outcome, Promise, UsedGift
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import expiry_of
from loyalty_oscar.program.registries import grants

from .models import Counter, Entry, Kind, Lot, LotMove
from .operations.desk import entries_of, in_one_transaction, lock, lots_of, open_account
from .operations.grants import LotGrant, post, schedule
from .operations.recording import looking_ahead
from .operations.undo import claw_back, give_back


class PointGifts:
    """
    The grant `points`. Those that wait are on the way until they are ready.

    Points on a basket that is being paid for are left alone by the ledger itself, whatever `keep_slots` says.
    """

    def grant(
        self,
        *,
        member_id: int,
        promise: Promise,
        key: str,
        because: Because,
        at: datetime,
        ready_at: datetime | None,
        waits: bool = False,
        anew: bool = False,
        happened_at: datetime | None = None,
    ) -> Outcome:
        """
        Give the points once. What was taken back under this key is given back, and a repeat counts as many as were
        given at first, whatever is promised by now.
        """
        members = Member.objects.using(write_db()).select_related("program__unit")
        member = members.get(pk=member_id)
        if member.merged_into_id is not None:
            member = members.get(pk=member.merged_into_id)
        unit = member.program.unit_or_none
        if unit is None:
            return Outcome.NOTHING
        account = open_account(member=member, unit=unit)
        ready = ready_at if waits else at
        expires_at = expiry_of(program=member.program, available_at=ready) if ready else None
        with in_one_transaction():
            lock(account_id=account.pk)
            entry = next(iter(entries_of(member_id=member.pk, key=key)), None)
            if entry is None and not promise.points:
                return Outcome.NOTHING
            gift = LotGrant(
                account_id=account.pk,
                points=given_by(entry) if entry else promise.points,
                key=key,
                source=source_of(key),
                because=because,
                available_at=ready,
                expires_at=expires_at,
            )
            backs = entries_of(member_id=member.pk, start=f"{key}:back:") if entry else []
            if entry and len(backs) > self.times(member.pk, f"{key}:again:"):
                is_another = happened_at is not None and backs[-1].effective_at < happened_at
                is_new = is_another or (anew and is_waiting(gift, at))
                left = self._again(gift, member.pk, len(backs), is_new, at)
                if left is None:
                    return Outcome.AGAIN
                gift = left
            # What the member brought along from a merge was given there.
            if (entry and entry.account_id != account.pk and gift.key == key) or post(grant=gift, at=at).replayed:
                move_dates(gift, at)
                return Outcome.THERE
        return Outcome.AGAIN if entry else Outcome.GIVEN

    def _again(self, gift: LotGrant, member_id: int, number: int, is_new: bool, at: datetime) -> LotGrant | None:
        """
        Give back what was taken back for the so-many-th time, to its lots; where it `is_new` and they were ready,
        return what is to be given instead: all of it that was really taken.
        """
        spared = forgiven_by(member_id=member_id, key=f"{gift.key}:back:{number}")
        again = replace(gift, key=f"{gift.key}:again:{number}", kind=Kind.RESTORE)
        if is_new and self.has_been_ready(gift, at) and spared < gift.points:
            return replace(again, points=gift.points - spared)
        give_back(
            account_id=again.account_id,
            source=again.source,
            points=again.points,
            forgiven=spared,
            key=again.key,
            because=again.because,
            at=at,
        )
        move_dates(again, at)
        return None

    def has_been_ready(self, gift: LotGrant, at: datetime) -> bool:
        """Return whether points of a gift were ready before: a lot ripens once, so other dates need a new one."""
        lots = lots_of(account_id=gift.account_id, source=gift.source)
        return any(lot.available_at is not None and lot.available_at <= at for lot in lots)

    def revoke(
        self,
        *,
        member_id: int,
        key: str,
        because: Because,
        at: datetime,
        since: datetime | None = None,
        keep_slots: Collection[str] = (),
    ) -> Outcome:
        """
        Take the points back; a gift that was never given, or is taken back already, is left alone.

        `since` spares what was given (or given again) before that moment.
        """
        entry = next(iter(entries_of(member_id=member_id, key=key)), None)
        if entry is None:
            return Outcome.NOTHING
        with in_one_transaction():
            account = lock(account_id=entry.account_id)
            since_then = entries_of(member_id=account.member_id, start=f"{key}:")
            again = [one for one in since_then if one.key.startswith(f"{key}:again:")]
            taken = sum(one.key.startswith(f"{key}:back:") for one in since_then)
            if taken > len(again):
                return Outcome.NOTHING
            if since and max(one.effective_at for one in (entry, *again)) < since:
                return Outcome.KEPT
            claw_back(
                account_id=account.pk,
                source=source_of(key),
                points=given_by(entry),
                key=f"{key}:back:{taken + 1}",
                because=because,
                at=at,
            )
        return Outcome.TAKEN

    def knows(self, *, member_id: int, key: str) -> bool:
        """Return whether points were ever given under a key, to a member or one who was merged into that member."""
        return bool(entries_of(member_id=member_id, key=key))

    def gifts(
        self,
        *,
        keys: Collection[str],
        member_ids: Collection[int] | None = None,
        since: datetime | None = None,
        waiting: bool = False,
    ) -> list[GivenGift]:
        """Return the points of these keys that are left, oldest account first."""
        known = {source_of(key): key for key in keys}
        rows = Lot.objects.using(write_db()).filter(source__in=known, remaining__gt=0)
        if member_ids is not None:
            rows = rows.filter(account__member_id__in=member_ids)
        if since is not None:
            rows = rows.filter(entry__effective_at__gte=since)
        if waiting:
            rows = rows.filter(is_open=True, state=Lot.State.PENDING)
        found = rows.order_by("account_id", "pk")
        return [
            GivenGift(member_id=member_id, key=known[source], points=points, ready_at=ready_at)
            for member_id, source, points, ready_at in found.values_list(
                "account__member_id", "source", "remaining", "available_at"
            )
        ]

    def used(self, *, start: str, members: QuerySet[Any]) -> list[UsedGift]:
        """
        Return how many points each member used of these and did not get back, oldest member first; what somebody used
        who was merged is of the member who stays.
        """
        theirs = Member.objects.using(write_db()).filter(Q(pk__in=members) | Q(merged_into__in=members))
        moves = LotMove.objects.using(write_db()).filter(lot__source__startswith=start, lot__account__member__in=theirs)
        who = Coalesce("lot__account__member__merged_into", "lot__account__member")
        sums = moves.filter(entry__counter=Counter.REDEMPTION).annotate(who=who).values("who")
        found = sums.annotate(used=Sum("points")).filter(used__gt=0).order_by("who")
        return [UsedGift(member_id=row["who"], points=row["used"]) for row in found]

    def times(self, member_id: int, start: str) -> int:
        """Return how many entries of a member have keys that begin so."""
        return len(entries_of(member_id=member_id, start=start))


def is_waiting(gift: LotGrant, at: datetime) -> bool:
    """Return whether the points of a gift are still on the way."""
    return gift.available_at is None or gift.available_at > at


def move_dates(gift: LotGrant, at: datetime) -> None:
    """Have what lies under a gift's name be ready, and run out, when the gift says so by now."""
    dates = {"available_at": gift.available_at, "expires_at": gift.expires_at}
    schedule(account_id=gift.account_id, source=gift.source, **dates, at=at)


def source_of(key: str) -> str:
    """Return the name of a gift in its lots: its key, or where no lot holds so long a one, a name made from it."""
    longest = Lot._meta.get_field("source").max_length or 0
    if len(key) <= longest:
        return key
    mark = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return f"{key[: longest - len(mark) - 1]}:{mark}"


def given_by(entry: Entry) -> int:
    """Return how many points an entry gave."""
    ahead = looking_ahead.get()
    if ahead:
        return ahead.given_by(entry)
    return sum(lot.granted for lot in entry.lots.using(write_db()))


def forgiven_by(*, member_id: int, key: str) -> int:
    """Return how many points a claw did not take, because nobody had to give them back."""
    claws = entries_of(member_id=member_id, key=key)
    return sum(int(claw.because.get("p", {}).get("forgiven", 0)) for claw in claws)


grants.register("points")(PointGifts())
