"""The ledger, to look at. Points change by operations alone, so nothing here can be added, changed or deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import actors, money
from loyalty_oscar.program.admin import STYLES, BehindFront, ReadOnly
from loyalty_oscar.program.finding import FindsMembers, FindsMembersOrKeys
from loyalty_oscar.program.forms import Rows, is_key
from loyalty_oscar.program.hooks import state_change_notes
from loyalty_oscar.program.models import Program, State, Unit
from loyalty_oscar.program.paying import being_paid
from loyalty_oscar.program.references import about, linked, page_of, referents, row_of
from loyalty_oscar.program.words import last_day as last_day_in_words
from loyalty_oscar.program.words import number, why
from loyalty_oscar.program.words import points as in_words
from loyalty_oscar.program.worth import worth

from .models import Account, Batch, Entry, Hold, Lot
from .queries import Owed, owed
from .words import basket_in_words


def points_of(model: type[Model], name: str, *, signed: bool = False) -> Any:
    """Return a column of points as people write numbers, under the words of their field; none say nothing."""
    field: Any = model._meta.get_field(name)

    @admin.display(description=field.verbose_name, ordering=name, empty_value="")
    def told(site: Any, row: Any) -> str:
        points, unit = getattr(row, name), getattr(row, "account", row).unit
        return number(unit=unit, points=points, signed=signed) if points else ""

    return told


class LotInline(ReadOnly, admin.TabularInline):
    model = Lot
    formset = Rows
    fk_name = "account"
    fields = ("what", "state", "points", "left", "held", "available_at", "last_day")
    readonly_fields = ("what", "points", "left", "held", "last_day")
    ordering = ("-pk",)
    points = points_of(Lot, "granted")
    left = points_of(Lot, "remaining")
    held = points_of(Lot, "reserved")

    @admin.display(description=pgettext_lazy("loyalty", "brought by"))
    def what(self, lot: Lot) -> str:
        return why(lot.entry.because)

    @admin.display(description=pgettext_lazy("loyalty", "last day"))
    def last_day(self, lot: Lot) -> str:
        return last_day_in_words(lot.expires_at, zone=lot.account.unit.program.time_zone) if lot.expires_at else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lot]:
        return super().get_queryset(request).filter(is_open=True).select_related("entry", "account__unit__program")


@admin.register(Account)
class AccountAdmin(BehindFront, FindsMembers, ReadOnly, admin.ModelAdmin):
    """What each member has, in four numbers, with the points that are still there."""

    list_display = ("member", "unit", "ready", "on_the_way", "set_aside", "to_make_up")
    list_filter = ("unit",)
    list_select_related = ("member__user", "unit__program")
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("member", "unit", "ready", "on_the_way", "set_aside", "to_make_up", "earned")
    readonly_fields = ("ready", "on_the_way", "set_aside", "to_make_up", "earned")
    inlines = (LotInline,)
    ready, on_the_way = points_of(Account, "available"), points_of(Account, "pending")
    set_aside, to_make_up = points_of(Account, "reserved"), points_of(Account, "debt")
    earned = points_of(Account, "lifetime_earned")

    class Media:
        css = STYLES


NUMBERS = ("ready", "on_the_way", "set_aside", "to_make_up")


@admin.register(Entry)
class EntryAdmin(BehindFront, FindsMembersOrKeys, ReadOnly, admin.ModelAdmin):
    """Every change of every account, newest first."""

    list_display = ("member", "kind", *NUMBERS, "says", "effective_at")
    list_filter = ("kind", "counter", "account__unit")
    list_select_related = ("account__member__user", "account__unit__program", "note")
    member_paths = ("account__member",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        *("member", "kind", "says", *NUMBERS, "after", "effective_at", "created_at", "who", "reason"),
        *("counter", "reverses", "reference"),
    )
    readonly_fields = ("member", *NUMBERS, "after", "says", "who", "reason", "reference")
    ready, on_the_way = (points_of(Entry, f"d_{one}", signed=True) for one in ("available", "pending"))
    set_aside, to_make_up = (points_of(Entry, f"d_{one}", signed=True) for one in ("reserved", "debt"))
    after = points_of(Entry, "available_after")

    class Media:
        css = STYLES

    @admin.display(description=pgettext_lazy("loyalty", "member"))
    def member(self, entry: Entry) -> str:
        return str(entry.account.member)

    @admin.display(description=pgettext_lazy("loyalty", "why"))
    def says(self, entry: Entry) -> str:
        return why(entry.because)

    @admin.display(description=pgettext_lazy("loyalty", "by"))
    def who(self, entry: Entry) -> str:
        return actors.name(entry.actor)

    @admin.display(description=pgettext_lazy("loyalty", "reason that was typed"))
    def reason(self, entry: Entry) -> str:
        return entry.note.text if hasattr(entry, "note") else ""

    @admin.display(description=pgettext_lazy("loyalty", "reference"))
    def reference(self, entry: Entry) -> str:
        return linked(reference=entry.key)


@admin.register(Hold)
class HoldAdmin(BehindFront, FindsMembersOrKeys, ReadOnly, admin.ModelAdmin):
    """Points set aside for baskets, and what became of them."""

    list_display = ("member", "basket", "set_aside", "state", "created_at", "expires_at")
    list_filter = ("state",)
    list_select_related = ("account__member__user", "account__unit__program")
    member_paths, key_path = ("account__member",), "origin"
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        *("member", "basket", "wanted", "set_aside", "used", "came_back", "borne", "state"),
        *("created_at", "expires_at", "paying_since", "closed_at", "public_id"),
    )
    readonly_fields = ("member", "basket", "wanted", "set_aside", "used", "came_back", "borne", "public_id")
    wanted, set_aside = (points_of(Hold, one) for one in ("asked", "points"))
    used, came_back = (points_of(Hold, one) for one in ("captured", "returned"))
    borne = points_of(Hold, "forgiven")

    @admin.display(description=pgettext_lazy("loyalty", "for"), ordering="origin")
    def basket(self, hold: Hold) -> str:
        return basket_in_words(origin=hold.origin)

    @admin.display(description=pgettext_lazy("loyalty", "member"))
    def member(self, hold: Hold) -> str:
        return str(hold.account.member)


referents.register("account")(row_of(Account))
referents.register("bulk")(row_of(Batch))


@referents.register("lot")
def lot_of(*, key: str) -> tuple[str, str] | None:
    """Return what brought the points of a lot."""
    lot = Lot.objects.filter(pk=key).first() if is_key(key) else None
    return about(reference=lot.source) if lot else None


@referents.register("hold")
def hold_of(*, key: str) -> tuple[str, str] | None:
    """Return what points are set aside for."""
    hold = Hold.objects.filter(public_id=key).first() if is_uuid(key) else None
    return (basket_in_words(origin=hold.origin), page_of(hold)) if hold else None


def is_uuid(text: str) -> bool:
    """Return whether a text is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@state_change_notes.register("ledger", order=20)
