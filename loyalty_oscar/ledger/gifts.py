"""Points as a gift: what features give through the grants registry, once per key, and take back exactly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.queries import expiry_of
from loyalty_oscar.program.registries import grants

from .models import Entry
from .operations.desk import lock, open_account, write_db
from .operations.grants import Grant, post, schedule
from .operations.undo import claw_back, give_back


class PointGifts:
    """
    The grant `points`: `{"points": 50}`, ready at once; with `"waits"` on the way until `"ready_at"` (a moment in
    UTC, None = not known yet), which a later call with the same key may tell.
    """

    def grant(self, *, member_id: int, reward: Mapping[str, Any], key: str, because: Because, at: datetime) -> None:
        """Give the points once; what was taken back under this key before is given back."""
        member = Member.objects.using(write_db()).select_related("program").get(pk=member_id)
        unit = Unit.objects.filter(program=member.program, kind=Unit.Kind.SPENDABLE).order_by("pk").first()
        if unit is None:
            return
        account = open_account(member=member, unit=unit)
        ready = reward.get("ready_at") if reward.get("waits") else at
        expires_at = expiry_of(program=member.program, available_at=ready) if ready else None
        with transaction.atomic(using=write_db()):
            lock(account_id=account.pk)
            taken = self.times(account.pk, f"{key}:back:")
            if taken > self.times(account.pk, f"{key}:again:"):
                again = {"source": key, "points": reward["points"], "key": f"{key}:again:{taken}"}
                give_back(account_id=account.pk, because=because, at=at, **again)
                if ready:
                    schedule(account_id=account.pk, source=key, available_at=ready, expires_at=expires_at, at=at)
                return
            gift = Grant(
                account_id=account.pk,
                points=reward["points"],
                key=key,
                source=key,
                because=because,
                available_at=ready,
                expires_at=expires_at,
            )
            posted = post(grant=gift, at=at)
            if posted.replayed and ready:
                schedule(account_id=account.pk, source=key, available_at=ready, expires_at=expires_at, at=at)

    def revoke(self, *, member_id: int, key: str, because: Because, at: datetime) -> None:
        """Take the points back; a gift that was never given, or is taken back already, is left alone."""
        entry = Entry.objects.using(write_db()).filter(account__member_id=member_id, key=key).first()
        if entry is None:
            return
        with transaction.atomic(using=write_db()):
            lock(account_id=entry.account_id)
            taken = self.times(entry.account_id, f"{key}:back:")
            if taken > self.times(entry.account_id, f"{key}:again:"):
                return
            given = sum(lot.granted for lot in entry.lots.all())
            claw_back(
                account_id=entry.account_id,
                source=key,
                points=given,
                key=f"{key}:back:{taken + 1}",
                because=because,
                at=at,
            )

    def times(self, account_id: int, start: str) -> int:
        """Return how many entries of an account have keys that begin so."""
        return Entry.objects.using(write_db()).filter(account_id=account_id, key__startswith=start).count()


grants.register("points")(PointGifts())
