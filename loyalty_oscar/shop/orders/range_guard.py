"""
A range of products that closes something stays: without it, what it closes would be open to all, or nothing at all.

Features say what their product sets close. Whatever would leave one of those sets without products is refused: its
range, its tie or itself deleted, and its tie cleared, on whichever page or by whichever script.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models.signals import pre_delete, pre_save
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.program.guards import harmless
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import ProductSet, Program, State

from ..models import ProductSetRange
from .product_sets import InUse


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosedSet:
    """
    What a product set closes, by the row that says so. `text` tells why its range ("%(range)s") stays, with `names`
    for its other places; `shut` what is shut while it has none (empty: nothing, it would be open).
    """

    row: Any
    text: str
    names: Mapping[str, str]
    shut: str = ""

    def refusal(self, *, range_name: Any) -> str:
        """Return why the range stays."""
        return self.text % {**self.names, "range": range_name}


class Closing(Protocol):
    """Tells what some product sets (by primary key) close in one feature."""

    def __call__(self, *, set_ids: Collection[int], using: str) -> Iterator[ClosedSet]: ...


closings: Hook[Closing] = Hook("closings", Closing, on_error=RAISE)


@closings.register("earning", order=10)
def nothing_earned(*, set_ids: Collection[int], using: str) -> Iterator[ClosedSet]:
    """Products that bring no points in a program."""
    programs = Program.objects.using(using).filter(excluded_set__in=set_ids).exclude(state=State.CLOSED)
    text = pgettext(
        "loyalty",
        "“%(range)s” holds the products that bring nothing in “%(program)s”: choose others on the program's page "
        "first, or give their set another range.",
    )
    shut = pgettext("loyalty", "Until it has one, no order brings anything in “%(program)s”.")
    for program in programs.order_by("pk"):
        names = {"program": program.name}
        yield ClosedSet(row=program, text=text, names=names, shut=shut % names)


def closed_by(*, set_ids: Collection[int], using: str) -> Iterator[ClosedSet]:
    """Yield what these product sets close, feature by feature."""
    for found in closings.answers(set_ids=set_ids, using=using):
        yield from found


def refusal_of(*, set_ids: Collection[int], range_name: Any, using: str) -> tuple[str, Any] | None:
    """Return why these product sets must keep their products, and the row that needs them; None where none does."""
    found = next(closed_by(set_ids=set_ids, using=using), None) if set_ids else None
    return (found.refusal(range_name=range_name), found.row) if found else None


def keeping(find: Callable[..., tuple[Collection[int], Any]]) -> Any:
    """Make a receiver that refuses where sets that it finds must keep their products; faults of ours refuse nothing."""

    @harmless(but=InUse, later="it could not be seen whether a range of products may go")
    def receiver(sender: Any, instance: Any, using: str, **kwargs: Any) -> None:
        set_ids, name = find(instance=instance, using=using)
        if refused := refusal_of(set_ids=set_ids, range_name=name, using=using):
            raise InUse(refused[0], {refused[1]})

    receiver.__name__ = find.__name__
    return receiver


@keeping
def range_deleted(*, instance: Any, using: str) -> tuple[Collection[int], Any]:
    ties = ProductSetRange.objects.using(using).filter(range=instance.pk)
    return list(ties.values_list("product_set_id", flat=True)), instance


@keeping
def tie_deleted(*, instance: Any, using: str) -> tuple[Collection[int], Any]:
    return ([instance.product_set_id], instance.range) if instance.range_id else ((), None)


@keeping
def tie_cleared(*, instance: Any, using: str) -> tuple[Collection[int], Any]:
    if instance.pk is None or instance.range_id is not None:
        return (), None
    before = ProductSetRange.objects.using(using).filter(pk=instance.pk, range__isnull=False)
    row = before.select_related("range").first()
    return ([row.product_set_id], row.range) if row else ((), None)


@keeping
def set_deleted(*, instance: Any, using: str) -> tuple[Collection[int], Any]:
    return [instance.pk], instance


for _signal, _receiver, _sender in (
    (pre_delete, range_deleted, get_model("offer", "Range")),
    (pre_delete, tie_deleted, ProductSetRange),
    (pre_save, tie_cleared, ProductSetRange),
    (pre_delete, set_deleted, ProductSet),
):
    _name = f"loyalty_oscar.shop.orders.range_guard.{_receiver.__name__}"
    _signal.connect(_receiver, sender=_sender, weak=False, dispatch_uid=_name)
