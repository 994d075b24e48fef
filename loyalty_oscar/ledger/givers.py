"""Who gave: the rule, level, friend, campaign or clerk that the points of an entry come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import actors
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.hooks import SKIP, Hook
from loyalty_oscar.program.models import Unit

from .models import Counter, Entry, Kind

#: Whoever gave what nobody owns up to, such as a grant of the store's own.
OTHERS = "others"
#: How keys of entries begin that staff made: one by one, and from a file.
BY_HAND = ("manual:", "bulk:")


@dataclass(frozen=True, slots=True)
class Share:
    """So many points (below zero: taken back) of an entry came from one thing of a giver: a rule, a campaign."""

    item: str
    points: int


class Giver(Protocol):
    """
    Something that gives points, and says of entries which of its things gave them: rules, levels, campaigns.

    `title` is what all of them are called together.
    """

    title: Any

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        """
        Return by id, of those entries that it gave or took back, whose points they are; in bulk.

        The shares of an entry add up to its points (`net`). Items are short and for ever, as they are written down.
        """
        ...

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        """Return what items are called today, in bulk."""
        ...


givers: Hook[Giver] = Hook("givers", Giver, on_error=SKIP)


def shares_by_key(*, entries: Iterable[Entry], kind: str, part: int = 1) -> dict[int, Sequence[Share]]:
    """Return by id whose points entries of one kind of key are: one part of the key tells ("tier:7:gift" is of 7)."""
    mine = [entry for entry in entries if entry.key.startswith(f"{kind}:")]
    return {entry.pk: [Share("".join(entry.key.split(":")[part : part + 1]), entry.net)] for entry in mine}


def shares_of(*, unit: Unit, entries: Iterable[Entry]) -> dict[int, tuple[str, Sequence[Share]]]:
    """
    Return by id who gave each of these entries of a unit, and which of their things how much of it.

    The givers are asked in order, each for what those before it left. What nobody gave, or what does not add up to the
    entry, is of `OTHERS`.
    """
    left = {entry.pk: entry for entry in entries}
    found: dict[int, tuple[str, Sequence[Share]]] = {}
    # Each is asked when the one before it has answered, and so for what that one left.
    asked = givers.handle(lambda giver: giver.shares(unit=unit, entries=list(left.values())) if left else {})
    for name, told in asked:
        for pk, shares in told.items():
            if pk in left and sum(share.points for share in shares) == left[pk].net:
                del left[pk]
                found[pk] = (name, shares)
    return found | {pk: (OTHERS, [Share("", entry.net)]) for pk, entry in left.items()}


def titles() -> dict[str, str]:
    """Return what each giver is called, in their order; `OTHERS` last."""
    told = {name: str(givers.get(name).title) for name in givers}
    return told | {OTHERS: pgettext("loyalty", "Other gifts")}


def names_of(*, unit: Unit, items: Mapping[str, Collection[str]]) -> dict[tuple[str, str], str]:
    """Return what the items of each giver are called today, by giver and item; nothing for one that is gone."""
    by = {id(givers.get(name)): name for name in givers}
    asked = givers.handle(lambda giver: giver.names(unit=unit, items=items.get(by[id(giver)], ())))
    return {(name, item): called for name, told in asked for item, called in told.items()}


class ByHand:
    """What staff gave and took: goodwill, changes by hand and from files. An undo counts for whoever gave."""

    title = pgettext_lazy("loyalty", "Staff")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        mine = [entry for entry in entries if entry.key.startswith(BY_HAND)]
        ids = {entry.reverses_id for entry in mine if entry.reverses_id}
        undone = Entry.objects.using(write_db()).in_bulk(ids) if ids else {}
        return {entry.pk: [Share(self.item(undone.get(entry.reverses_id or 0, entry)), entry.net)] for entry in mine}

    def item(self, entry: Entry) -> str:
        """Return who gave by hand, and as what: `goodwill:staff:42`."""
        return f"{'goodwill' if entry.because.get('c') == 'goodwill' else 'by-hand'}:{entry.actor}"

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        parts = {item: item.partition(":") for item in items}
        called = actors.names({actor for _what, _colon, actor in parts.values()})
        texts = {
            "goodwill": pgettext("loyalty", "Goodwill by %(name)s"),
            "by-hand": pgettext("loyalty", "Changed by hand by %(name)s"),
        }
        return {item: texts[what] % {"name": called[actor]} for item, (what, _colon, actor) in parts.items()}


class Imports:
    """What members brought along from a program before."""

    title = pgettext_lazy("loyalty", "Imports")

    def shares(self, *, unit: Unit, entries: Sequence[Entry]) -> Mapping[int, Sequence[Share]]:
        return {
            entry.pk: [Share("", entry.net)]
            for entry in entries
            if entry.kind == Kind.IMPORT or (entry.counter == Counter.ADJUSTMENT and entry.key.startswith("import:"))
        }

    def names(self, *, unit: Unit, items: Collection[str]) -> Mapping[str, str]:
        return {item: pgettext("loyalty", "Brought along from before") for item in items}


givers.register("staff", order=70)(ByHand())
givers.register("imports", order=80)(Imports())