def at_stake(*, program: Program, to: str, at: datetime) -> Iterator[str]:
    """Say how many points members have, what they are worth, which go back and which dates move."""
    unit = program.unit_or_none
    if unit is None:
        return
    yield _have(unit, owed(unit_id=unit.pk))
    if to == State.PAUSED:
        yield from _go_back(unit, at)
    elif program.state == State.PAUSED:
        yield _move(unit, at)


def _have(unit: Unit, sums: Owed) -> str:
    text = pgettext("loyalty", "Members have %(ready)s ready and %(pending)s on the way")
    told = text % {
        "ready": in_words(unit=unit, points=sums.available),
        "pending": in_words(unit=unit, points=sums.pending),
    }
    value = worth(unit=unit, points=sums.points)
    if not value:
        return f"{told}."
    return pgettext("loyalty", "%(told)s, worth %(worth)s.") % {"told": told, "worth": value}


def _go_back(unit: Unit, at: datetime) -> Iterator[str]:
    holds = dict(Hold.objects.filter(account__unit=unit, state=Hold.State.OPEN).values_list("slot", "points"))
    paid = being_paid(slots=holds, at=at, peek=True)
    points, count = sum(points for slot, points in holds.items() if slot not in paid), len(holds.keys() - paid)
    text = npgettext(
        "loyalty",
        "%(points)s set aside for %(count)s basket go back.",
        "%(points)s set aside for %(count)s baskets go back.",
        count,
    )
    yield text % {"points": in_words(unit=unit, points=points), "count": money.number(count)}
    if paid:
        text = npgettext(
            "loyalty",
            "%(points)s stay set aside for %(count)s basket that is being paid for, until that is over.",
            "%(points)s stay set aside for %(count)s baskets that are being paid for, until that is over.",
            len(paid),
        )
        kept = in_words(unit=unit, points=sum(holds[slot] for slot in paid))
        yield text % {"points": kept, "count": money.number(len(paid))}


def _move(unit: Unit, at: datetime) -> str:
    paused = unit.program.phases.filter(state=State.PAUSED).last()
    begun = paused.starts_at if paused else at
    lots = Lot.objects.filter(account__unit=unit, is_open=True, state=Lot.State.OPEN, expires_at__gt=begun)
    points, days = sum(lots.values_list("remaining", flat=True)), (at - begun).days
    text = npgettext(
        "loyalty",
        "The dates of %(points)s move by %(days)d day.",
        "The dates of %(points)s move by %(days)d days.",
        days,
    )
    return text % {"points": in_words(unit=unit, points=points), "days": days}
