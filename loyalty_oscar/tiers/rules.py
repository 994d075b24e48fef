"""
Where a member stands: pure decisions from what orders counted, the ladder, and the standing so far.

Up at once; down at once only where a return took away what the level stood on; else on schedule, after the grace
and an announced notice, one level at a time. Instants are UTC, calendar days and years the program's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from loyalty_oscar.kernel import periods

CALENDAR_YEAR, MEMBER_YEAR, QUARTER = "calendar-year", "member-year", "quarter"
ROLLING, HALF_YEAR, LIFETIME = "rolling", "half-year", "lifetime"
#: Windows that begin anew after so many months; what is reached in one is kept to the end of the next.
PERIODS = {CALENDAR_YEAR: 12, MEMBER_YEAR: 12, QUARTER: 3}
#: Windows that roll along, so many months long.
ROLLS = {ROLLING: 12, HALF_YEAR: 6}
#: Days beyond those of the first notice within which a date may have been announced, or put off to, already.
LEEWAY = 3
#: Start and end of a span (None = open), and until when its orders carry a level (None = it depends on them).
Carrying = tuple[datetime | None, datetime | None, datetime | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What one order counts on the ladder, from when it was placed; it is safe once it can go back no more."""

    at: datetime
    value: int
    safe_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderTerms:
    """
    The levels: `thresholds` by rank (rank 1 first; None = no order lifts to it, it is only given), what they count in
    (`window`), and days of grace.

    A first level from 0 is everybody's (`base`): no order has to carry it and nobody falls below it, so to these rules
    it is no level; who reads puts it under those who have none.

    `set_at` is when they became what they are (None = nobody knows); orders from before it lift quietly. An end is told
    of at most `told_days` before it: a date so near stays whatever is returned. Years of membership begin on the day of
    `since`, on which the member joined.
    """

    thresholds: tuple[int | None, ...]
    window: str = CALENDAR_YEAR
    zone: str = "UTC"
    grace_days: int = 30
    set_at: datetime | None = None
    told_days: int = 60
    since: date | None = None

    def rank(self, value: int) -> int:
        """Return the highest rank above everybody's whose threshold a value reaches; 0 is none."""
        steps = enumerate(self.thresholds, start=1)
        return max((rank for rank, threshold in steps if threshold and value >= threshold), default=0)

    @property
    def base(self) -> int:
        """The rank that everybody has without an order; 0 = none."""
        return 1 if self.thresholds[:1] == (0,) else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Now:
    """
    A member's present standing: `rank` since `since`, kept until `kept_until` (None = for good).

    `is_counted` False: it was given by hand (`is_given`) or kept at the last descent, so no order need carry it. What
    `is_strict` ends at its date, to the second.
    """

    rank: int = 0
    since: datetime | None = None
    kept_until: datetime | None = None
    is_counted: bool = True
    is_given: bool = False
    is_strict: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TierDecision:
    """
    The decision: the `rank` to stand on, until when it is kept, and why: up, given, kept, recounted, taken, down.

    `is_counted` and `is_given` say what it stands on then, as in `Now`. On the way up orders from before the levels
    were set carry `past` by themselves; nobody is told of that.
    """

    rank: int
    kept_until: datetime | None
    why: str
    past: int = 0
    is_counted: bool = False
    is_given: bool = False


def span(*, window: str, at: datetime, zone: str, since: date | None = None) -> tuple[datetime | None, datetime | None]:
    """
    Return the first instant that counts at a moment and the first that no longer does (None = open); a year of
    membership begins on the day of the month on which the member joined (`since`).
    """
    if window in PERIODS:
        return _start(window, at, zone, since, 0), _start(window, at, zone, since, 1)
    if window in ROLLS:
        today = periods.local_day(at=at, zone=zone)
        return periods.start_of_day(day=periods.add_months(day=today, months=-ROLLS[window]), zone=zone), None
    return None, None


