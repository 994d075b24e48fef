"""What orders brought, when two members become one: the awards go along, with the points."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import pgettext

from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.models import Member

from .models import Award


class AwardsMove:
    """Awards hang on the account that holds their points."""

    def says(self, *, member: Member, into: Member, at: datetime) -> Iterator[str]:
        """Say what a later return takes back from."""
        if Award.objects.filter(account__member=member).exists():
            yield pgettext("loyalty", "What a later return takes back is taken from the member who stays.")

    def move(self, *, member: Member, into: Member, at: datetime) -> list[int]:
        """Hang the awards of a member on the other's accounts; returns them."""
        moved: list[int] = []
        for old in Account.objects.using(write_db()).filter(member=member):
            new = Account.objects.using(write_db()).get(member=into, unit=old.unit_id)
            awards = Award.objects.using(write_db()).filter(account=old)
            moved += awards.values_list("pk", flat=True)
            awards.update(account=new)
        return moved

    def undo(self, *, member: Member, into: Member, moved: Any, at: datetime) -> None:
        """Hang them on the member's own accounts again."""
        for old in Account.objects.using(write_db()).filter(member=member):
            Award.objects.using(write_db()).filter(pk__in=moved, unit=old.unit_id).update(account=old)


merge_parts.register("earning", order=20)(AwardsMove())
