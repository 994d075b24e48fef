"""What staff find members by, and the columns that features add to the list of members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from django.contrib.auth import get_user_model
from oscar.core.loading import get_model

from loyalty_oscar.program.hooks import SKIP, Hook, member_finders
from loyalty_oscar.program.models import Member

from ..models import OrderSync


class MemberColumn(Protocol):
    """A column of the list of members in the admin, with the filter beside it: `label` is what it is called."""

    label: Any

    def texts(self, *, members: Sequence[Member]) -> Mapping[int, str]:
        """Return what stands in the column for these members, by id; in bulk."""
        ...

    def choices(self) -> Iterable[tuple[str, str]]:
        """Return the values to choose from, each with its words; none where there is nothing to tell, and no column."""
        ...

    def only(self, *, members: Any, value: str) -> Any:
        """Return those of the members (a queryset) whom a value means."""
        ...


member_columns: Hook[MemberColumn] = Hook("member_columns", MemberColumn, on_error=SKIP)


@member_finders.register("orders")
def buyer_of(*, text: str) -> list[int]:
    """Return the members whose order has this number: whoever placed it, also where somebody else has it now."""
    orders = dict(get_model("order", "Order").objects.filter(number=text).values_list("pk", "user_id"))
    if not orders:
        return []
    marks = OrderSync.objects.filter(order_id__in=orders).exclude(moved_from="")
    key = get_user_model()._meta.pk
    orders |= {pk: key.to_python(placer) for pk, placer in marks.values_list("order_id", "moved_from")}
    users = [user_id for user_id in orders.values() if user_id is not None]
    return list(Member.objects.filter(user_id__in=users).values_list("pk", flat=True))