def _start(window: str, at: datetime, zone: str, since: date | None, step: int) -> datetime:
    """
    Return when the period begins in which a moment lies, or one so many periods later.

    Counted from the first one, never from the one before: who joined on 29 or 31 keeps that day where the month has it.
    """
    today, months = periods.local_day(at=at, zone=zone), PERIODS[window]
    first = since if since and window == MEMBER_YEAR else date(today.year, 1, 1)
    passed = (today.year - first.year) * 12 + today.month - first.month
    passed -= passed % months
    if periods.add_months(day=first, months=passed) > today:
        passed -= months
    return periods.start_of_day(day=periods.add_months(day=first, months=passed + step * months), zone=zone)


def carrying(*, window: str, at: datetime, zone: str) -> list[Carrying]:
    """
    Return the spans whose orders carry a level at a moment, the newest first: (start, end, until when they carry it).

    None is open; until when a rolling window carries depends on its orders, so it is None too. Years of membership are
    everybody's own: there it is the longest span in which both lie.
    """
    if window == MEMBER_YEAR:
        today = periods.local_day(at=at, zone=zone)
        return [(periods.start_of_day(day=periods.add_months(day=today, months=-25), zone=zone), None, None)]
    if window not in PERIODS:
        return [(*span(window=window, at=at, zone=zone), None)]
    last, this, following, then = (_start(window, at, zone, None, step) for step in range(-1, 3))
    return [(this, following, then), (last, this, following)]


def carried(*, ladder: LadderTerms, at: datetime) -> list[Carrying]:
    """
    Return an older span worth asking about: in the grace it still says that a level was really carried.

    Only of periods that are the same for all; whoever is not in it is looked at order by order.
    """
    if ladder.window not in PERIODS or ladder.window == MEMBER_YEAR:
        return []
    older, last, this = (_start(ladder.window, at, ladder.zone, None, step) for step in range(-2, 1))
    return [(older, last, this)] if at <= this + timedelta(days=ladder.grace_days) else []


def value(*, counted: Iterable[Counted], window: str, at: datetime, zone: str, since: date | None = None) -> int:
    """Return what counts at a moment: of this period, of the last months, or of a lifetime."""
    start, end = span(window=window, at=at, zone=zone, since=since)
    return sum(one.value for one in counted if (start is None or one.at >= start) and (end is None or one.at < end))


def deserved(*, counted: Sequence[Counted], ladder: LadderTerms, at: datetime) -> tuple[int, datetime | None]:
    """
    Return the rank that the orders carry at a moment, and until when they carry it (None = for good).

    A period carries to the end of the next; a rolling window as long as the value in it lasts.
    """
    if ladder.window in PERIODS:
        return _by_periods(counted, ladder, at)
    rank = ladder.rank(value(counted=counted, window=ladder.window, at=at, zone=ladder.zone))
    if ladder.window == LIFETIME or not rank:
        return rank, None
    return rank, _rolls_out(counted, ladder, at, rank)


def _by_periods(counted: Sequence[Counted], ladder: LadderTerms, at: datetime) -> tuple[int, datetime | None]:
    starts = [_start(ladder.window, at, ladder.zone, ladder.since, step) for step in range(-1, 3)]
    last, this = (ladder.rank(_between(counted, *span)) for span in pairwise(starts[:3]))
    best = max(last, this)
    return best, starts[3 if this >= last else 2] if best else None


def _between(counted: Iterable[Counted], start: datetime, end: datetime) -> int:
    return sum(one.value for one in counted if start <= one.at < end)


def _rolls_out(counted: Sequence[Counted], ladder: LadderTerms, at: datetime, rank: int) -> datetime:
    """Return when so much has rolled out of the window that the rank no longer stands."""
    left = value(counted=counted, window=ladder.window, at=at, zone=ladder.zone)
    start, _end = span(window=ladder.window, at=at, zone=ladder.zone)
    gone = at
    for one in sorted(counted, key=lambda one: one.at):
        if start is not None and one.at < start:
            continue
        left -= one.value
        day = periods.local_day(at=one.at, zone=ladder.zone)
        gone = periods.start_of_day(day=_first_without(day, ROLLS[ladder.window]), zone=ladder.zone)
        if ladder.rank(left) < rank:
            break
    return gone


