"""
The statement as a member reads it: every change of what is ready, newest first, and what is on the way above it.

An order stands here once: on the way until its points are ready, then on the day they became ready. So the
numbers of a column add up to what is ready, and the ones on the way to what is on the way. What is set aside for a
basket is not ready and not used yet: it is a line of its own, above all others, while it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, TruncMonth
from django.urls import reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.sources import number_of
from loyalty_oscar.ledger.models import Account, Entry, Kind, Lot
from loyalty_oscar.ledger.queries import statement
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Unit

from .reasons import said_of, whys_of

#: What may be asked for, and what the chips say.
STATES = {
    "ready": pgettext_lazy("loyalty", "Ready"),
    "way": pgettext_lazy("loyalty", "On the way"),
    "used": pgettext_lazy("loyalty", "Used"),
    "out": pgettext_lazy("loyalty", "Run out"),
    "back": pgettext_lazy("loyalty", "Taken back"),
}
LEAST_LINES = 12
BROUGHT = (Kind.EARN, Kind.WELCOME, Kind.IMPORT)
USED = (Kind.CAPTURE, Kind.TRANSFER)
FILTERS = {
    "ready": Q(own__gt=0),
    "way": Q(pk__in=()),
    "used": Q(own__lt=0, kind__in=USED),
    "out": Q(own__lt=0, kind=Kind.EXPIRE),
    "back": Q(own__lt=0) & ~Q(kind__in=(*USED, Kind.EXPIRE)) | Q(own=0, kind=Kind.CLAW),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """
    One line: what it is, its state, signed points, what was ready after it, and why.

    `when` is the moment that its month goes by (None has no date yet), `day` the one that is shown, and `since` when it
    was written; `aside` is a sentence that nobody should have to open the why for.
    """

    when: datetime | None
    day: datetime
    since: datetime
    text: str
    more: str
    url: str
    state: str
    points: int
    after: int | None
    rows: Sequence[Any]
    notes: Sequence[str]
    aside: str = ""

    @property
    def state_word(self) -> str:
        """What the chip says."""
        return str(STATES[self.state])


@dataclass(kw_only=True, slots=True)
class StatementMonth:
    """The lines of one month (`first` is its first day; None for what has no date yet) and its sums by state."""

    first: date | None
    lines: list[Line] = field(default_factory=list)

    @property
    def sums(self) -> list[tuple[str, int]]:
        """Return the points of this month by the word of their state."""
        found = {state: sum(line.points for line in self.lines if line.state == state) for state in STATES}
        return [(state, points) for state, points in found.items() if points]


def entries(*, account: Account, kind: str = "") -> QuerySet[Entry]:
    """Return the entries that stand in the statement, with `own`: what each changed of all that is not on the way."""
    found = statement(account_id=account.pk).annotate(own=F("d_available") + F("d_reserved") - F("d_debt"))
    found = found.exclude(own=0, kind__in=BROUGHT).exclude(own=0, d_pending=0, kind=Kind.RESTORE)
    return found.filter(FILTERS[kind]) if kind else found


def with_aside(*, rows: QuerySet[Entry]) -> QuerySet[Entry]:
    """Return entries with `aside_later`: what was set aside since (signed), so what was set aside then can be told."""
    later = Entry.objects.filter(account_id=OuterRef("account_id"), seq__gt=OuterRef("seq")).order_by()
    summed = later.values("account_id").annotate(points=Sum("d_reserved")).values("points")
    return rows.annotate(aside_later=Coalesce(Subquery(summed), 0))


def months(*, account: Account, kind: str, zone: Any) -> list[tuple[date, int]]:
    """Return the months that have entries, newest first, each with how many."""
    rows = entries(account=account, kind=kind).order_by().annotate(month=TruncMonth("effective_at", tzinfo=zone))
    counted = rows.values("month").annotate(lines=Count("pk")).order_by("-month")
    return [(row["month"].date(), row["lines"]) for row in counted]


def window(*, known: Sequence[tuple[date, int]], start: date | None) -> tuple[list[date], date | None]:
    """Return the months of one page, whole ones up to about a dozen lines, and the month the next page starts with."""
    shown, lines = [], 0
    for month, count in known:
        if start and month > start:
            continue
        if lines >= LEAST_LINES:
            return shown, month
        shown.append(month)
        lines += count
    return shown, None


class StatementWriter:
    """Puts entries and lots into words, everything they refer to loaded in bulk."""

    def __init__(self, *, account: Account, unit: Unit, user: Any) -> None:
        self.account, self.unit, self.user = account, unit, user
        self.zone = unit.program.time_zone
        self.said: dict[int, str] = {}

    def page(self, *, shown: Sequence[date], start: date | None, kind: str) -> list[StatementMonth]:
        """Return the months of one page, newest first."""
        found = self._entries(shown, kind)
        coming, lines = self._lines(found, with_pending=kind in ("", "way"))
        belong = [line for line in coming if self._belongs(line, shown, start)]
        return _by_month([*belong, *lines], self.zone)

    def newest(self, *, most: int) -> tuple[list[Line], int]:
        """Return the newest lines, by when they were written, and how many lines there are of all."""
        rows = entries(account=self.account)
        latest = with_aside(rows=rows).order_by("-effective_at", "-seq")[:most]
        coming, lines = self._lines(list(latest), with_pending=True)
        newest = sorted([*coming, *lines], key=lambda line: line.since, reverse=True)
        return newest[:most], len(coming) + (len(lines) if len(lines) < most else rows.order_by().count())

    def _lines(self, found: Sequence[Entry], *, with_pending: bool) -> tuple[list[Line], list[Line]]:
        """Return the lines of what is on the way, latest first, and those of entries; all they refer to in bulk."""
        lots = self._lots(found, with_pending=with_pending)
        sources = [*map(self._source, found), *(lot.source for lot in lots)]
        orders = self._orders([number_of(name=source, kind="order") for source in sources])
        by_pk, by_entry = {lot.pk: lot for lot in lots}, {lot.entry_id: lot for lot in lots}
        whys = whys_of(order_ids=list(orders), unit=self.unit)
        spoken_of = [*found, *(lot.entry for lot in lots)]
        self.said = said_of(reasons={entry.pk: entry.because for entry in spoken_of})
        pending = [lot for lot in lots if lot.state == Lot.State.PENDING and lot.remaining]
        coming = [self._coming(lot, orders, whys) for lot in pending]
        coming.sort(key=lambda line: (line.when is None, line.when and line.when.timestamp()), reverse=True)
        by_source = {lot.source: lot for lot in lots}
        told = [
            (entry, by_pk.get(_lot_id(entry)) or by_entry.get(entry.pk) or by_source.get(_ran_out(entry)))
            for entry in found
        ]
        return coming, [self._line(entry, lot, orders, whys) for entry, lot in told]

    def _entries(self, shown: Sequence[date], kind: str) -> list[Entry]:
        if not shown:
            return []
        begin = periods.start_of_day(day=shown[-1], zone=self.zone)
        end = periods.start_of_day(day=periods.add_months(day=shown[0], months=1), zone=self.zone)
        rows = entries(account=self.account, kind=kind).filter(effective_at__gte=begin, effective_at__lt=end)
        return list(with_aside(rows=rows).order_by("-effective_at", "-seq"))

    def _lots(self, found: Sequence[Entry], *, with_pending: bool) -> list[Lot]:
        wanted = Q(pk__in=[pk for pk in map(_lot_id, found) if pk]) | Q(entry__in=[entry.pk for entry in found])
        wanted |= Q(source__in={_ran_out(entry) for entry in found} - {""})
        if with_pending:
            wanted |= Q(state=Lot.State.PENDING, is_open=True)
        return list(Lot.objects.filter(wanted, account=self.account).select_related("entry").order_by("-pk"))

    def _belongs(self, line: Line, shown: Sequence[date], start: date | None) -> bool:
        """Return whether a line on the way stands on this page: on the first one, or in a month that is shown."""
        month = line.when and periods.local_day(at=line.when, zone=self.zone).replace(day=1)
        return start is None or bool(month and shown and shown[-1] <= month <= start)

    def _orders(self, ids: Iterable[int | None]) -> dict[int, Any]:
        rows = get_model("order", "Order").objects.filter(pk__in={pk for pk in ids if pk}, user_id=self.user.pk)
        return {order.pk: order for order in rows.prefetch_related("lines")}

    def _source(self, entry: Entry) -> str:
        p = entry.because.get("p", {})
        return f"order:{p['order']}" if "order" in p else str(p.get("source", ""))

    def _coming(self, lot: Lot, orders: dict[int, Any], whys: dict[int, Any]) -> Line:
        order = orders.get(number_of(name=lot.source, kind="order"))
        gone = lot.granted - lot.remaining
        notes = [self._dated(whys.get(order.pk) if order else None, lot)]
        if gone:
            text = pgettext("loyalty", "%(points)s went back with the goods.")
            notes.append(text % {"points": self._points(gone)})
        return Line(
            when=lot.available_at,
            day=lot.available_at or lot.entry.effective_at,
            since=lot.entry.effective_at,
            **self._what(order, lot.entry, whys),
            state="way",
            points=lot.remaining,
            after=None,
            notes=notes,
        )

    def _line(self, entry: Entry, lot: Lot | None, orders: dict[int, Any], whys: dict[int, Any]) -> Line:
        order = orders.get(number_of(name=self._source(entry), kind="order"))
        brought = entry.own > 0 and entry.kind != Kind.RESTORE
        if entry.kind == Kind.EXPIRE:
            what = self._gone(order, lot, entry, whys)
            lot = None
        else:
            what = self._what(order, lot.entry if lot else entry, whys, brought=brought)
        return Line(
            when=entry.effective_at,
            day=entry.effective_at,
            since=entry.effective_at,
            **what,
            state=_state(entry),
            points=entry.own,
            after=self._after(entry) if entry.own else None,
            notes=[note for note in self._notes(entry, lot, whys.get(order.pk) if order else None) if note],
            aside=self._made_up(entry) or ("" if brought else self._on_the_way(entry)),
        )

    def _after(self, entry: Entry) -> int:
        """Return what was ready after an entry, and set aside: only what is aside now has a line of its own."""
        return entry.available_after + self.account.reserved - entry.aside_later

    def _gone(self, order: Any, lot: Lot | None, entry: Entry, whys: dict[int, Any]) -> dict[str, Any]:
        """Return what ran out and where it came from."""
        if order is not None:
            text = pgettext("loyalty", "From order %(number)s") % {"number": order.number}
            why = whys.get(order.pk)
            placed_at = why["placed_at"] if why else order.date_placed
            return {**self._of(order, why), "text": text, "more": words.day(placed_at, zone=self.zone)}
        known = (self.said.get(lot.entry.pk) or words.why(lot.entry.because)) if lot else ""
        return {"text": words.why(entry.because), "more": known, "url": "", "rows": ()}

    def _made_up(self, entry: Entry) -> str:
        """Return how much of what came made up what was missing."""
        if not (made_up := entry.because.get("p", {}).get("made_up")):
            return ""
        return pgettext("loyalty", "%(points)s of them made up what was missing.") % {"points": self._points(made_up)}

    def _what(self, order: Any, entry: Entry, whys: dict[int, Any], *, brought: bool = True) -> dict[str, Any]:
        if order is None:
            text = self.said.get(entry.pk) or words.why(entry.because)
            return {"text": text, "more": "", "url": "", "rows": ()}
        told = self._of(order, whys.get(order.pk))
        number = pgettext("loyalty", "Order %(number)s") % {"number": order.number}
        if brought:
            return {**told, "text": number, "more": _contents(order)}
        shown = told if entry.kind == Kind.CLAW else {**told, "rows": ()}
        return {**shown, "text": words.why(entry.because), "more": ""}

    def _of(self, order: Any, why: Any) -> dict[str, Any]:
        url = reverse("customer:order", kwargs={"order_number": order.number})
        return {"url": url, "rows": why["rows"] if why else ()}

    def _on_the_way(self, entry: Entry) -> str:
        """Return what an entry did to points on the way, which the column of points does not count."""
        if not entry.d_pending:
            return ""
        gone = pgettext("loyalty", "No longer on the way: %(points)s")
        text = pgettext("loyalty", "On the way again: %(points)s") if entry.d_pending > 0 else gone
        return text % {"points": self._points(abs(entry.d_pending))}

    def _notes(self, entry: Entry, lot: Lot | None, why: Any) -> Iterable[str]:
        p = entry.because.get("p", {})
        if lot is not None:
            yield self._dated(why, lot)
        if entry.because.get("c") == "goods_returned" and why:
            text = pgettext(
                "loyalty", "The order had brought %(points)s. We take back only what this part of it earned."
            )
            yield text % {"points": self._points(why["points"])}
        borne = p.get("borne", 0)
        if run_out := p.get("forgiven", 0) - borne:
            text = pgettext("loyalty", "%(points)s had run out before; you need not give that back.")
            yield text % {"points": self._points(run_out)}
        if borne:
            text = pgettext("loyalty", "You had used %(points)s already; you need not make up for that.")
            yield text % {"points": self._points(borne)}

    def _dated(self, why: Any, lot: Lot) -> str:
        """Return the dates of points in one sentence or two: ordered, ready, run out."""
        found = []
        if why:
            found.append(pgettext("loyalty", "Ordered on %(day)s.") % {"day": self._day(why["placed_at"])})
        if lot.available_at is None and not why:
            found.append(pgettext("loyalty", "Ready once the orders behind them can no longer be sent back."))
        elif lot.available_at is None:
            days = why["hold_days"]
            text = npgettext(
                "loyalty", "Ready %(days)d day after delivery.", "Ready %(days)d days after delivery.", days
            )
            found.append(text % {"days": days} if days else pgettext("loyalty", "Ready on delivery."))
        elif lot.state == Lot.State.PENDING:
            found.append(pgettext("loyalty", "Ready on %(day)s.") % {"day": self._day(lot.available_at)})
        if lot.expires_at and lot.remaining:
            last = periods.last_day(expires_at=lot.expires_at, zone=self.zone)
            found.append(pgettext("loyalty", "Last day: %(day)s.") % {"day": self._day(last)})
        return " ".join(found)

    def _day(self, value: date | datetime) -> str:
        return words.day(value, zone=self.zone)

    def _points(self, points: int) -> str:
        return words.points(unit=self.unit, points=points)


def _contents(order: Any) -> str:
    """Return "Liver bites and 3 more"."""
    titles = [line.title for line in order.lines.all()]
    if len(titles) < 2:
        return titles[0] if titles else ""
    text = npgettext("loyalty", "%(title)s and %(count)d more", "%(title)s and %(count)d more", len(titles) - 1)
    return text % {"title": titles[0], "count": len(titles) - 1}


def _state(entry: Entry) -> str:
    if entry.own > 0:
        return "ready"
    if entry.d_pending > 0:
        return "way"
    if entry.kind == Kind.EXPIRE:
        return "out"
    return "used" if entry.kind in USED else "back"


def _ran_out(entry: Entry) -> str:
    """Return where points came from that ran out; of other entries nothing."""
    return str(entry.because.get("p", {}).get("source", "")) if entry.kind == Kind.EXPIRE else ""


def _lot_id(entry: Entry) -> int | None:
    """Return the lot that a `lot:42:mature` entry opened."""
    parts = entry.key.split(":")
    return int(parts[1]) if entry.kind == Kind.MATURE and parts[0] == "lot" else None


def _by_month(lines: Iterable[Line], zone: str) -> list[StatementMonth]:
    found: dict[date | None, StatementMonth] = {}
    for line in lines:
        first = periods.local_day(at=line.when, zone=zone).replace(day=1) if line.when else None
        found.setdefault(first, StatementMonth(first=first)).lines.append(line)
    dated = sorted((month for month in found.values() if month.first), key=lambda m: m.first, reverse=True)
    return [*([found[None]] if None in found else []), *dated]
