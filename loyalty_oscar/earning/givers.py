"""Orders as givers of points: by rule, and apart the welcome for orders from before the program."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db.models import QuerySet
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.ledger.givers import Share, givers
from loyalty_oscar.ledger.models import Counter, Entry
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Unit

from .models import Award, Rule
from .shares import UNSAID, shares


def _order_of(entry: Entry) -> int | None:
    """Return the order that an entry is about ("order:42:earn"), or None."""
    return number_of(name=":".join(entry.key.split(":")[:2]), kind="order")


def _awards(unit: Unit, order_ids: Iterable[int]) -> QuerySet[Award]:
    return Award.objects.using(write_db()).filter(unit=unit, source_kind="order", source_id__in=set(order_ids))


class Welcomes:
    """The points for orders from before the program."""

    title = pgettext_lazy("loyalty", "Welcomes")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        orders = {entry.pk: order for entry in entries if (order := _order_of(entry)) is not None}
        ids = set(_awards(unit, orders.values()).exclude(batch="").values_list("source_id", flat=True))
        return {entry.pk: [Share("", entry.net)] for entry in entries if orders.get(entry.pk) in ids}

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        return {item: pgettext("loyalty", "For orders from before the program") for item in items}


class Rules:
    """The rules by which orders earn, and the levels that lift what they earn."""

    title = pgettext_lazy("loyalty", "Orders")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        orders = {entry.pk: order for entry in entries if (order := _order_of(entry)) is not None}
        rows = _awards(unit, orders.values()).only("source_id", "points", "because")
        awards = {award.source_id: award for award in rows}
        mine = [entry for entry in entries if orders.get(entry.pk) in awards]
        stood = _stood_before(mine)
        found = {}
        for entry in mine:
            award, before = awards[orders[entry.pk]], stood[entry.pk]
            told = {"points": award.points, "because": award.because}
            was, now = (shares(standing=points, **told) for points in (before, before + entry.net))
            found[entry.pk] = [Share(item, more) for item in now if (more := now[item] - was[item])]
        return found

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        parts = {item: item.partition(":") for item in items}
        codes = [code for kind, _colon, code in parts.values() if kind == "rule"]
        rules = dict(Rule.objects.using(write_db()).filter(unit=unit, code__in=codes).values_list("code", "name"))
        by_rank = levels(program_id=unit.program_id) if any(item.startswith("tier:") for item in items) else {}
        ranks = {f"{rank}": name for rank, name in by_rank.items()}
        level = pgettext("loyalty", "More for level %(level)s")
        orders = pgettext("loyalty", "Orders, by no rule that is written down")
        called = {
            item: rules.get(name, name) if kind == "rule" else level % {"level": ranks.get(name, name)}
            for item, (kind, _colon, name) in parts.items()
        }
        return called | {item: orders for item in items if item in (UNSAID, "rule:")}


def _stood_before(entries: Sequence[Entry]) -> dict[int, int]:
    """Return what stood of each entry's award before it (points). One query, for those that are not the first."""
    later = [entry for entry in entries if not entry.key.endswith(":earn")]
    rows = Entry.objects.using(write_db()).filter(
        account_id__in={entry.account_id for entry in later}, counter=Counter.ISSUANCE, key__startswith="order:"
    )
    by_order: dict[tuple[int, int | None], list[tuple[int, int]]] = defaultdict(list)
    for row in rows.only("account_id", "key", "d_available", "d_pending", "d_reserved", "d_debt") if later else ():
        by_order[row.account_id, _order_of(row)].append((row.pk, row.net))
    return dict.fromkeys((entry.pk for entry in entries), 0) | {
        entry.pk: sum(net for pk, net in by_order[entry.account_id, _order_of(entry)] if pk < entry.pk)
        for entry in later
    }


givers.register("welcomes", order=10)(Welcomes())
givers.register("rules", order=20)(Rules())