def _first_without(day: date, months: int) -> date:
    """Return the first day whose rolling window no longer holds a day: at the end of a short month it holds longer."""
    found = periods.add_months(day=day, months=months)
    while periods.add_months(day=found, months=-months) <= day:
        found += timedelta(days=1)
    return found


def still_carried(
    *, counted: Sequence[Counted], ladder: LadderTerms, now: Now, at: datetime
) -> tuple[bool, datetime | None]:
    """
    Return whether the orders, as they count today, carried this standing at any moment since it began, and until when.

    If they never did, a return took it; if not so long, a return took what prolonged it.
    """
    since = now.since or min((one.at for one in counted), default=at)
    moments = {min(since, at), *(one.at for one in counted if since < one.at <= at), at}
    known = [deserved(counted=_until(counted, one), ladder=ladder, at=one) for one in sorted(moments)]
    dates = [until for rank, until in known if rank >= now.rank]
    return bool(dates), _later(*dates) if dates else None


def _until(counted: Sequence[Counted], at: datetime) -> list[Counted]:
    return [one for one in counted if one.at <= at]


def _later(*dates: datetime | None) -> datetime | None:
    """Return the latest of some dates; None is endless."""
    return None if None in dates else max(filter(None, dates))


def _is_earlier(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one < other)


def decide(
    *,
    now: Now,
    counted: Sequence[Counted],
    ladder: LadderTerms,
    at: datetime,
    given: tuple[int, datetime | None] = (0, None),
    announced: bool = False,
    taken: bool = False,
) -> TierDecision | None:
    """
    Return the step to take at a moment, or None where nothing changes.

    `given` is the rank that staff gave and until when; `announced` says that the descent was told in time; `taken`
    that staff took back what this standing was given by.
    """
    if ladder.base:
        # What everybody has holds nobody: neither a row from before it was everybody's nor a gift says more.
        now = Now(since=now.since) if now.rank <= ladder.base else now
        given = given if given[0] > ladder.base else (0, None)
    rank, until = deserved(counted=counted, ladder=ladder, at=at)
    best = max(rank, given[0])
    is_counted, is_given = 0 < rank == best, rank < best
    dates = [date for own, date in ((rank, until), given) if own == best]
    stands = {"is_counted": is_counted, "is_given": is_given}
    if best > now.rank:
        why = "given" if is_given else "up"
        past = 0 if is_given else _past(counted, ladder, at)
        return TierDecision(rank=best, kept_until=_later(*dates), why=why, past=past, **stands)
    is_less = now.is_counted and rank < now.rank
    was = still_carried(counted=counted, ladder=ladder, now=now, at=at) if is_less else (True, until)
    if best == now.rank:
        return _stay(ladder, now, TierDecision(rank=best, kept_until=_later(*dates), why="kept", **stands), was, at)
    if taken or not was[0]:
        why = "taken" if taken else "recounted"
        return TierDecision(rank=best, kept_until=_later(*dates), why=why, **stands)
    if is_less and _is_earlier(was[1], now.kept_until) and not _is_near(ladder, now, at):
        return TierDecision(rank=now.rank, kept_until=was[1], why="kept", is_counted=True)
    if now.is_strict and is_over(is_strict=True, kept_until=now.kept_until, at=at):
        return TierDecision(rank=best, kept_until=_later(*dates), why="down", **stands)
    if now.kept_until is None or at < now.kept_until + timedelta(days=ladder.grace_days) or not announced:
        return None
    # One level at a time, but what was given simply ends.
    if now.is_given or now.rank - 1 <= max(best, ladder.base):
        return TierDecision(rank=best, kept_until=_later(*dates), why="down", **stands)
    return TierDecision(rank=now.rank - 1, kept_until=next_end(ladder=ladder, at=at), why="down")


def is_over(*, is_strict: bool, kept_until: datetime | None, at: datetime) -> bool:
    """Return whether a standing has ended though nobody has moved its member yet: one that is strict, at its date."""
    return is_strict and kept_until is not None and kept_until <= at


def _is_near(ladder: LadderTerms, now: Now, at: datetime) -> bool:
    near = timedelta(days=ladder.told_days + LEEWAY)
    return now.kept_until is not None and now.kept_until <= at + near


def _stay(
    ladder: LadderTerms, now: Now, step: TierDecision, was: tuple[bool, datetime | None], at: datetime
) -> TierDecision | None:
    """Return what a standing of the same rank is kept by from now on, and until when; None where nothing changes."""
    until, is_promised = step.kept_until, not (now.is_counted or now.is_given)
    if not step.rank:
        return None
    if is_promised and (_is_earlier(until, now.kept_until) or (step.is_given and until == now.kept_until)):
        return None
    if now.is_counted and was[0]:
        until = _later(was[1], until)
        if _is_earlier(until, now.kept_until) and _is_near(ladder, now, at):
            until = now.kept_until
    if (until, step.is_counted, step.is_given) == (now.kept_until, now.is_counted, now.is_given):
        return None
    return replace(step, kept_until=until)


def safe_from(*, counted: Sequence[Counted], ladder: LadderTerms, rank: int, at: datetime) -> datetime | None:
    """
    Return from when on a rank that was reached at a moment is carried by orders that can go back no more.

    None = not known yet: some of those that carry it may still go back, and nobody knows until when.
    """
    for moment in sorted({one.safe_at for one in counted if one.safe_at is not None}):
        safe = [one for one in counted if one.safe_at is not None and one.safe_at <= moment]
        if deserved(counted=safe, ladder=ladder, at=at)[0] >= rank:
            return moment
    return None


def held(*, step: TierDecision, promise: tuple[int, datetime | None]) -> TierDecision:
    """
    Return a step down at once that goes no deeper than an earlier descent promised: which rank, and to which date.

    Who came down on schedule keeps what was left to the day, though later orders lifted and went back.
    """
    rank, until = promise
    if rank < step.rank or (rank == step.rank and not _is_earlier(step.kept_until, until)):
        return step
    return replace(step, rank=rank, kept_until=until, is_counted=False, is_given=False)


def _past(counted: Sequence[Counted], ladder: LadderTerms, at: datetime) -> int:
    """Return the rank that orders from before the levels were set carry."""
    old = [one for one in counted if ladder.set_at is not None and one.at < ladder.set_at]
    return deserved(counted=old, ladder=ladder, at=at)[0] if old else 0


def span_to_keep(
    *, window: str, at: datetime, kept_until: datetime, zone: str, since: date | None = None
) -> tuple[datetime | None, datetime | None]:
    """
    Return the span (first instant, first that no longer counts) whose orders keep a level past its date.

    Of periods it is the last one that reaches the date. The one before carries to that one's end, so where the date of
    a level that was given lies within it, that one keeps it too, as long as it lasts.
    """
    if window in PERIODS:
        last = span(window=window, at=max(at, kept_until - timedelta(microseconds=1)), zone=zone, since=since)
        now = span(window=window, at=at, zone=zone, since=since)
        return now if now[1] == last[0] and last[1] != kept_until else last
    return span(window=window, at=max(at, kept_until), zone=zone)


def next_end(*, ladder: LadderTerms, at: datetime) -> datetime:
    """Return until when a level is kept that somebody came down to: the end of the period, or a window from now."""
    if ladder.window in PERIODS:
        return _start(ladder.window, at, ladder.zone, ladder.since, 1)
    today, months = periods.local_day(at=at, zone=ladder.zone), ROLLS.get(ladder.window, 12)
    return periods.start_of_day(day=periods.add_months(day=today, months=months) + timedelta(days=1), zone=ladder.zone)
