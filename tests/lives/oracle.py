"""
What must stand on each account: an oracle in plain Python that imports nothing of the product.

It reads the shop's own rows and what the life tells it of itself (what was set when, who used how many points, which
jobs ran). Its rules are those of the documentation: `docs/explanation/rounding.md`, `docs/howto/refunds.md`,
`docs/reference/statuses.md`. Where an order is changed after it was placed:

- what was true when it was seen first stays true: sets, amounts, terms, the level, whether it was the first;
- pieces that stand on another line of the same product are the same pieces (split, merged, entered again), first of
  all on one that costs the same for as many; a piece that came back is one of those that were there first, a piece that
  staff take off is one of the last;
- what comes later is a part of its own and costs what its line costs beyond the pieces that were known;
- a price that staff change moves nothing; a discount that they take away brings back the points that paid it;
- dead, deleted before its return period was over, or without a line left, it came to nothing for everybody;
- given to somebody else, it stays what it was for whom it belonged to first;
- what it has of a budget goes back with its points and comes again by as much, as far as the budget has it by then;
  what was left for it of a budget, a day, a month or a member when it was counted stays decided;
- placed by somebody whose orders bring nothing then, it never brings anything;
- what campaigns planned or gave for it, or for a level or a goal that it carried, goes with it (`campaigns`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from . import counting, rows
from .campaigns import Campaigns
from .counting import Bonus, Has, Part, Rule, Terms
from .goals import Goal, reached
from .ladder import stands

SETTLED = timedelta(days=60)
PIPELINE = ("Pending", "Being processed", "Shipped", "Delivered")


@dataclass(kw_only=True, slots=True)
class Known:
    """An order as the oracle knows it. `used` are the points that its buyer used, `back` those that came back."""

    placed_at: datetime
    terms: Terms
    rules: list[Rule]
    parts: list[Part] = field(default_factory=list)
    owner: int | None = None
    is_counted: bool = False
    bonuses: list[Bonus] = field(default_factory=list)
    status: str = ""
    dead: bool = False
    gone_for_good: bool = False
    products: dict[int, int | None] = field(default_factory=dict)
    is_over: bool = False
    final_at: datetime | None = None
    was_final: bool = False
    ready_at: datetime | None = None
    used: int = 0
    back: int = 0
    #: By the code of a rule: what it has of what the rule gives in all, and where it met an end of that, how much each
    #: time that something of it was counted.
    has: dict[str, Has] = field(default_factory=dict)
    bound: list[dict[str, int]] = field(default_factory=list)
    #: Points for which no budget had anything left when it stood again.
    short: int = 0
    looked: Any = None
    #: Parts that came while it was dead, which are counted once it stands.
    waiting: list[Part] = field(default_factory=list)

    @property
    def left(self) -> int:
        """What is left of what it brought, whatever budgets have."""
        if self.dead or not self.is_counted:
            return 0
        return min(self.points, counting.left(parts=self.parts, bonuses=self.bonuses, terms=self.terms))

    @property
    def points(self) -> int:
        """What it brought in all."""
        return sum(part.points for part in self.parts) + sum(bonus.points for bonus in self.bonuses)

    @property
    def earned(self) -> int:
        """What it brings now."""
        return max(0, self.left - self.short)

    @property
    def goods(self) -> int:
        """What stays paid for its goods (cents)."""
        return 0 if self.dead else sum(part.left_of(part.incl) for part in self.parts)


@dataclass(kw_only=True, slots=True)
class Tie:
    """A newcomer and who brought them, with what was promised then."""

    giver: int
    newcomer: int
    bound_at: datetime
    giver_points: int
    newcomer_points: int
    least: int
    order: int | None = None
    is_rewarded: bool = False
    is_blocked: bool = False
    ready_at: datetime | None = None


@dataclass(kw_only=True, slots=True)
class Gift:
    """Points that a level brought: on the way until the orders that carried the climb can go back no more."""

    points: int
    ready_at: datetime | None = None


@dataclass(kw_only=True, slots=True)
class Held:
    """
    A reward of a member: the orders that used it, and whether the last one does now; is it not owed, it goes back.
    """

    orders: list[int] = field(default_factory=list)
    is_used: bool = False
    is_owed: bool = True

    @property
    def order(self) -> int | None:
        """The order that used it last."""
        return self.orders[-1] if self.orders else None

    def state(self) -> str:
        """Return what it is now."""
        return "used" if self.is_used else "open" if self.is_owed else "back"


@dataclass(kw_only=True, slots=True)
class Sums:
    """What must stand on one account. `may_wait` are points whose day has come and that no job has made ready."""

    net: int
    waiting: int
    may_wait: int
    reserved: int


class Oracle:
    """Told what happens, asked what must stand."""

    def __init__(self, *, set_ranges: dict[str, int], zone: str) -> None:
        self.set_ranges, self.zone = set_ranges, zone
        self.settings, self.rules, self.levels = Terms(), [], None
        self.campaigns: Campaigns | None = None
        self.gifts: tuple[int, ...] = ()
        self.counts_from = ""
        self.orders: dict[int, Known] = {}
        self.ranks: dict[int, list[tuple[datetime, int, datetime | None]]] = defaultdict(list)
        self.held: dict[int, dict[int, Gift]] = defaultdict(dict)
        self.ties: dict[int, Tie] = {}
        self.given: dict[int, int] = defaultdict(int)
        self.acts: dict[tuple[int, str], int] = {}
        self.budgets: dict[str, list[int | None]] = {}
        #: code -> the most that the rule gives all members together, and how much orders have of it
        self.rule_budgets: dict[str, list[int]] = {}
        #: Since when, until when, and whether orders go on bringing points.
        self.freezes: dict[int, list[tuple[datetime, datetime | None, bool]]] = defaultdict(list)
        self.aside: dict[int, tuple[int, int]] = {}
        self.worths: dict[int, tuple[int, int]] = {}
        self.quota, self.was_full = None, False
        self.reserved: dict[int, int] = {}
        self.bought: dict[int, set[int]] = defaultdict(set)
        self.places: dict[int, int] = {}
        self.prints: dict[int, Any] = {}
        self.ready: set[tuple[str, int]] = set()
        self.review_points = 0
        #: Their name and whose they are.
        self.claims: dict[tuple[str, int], Held] = {}
        self.goal: Goal | None = None
        #: Since when somebody has reached the goal, once for each time.
        self.reached: dict[int, list[datetime]] = defaultdict(list)

    # Told ------------------------------------------------------------------------------------------------------------

    def say(self, rule: Rule) -> None:
        """A rule says something else from now on."""
        self.rules.append(rule)
        if rule.budget is not None:
            self.rule_budgets.setdefault(rule.code, [0, 0])[0] = rule.budget

    def freeze(self, member: int, at: datetime, *, until: datetime | None, earns: bool) -> None:
        """Somebody's points cannot be used from now on."""
        self.thaw(member, at)
        self.freezes[member].append((at, until, earns))

    def thaw(self, member: int, at: datetime) -> None:
        """They can be used again."""
        if self.is_frozen(member, at):
            since, _until, earns = self.freezes[member][-1]
            self.freezes[member][-1] = since, at, earns

    def is_frozen(self, member: int, at: datetime) -> bool:
        """Return whether somebody's points can't be used now."""
        return any(since <= at and (until is None or at < until) for since, until, _earns in self.freezes[member])

    def sold(self, order: int, product: int, quantity: int) -> None:
        """An order took pieces of the sale."""
        self.bought[order].add(product)
        self.places[order] = self.places.get(order, 0) + quantity

    # Looking ---------------------------------------------------------------------------------------------------------

    def look(self, ids: Iterable[int], at: datetime) -> None:
        """The product looks at these orders now."""
        wanted = sorted(set(ids))
        if not wanted:
            return
        found = rows.orders(wanted)
        counted = [pk for pk in wanted if pk in self.orders and self.orders[pk].is_counted]
        seen = []
        for pk in counted:
            if self._see(pk, found.get(pk), at):
                self._settle_budgets(pk, found.get(pk))
                seen.append(pk)
        # Those that were placed first get what is left of budgets; what of them is gone already goes back afterwards.
        fresh = [pk for pk in wanted if pk not in counted]
        fresh.sort(key=lambda pk: (found[pk].placed_at, pk) if pk in found else (at, pk))
        fresh = sorted(pk for pk in fresh if self._see(pk, found.get(pk), at))
        for pk in fresh:
            self._settle_budgets(pk, found.get(pk))
        seen += fresh
        for order in (self.orders[pk] for pk in seen):
            over = order.placed_at if order.dead else order.final_at
            order.is_over = order.gone_for_good or (over is not None and over + SETTLED < at)
        for pk in seen:
            self._settle_reward(pk)
        touched = sorted({self.orders[pk].owner for pk in seen} - {None})
        self._reach(touched, at)
        self.settle(touched, at)
        if self.campaigns:
            self.campaigns.follow([(pk, self.orders[pk]) for pk in sorted(seen)], at)
            self._owe_gifts()
        for pk in sorted(seen, key=lambda pk: (self.orders[pk].placed_at, pk)):
            self._follow(pk, at)

    def _settle_reward(self, pk: int) -> None:
        """A reward stays used while any of its order's goods stay; the order that used it last may use it again."""
        order = self.orders[pk]
        if order.gone_for_good and not order.dead:
            return
        is_used = not order.dead and any(part.gone < part.quantity for part in order.parts)
        for held in self.claims.values():
            if held.order == pk:
                held.is_used = is_used

    def unsettled(self) -> list[int]:
        """Return the known orders that the nightly job looks at: those not over for 60 days at their last look."""
        return [pk for pk, order in self.orders.items() if not order.is_over]

    def is_settled(self, pk: int, at: datetime) -> bool:
        """Return whether the return period of an order is over."""
        order = self.orders.get(pk)
        if order is None or order.final_at is None:
            return False
        return order.gone_for_good or order.final_at + timedelta(days=order.terms.hold_days) <= at

    def _see(self, pk: int, row: Any, at: datetime) -> bool:
        known = self.orders.get(pk)
        if row is None:
            return known is not None and self._lost(pk, known, at)
        if known is None:
            if not row.lines:
                return False
            known = self.orders[pk] = self._first_look(row)
        row = self._as_it_was(known, row)
        self._date(known, row, at)
        known.status, known.dead = row.status, row.status in rows.DEAD
        self._parts(pk, known, row)
        if pk in self.worths and not known.used:
            self._use(known, row, *self.worths[pk])
        if known.owner is None and row.user is not None:
            known.owner, known.terms.is_first = row.user, self._is_first(pk, row.user, known.placed_at)
        if known.owner is not None and not known.dead and not known.is_counted:
            self._count(pk, known, at)
        known.back = known.used if known.dead else sum(part.back for part in known.parts)
        self._keep_places(pk, known, row)
        return True

    def _count(self, pk: int, known: Known, at: datetime) -> None:
        known.is_counted = True
        known.terms.rank, known.terms.percent = self._level_at(known)
        known.terms.is_first = known.terms.is_first and not self._had_first(pk, known.owner)
        known.terms.is_frozen = any(
            not earns and since <= known.placed_at and (until is None or known.placed_at < until)
            for since, until, earns in self.freezes[known.owner]
        )
        if not known.terms.is_frozen:
            self._bring(pk, known, (), known.parts)
        if known.ready_at is not None and known.ready_at <= at:
            self.ready.add(("order", pk))

    def _bring(self, pk: int, known: Known, old: Iterable[Part], new: list[Part]) -> None:
        """Count what new parts bring, as far as there is room for it, and take that from budgets."""
        rooms = self._rooms(pk, known)
        has = {code: there.points for code, there in known.has.items()}
        said = counting.count(
            known=list(old), new=new, rules=known.rules, terms=known.terms, rooms=rooms, has=has,
            had={bonus.rule.code for bonus in known.bonuses},
        )  # fmt: skip
        known.bound.append(said.bound)
        known.bonuses = [*known.bonuses, *said.bonuses]
        budgets = {rule.code: rule.budget for rule in known.rules}
        for code, points in said.given.items():
            there = known.has.setdefault(code, Has(points=0, held=0, budget=budgets[code]))
            there.points, there.held = there.points + points, there.held + points
            if there.budget is not None:
                self.rule_budgets[code][1] += points

    def _rooms(self, pk: int, known: Known) -> dict[str, int]:
        """Return how much an order may have of each rule that is counted, what it has of it with it."""
        found = {}
        for rule in known.rules:
            if not rule.is_counted():
                continue
            mine = known.has[rule.code].points if rule.code in known.has else 0
            rooms = [
                max(mine, points - self._had_in(period, rule.code, pk, known))
                for period, points in rule.caps
                if period != "order"
            ]
            if rule.budget is not None:
                most, taken = self.rule_budgets[rule.code]
                rooms.append(mine + max(0, min(most, rule.budget) - taken))
            found[rule.code] = min(rooms)
        return found

    def _had_in(self, period: str, code: str, pk: int, known: Known) -> int:
        """Return what other orders of a member's day or month have of a rule; of all without a period."""
        zone, letters = ZoneInfo(self.zone), {"day": 10, "month": 7, "": 0}[period]
        day = known.placed_at.astimezone(zone).date().isoformat()[:letters]
        return sum(
            other.has[code].held
            for number, other in self.orders.items()
            if number != pk and other.owner == known.owner and code in other.has
            and other.placed_at.astimezone(zone).date().isoformat()[:letters] == day
        )  # fmt: skip

    def _settle_budgets(self, pk: int, row: Any) -> None:
        """
        What an order has of budgets is what its points need; what stands again takes what there is, and the rest once
        it is back, when the order is changed again or in the night.
        """
        known = self.orders[pk]
        told = (row and (row.lines, row.user, row.status), known.dead, known.final_at, known.left)
        if not known.is_counted or known.looked == told:
            return
        known.looked, known.short = told, 0
        for code, has in known.has.items():
            wanted = -(-has.points * known.left // known.points) if known.points else 0
            change = wanted - has.held
            if has.budget is not None:
                most, taken = self.rule_budgets[code]
                room = max(0, min(most, has.budget) - taken)
                known.short += max(0, change - room)
                change = min(change, room) if change > 0 else change
                self.rule_budgets[code][1] += change
            has.held += change

    def forget_short(self) -> list[int]:
        """Forget how the orders stood that budgets had not all for, as the night looks at them again; return them."""
        found = [pk for pk, known in self.orders.items() if known.short]
        for pk in found:
            self.orders[pk].looked = None
        return found

    def _lost(self, pk: int, known: Known, at: datetime) -> bool:
        """An order was deleted: it never was, unless its return period is over."""
        if known.gone_for_good:
            return False
        hold = timedelta(days=known.terms.hold_days)
        known.gone_for_good = True
        if known.final_at is None or known.final_at + hold > at:
            known.dead, known.back = True, known.used
            self._keep_places(pk, known, None)
        return True

    def _first_look(self, row: Any) -> Known:
        now = self.settings
        terms = Terms(
            rounding=now.rounding, stage=now.stage, base=now.base, excluded=now.excluded, hold_days=now.hold_days,
            percents=dict(now.percents),
        )  # fmt: skip
        return Known(placed_at=row.placed_at, terms=terms, rules=counting.in_force(self.rules, row.placed_at))

    def _date(self, known: Known, row: Any, at: datetime) -> None:
        """Know since when it is delivered; a day that has not come yet moves with the status."""
        is_final = row.status == rows.FINAL
        if row.status not in rows.DEAD:
            told = [moment for moment, status in row.changes if status == rows.FINAL]
            fresh = (
                (told[-1] if told else known.final_at if known.was_final and known.final_at else at)
                if is_final
                else None
            )
            if known.ready_at is None or known.ready_at > at:
                known.final_at = fresh
            known.was_final = is_final
        hold = timedelta(days=known.terms.hold_days)
        if known.ready_at is None or known.ready_at > at:
            known.ready_at = known.final_at + hold if known.final_at else None
            if known.ready_at is not None and known.ready_at <= at:
                self.ready.add(("order", row.order))

    # Parts -----------------------------------------------------------------------------------------------------------

    def _parts(self, pk: int, known: Known, row: Any) -> None:
        places = self._places(known, row)
        free = {line.line: line.quantity - sum(places[line.line].values()) for line in row.lines}
        late = [line for line in row.lines if free[line.line]]
        new = [self._late(known, line, free[line.line], places[line.line]) for line in late]
        if known.is_counted and not known.terms.is_frozen:
            known.waiting += new
        if known.waiting and not known.dead:
            before = [part for part in known.parts if not any(part is one for one in known.waiting)]
            self._bring(pk, known, before, known.waiting)
            known.waiting = []
        for line, part in zip(late, new, strict=True):
            places[line.line][len(known.parts)] = part.quantity
            known.parts.append(part)
        self._gone(known, row, places)

    def _as_it_was(self, known: Known, row: Any) -> Any:
        """Return an order whose lines are still what they were when their products are deleted."""
        there = [line for line in row.lines if line.product is not None]
        known.products |= {line.line: line.product for line in there} | {line.title: line.product for line in there}
        was = known.products
        lines = (replace(one, product=was.get(one.line, was.get(one.title))) for one in row.lines)
        return replace(row, lines=tuple(lines))

    def _places(self, known: Known, row: Any) -> dict[int, dict[int, int]]:
        """Find where the pieces of each part are now: line -> part number -> pieces."""
        places: dict[int, dict[int, int]] = {line.line: {} for line in row.lines}
        missing = [part.quantity for part in known.parts]

        def put(number: int, line: Any) -> None:
            pieces = min(missing[number], line.quantity - sum(places[line.line].values()))
            if pieces > 0:
                places[line.line][number] = places[line.line].get(number, 0) + pieces
                missing[number] -= pieces

        for fits in (_is_own, _is_the_same, _is_of_its_product):
            for number, part in enumerate(known.parts):
                for line in row.lines:
                    if fits(part, line):
                        put(number, line)
        return places

    def _late(self, known: Known, line: Any, pieces: int, there: dict[int, int]) -> Part:
        def beyond(now: int, name: str) -> int:
            had = sum(
                Fraction(getattr(known.parts[n], name) * some, known.parts[n].quantity) for n, some in there.items()
            )
            return max(0, now - counting.rounded(Fraction(had), "half_up"))

        return Part(
            line=line.line, product=line.product, quantity=pieces, incl=beyond(line.incl, "incl"),
            excl=beyond(line.excl, "excl"), list=beyond(line.before, "list"), sets=self._sets(line.product),
        )  # fmt: skip

    def _gone(self, known: Known, row: Any, places: dict[int, dict[int, int]]) -> None:
        there, there_now = [0] * len(known.parts), [[0, Fraction(0), Fraction(0)] for _part in known.parts]
        for line in row.lines:
            back = line.gone
            for number, pieces in sorted(places[line.line].items()):
                returned = min(back, pieces)
                there[number] += pieces - returned
                back -= returned
                there_now[number][0] += pieces
                there_now[number][1] += Fraction(line.incl * pieces, line.quantity)
                there_now[number][2] += Fraction(line.before * pieces, line.quantity)
        for number, part in enumerate(known.parts):
            part.gone = part.quantity - there[number]
            part.back = part.used * part.gone // part.quantity
            part.back += self._withdrawn(part, *there_now[number])

    def _withdrawn(self, part: Part, pieces: int, paid: Fraction, listed: Fraction) -> int:
        """Return how many points come back because the discount that they paid for was taken away."""
        share = Fraction(pieces, part.quantity)
        granted = part.off - part.off * part.gone // part.quantity
        dearer, less = paid - part.incl * share, (part.list - part.incl) * share - (listed - paid)
        minor = counting.rounded(max(Fraction(0), min(dearer, less)), "half_up")
        rest = part.used - part.used * part.gone // part.quantity
        return rest * min(minor, granted) // granted if minor and granted else 0

    def _sets(self, product: int | None) -> frozenset[str]:
        return frozenset(code for code, pk in self.set_ranges.items() if product in rows.in_range(pk))

    # Used points -----------------------------------------------------------------------------------------------------

    def _use(self, known: Known, row: Any, points: int, minor: int) -> None:
        """See on the order's lines what points took off (`points` bought `minor` cents): points follow their cents."""
        off = {line.line: 0 if line.is_gift else line.before - line.incl for line in row.lines}
        known.used = -(-sum(off.values()) * points // minor)
        for part, share in zip(
            known.parts, counting.spread(known.used, [off[p.line] for p in known.parts]), strict=True
        ):
            part.used, part.off = share, off[part.line]

    # The sale --------------------------------------------------------------------------------------------------------

    def _keep_places(self, pk: int, known: Known, row: Any) -> None:
        """An order that changed has as many pieces of the sale as it has of what it bought there, and as there are."""
        told = (row and (row.lines, row.status), known.dead)
        if self.prints.get(pk) == told or pk not in self.places:
            return
        self.prints[pk] = told
        left = sum(part.quantity - part.gone for part in known.parts if part.product in self.bought[pk])
        change = (0 if known.dead else left) - self.places[pk]
        room = change if self.quota is None else min(change, max(0, self.quota - self.taken()))
        self.places[pk] += change if change < 0 else room
        self.was_full = self.was_full or room < change

    def taken(self) -> int:
        """Return how many pieces of the sale are bought or reserved."""
        return sum(self.places.values()) + sum(self.reserved.values())

    # Levels ----------------------------------------------------------------------------------------------------------

    def _level_at(self, known: Known) -> tuple[int, int]:
        """Return the level of an order's owner when it was placed, and the percent that it brought."""
        found = [rank for since, rank, _until in self.ranks[known.owner] if since <= known.placed_at]
        rank = found[-1] if found and self.levels else 0
        return rank, known.terms.percents.get(rank, 100) if rank else 100

    def _is_first(self, pk: int, user: int, placed_at: datetime) -> bool:
        """Return whether nothing that somebody placed before stands, whoever has it now."""
        given = {other for other, order in self.orders.items() if order.owner not in (None, user)}
        before = [(moment, other) for moment, other in rows.standing(user) if other not in given]
        now = rows.statuses()
        away = [
            (order.placed_at, other)
            for other, order in self.orders.items()
            if order.owner == user and other != pk and not (now[other] in rows.DEAD if other in now else order.dead)
        ]
        return not any(one < (placed_at, pk) for one in (*before, *away))

    def _had_first(self, pk: int, owner: int) -> bool:
        return any(
            order.earned > 0 and order.bonuses
            for other, order in self.orders.items()
            if other != pk and order.owner == owner
        )

    def settle(self, members: Iterable[int], at: datetime) -> None:
        """See where these members stand by what their orders count."""
        for member in members if self.levels else ():
            counted = sorted((o.placed_at, self._value(o)) for o in self.orders.values() if o.owner == member)
            rank, until = stands([one for one in counted if one[1]], self.levels, at)
            before = self.ranks[member][-1] if self.ranks[member] else (None, 0, None)
            if rank != before[1]:
                self.ranks[member].append((at, rank, until))
                self._gifts(member, before[1], rank)
                if self.campaigns:
                    self._tell_of_level(member, before[1], rank, at)
            elif rank:
                self.ranks[member][-1] = (before[0], rank, until)
            self._date_gifts(member, at)

    def _tell_of_level(self, member: int, before: int, rank: int, at: datetime) -> None:
        """A climb is told, once, of the level that it led to; a fall takes back what the levels above had brought."""
        if rank > before:
            detail = f"{rank}:{self.campaigns.day_of(at).isoformat()}"
            self.campaigns.tell("level", member=member, detail=detail, at=at)
        if rank < before:
            climb = list(takewhile(lambda one: one[1] > rank, reversed(self.ranks[member][:-1])))
            self.campaigns.fell(member, rank=rank, since=climb[-1][0], at=at)

    def _gifts(self, member: int, before: int, rank: int) -> None:
        for level, points in enumerate(self.gifts, start=1):
            if level > rank:
                self.held[member].pop(level, None)
                self.ready.discard(("gift", 10 * member + level))
            elif level > before and points:
                self.held[member].setdefault(level, Gift(points=points))

    def _date_gifts(self, member: int, at: datetime) -> None:
        for level, gift in self.held[member].items():
            if gift.ready_at is not None and gift.ready_at <= at:
                continue
            since = self.ranks[member][-1][0]
            safe = self._safe_from(member, level, since)
            gift.ready_at = safe and max(safe, since)
            if gift.ready_at is not None and gift.ready_at <= at:
                self.ready.add(("gift", 10 * member + level))

    def _safe_from(self, member: int, level: int, since: datetime) -> datetime | None:
        """Return from when on orders that can go back no more carry a level."""
        own = [
            (order.final_at + timedelta(days=order.terms.hold_days), order.placed_at, self._value(order))
            for order in self.orders.values()
            if order.owner == member and order.final_at is not None and self._value(order)
        ]
        for moment in sorted(safe for safe, _day, _value in own):
            counted = [(day, value) for safe, day, value in own if safe <= moment]
            if stands(counted, self.levels, since)[0] >= level:
                return moment
        return None

    def _value(self, order: Known) -> int:
        if not self._counts(order):
            return 0
        if self.levels.metric == "orders":
            return int(order.goods > 0)
        return order.earned if self.levels.metric == "points" else order.goods

    def _counts(self, order: Known) -> bool:
        """Return whether an order has come far enough to count."""
        return not self.counts_from or order.status in PIPELINE[PIPELINE.index(self.counts_from) :]

    # Goals -----------------------------------------------------------------------------------------------------------

    def _reach(self, members: Iterable[int], at: datetime) -> None:
        """See how often these members reach the goal by what their orders count."""
        for member in members if self.goal else ():
            mine = [order for order in self.orders.values() if order.owner == member]
            moments = reached([(order.placed_at, self._stamps(order)) for order in mine], self.goal)
            times = len(moments)
            before, since = len(self.reached[member]), self.reached[member][:times]
            self.reached[member] = since + [at] * (times - len(since))
            if self.campaigns:
                self._tell_of_goal(member, before, moments, at)
            if not self.goal.points:
                self._owe(member, times)

    def _tell_of_goal(self, member: int, before: int, moments: Sequence[datetime], at: datetime) -> None:
        for number, placed_at in enumerate(moments[before:], before + 1):
            detail = f"{self.campaigns.goal}:{number}"
            self.campaigns.tell("goal", member=member, detail=detail, placed_at=placed_at, at=at)
        for number in range(before, len(moments), -1):
            source = f"goal:{self.campaigns.goal}:{number}"
            self.campaigns.withdraw(source, member=member, why="goal_missed", at=at)

    def _owe(self, member: int, times: int) -> None:
        """Somebody has the reward of the goal so often; one that was used meanwhile stays used."""
        for number in range(1, times + 1):
            self.claims.setdefault((f"card:{number}", member), Held()).is_owed = True
        for (name, whose), held in self.claims.items():
            if whose == member and name.startswith("card:"):
                held.is_owed = int(name.partition(":")[2]) <= times

    def _stamps(self, order: Known) -> int | frozenset[str]:
        """Return what an order counts for the goal."""
        if order.dead or not self._counts(order):
            return 0
        if self.goal.metric in ("spend", "orders"):
            return order.goods if self.goal.metric == "spend" else int(order.goods > 0)
        kept = [part for part in order.parts if part.incl and part.gone < part.quantity]
        if self.goal.metric == "sets":
            return frozenset(code for part in kept for code in part.sets if code in self.goal.sets)
        wanted = frozenset(self.goal.sets)
        return sum(part.quantity - part.gone for part in kept if not wanted or wanted & part.sets)

    # Friends ---------------------------------------------------------------------------------------------------------

    def _follow(self, pk: int, at: datetime) -> None:
        order = self.orders[pk]
        tie = next((tie for tie in self.ties.values() if tie.order == pk), None) or self.ties.get(order.owner or 0)
        if tie is not None and order.placed_at < tie.bound_at:
            self._reconsider(order, pk, tie, at)
            return
        if tie is None or tie.order not in (None, pk):
            return
        is_worth = order.goods >= max(1, tie.least)
        if tie.order is None:
            if not is_worth:
                return
            tie.order, tie.is_blocked = pk, self._was_customer(tie)
        tie.is_rewarded = is_worth and not tie.is_blocked
        tie.ready_at = order.ready_at
        if tie.ready_at is not None and tie.ready_at <= at:
            self.ready |= {("giver", tie.newcomer), ("newcomer", tie.newcomer)}
        if order.dead:
            tie.order, tie.is_blocked = None, False
            self.look(rows.since(tie.newcomer, tie.bound_at), at)

    def _was_customer(self, tie: Any) -> bool:
        others = {other for other, one in self.orders.items() if one.owner not in (None, tie.newcomer)}
        return bool(rows.bought_before(tie.newcomer, tie.bound_at) - others)

    def _reconsider(self, order: Known, pk: int, tie: Any, at: datetime) -> None:
        """An order from before came to nothing, or stands again: whether the newcomer was a customer is asked anew."""
        if tie.order is None or (tie.order < pk and not order.dead) or order.dead != tie.is_blocked:
            return
        before, tie.is_blocked = tie.is_blocked, self._was_customer(tie)
        if tie.is_blocked != before:
            self._follow(tie.order, at)

    # Campaigns -------------------------------------------------------------------------------------------------------

    def night_of_campaigns(self, at: datetime, *, zone: str) -> None:
        """The job that carries out campaigns ran; `zone` is the one by which the shop counts days."""
        if self.campaigns:
            self.campaigns.night(
                at, zone=zone, rank_of=self._rank_now, is_frozen=lambda member: self.is_frozen(member, at)
            )
            self._owe_gifts()

    def _rank_now(self, member: int) -> int:
        return self.ranks[member][-1][1] if self.ranks[member] else 0

    def _owe_gifts(self) -> None:
        """Members have the rewards of campaigns that stand; one that was used meanwhile stays used."""
        for key, member, is_owed in self.campaigns.rewards():
            self.claims.setdefault((key, member), Held()).is_owed = is_owed

    def act(self, member: int, source: str, code: str, points: int) -> bool:
        """Somebody does what brings points, once for each source and while the budget lasts."""
        budget, given = self.budgets[code]
        if (member, source) in self.acts or (budget is not None and given + points > budget):
            return False
        self.acts[member, source] = points
        self.budgets[code][1] += points
        return True

    def review(self, reviewed: Iterable[tuple[int, int | None]]) -> None:
        """
        Look at reviews, all of a member's or that of one product: approved, and the writer kept a piece of it.

        One that waits for its goods is looked at again by the night, not when they arrive.
        """
        for member, product in reviewed:
            shown = {pk for pk in rows.reviews_of(member) if product in (None, pk)}
            due = {f"review:{pk}" for pk in shown if self._kept(member, pk)}
            looked_at = "review:" if product is None else f"review:{product}"
            for (who, source), points in list(self.acts.items()):
                is_looked_at = source.startswith("review:") and looked_at in ("review:", source)
                if who == member and is_looked_at and source not in due:
                    del self.acts[who, source]
                    self.budgets["review"][1] -= points
            for source in sorted(due):
                self.act(member, source, "review", self.review_points)

    def _kept(self, member: int, product: int) -> bool:
        now = rows.statuses()
        if any(self._is_news(pk, member, product) for pk in rows.delivered(member, product)):
            return True
        return any(
            order.owner == member and not (now[pk] in rows.DEAD if pk in now else order.dead)
            and (order.final_at is not None or now.get(pk) == rows.FINAL)
            and any(part.product == product and part.gone < part.quantity for part in order.parts)
            for pk, order in self.orders.items()
        )  # fmt: skip

    def _is_news(self, pk: int, member: int, product: int) -> bool:
        """Return whether nobody looked at an order yet since a product came to it; whoever looks at a review does."""
        known = self.orders.get(pk)
        return known is None or (known.owner == member and all(part.product != product for part in known.parts))

    # Asked -----------------------------------------------------------------------------------------------------------

    def made_ready(self, at: datetime) -> None:
        """The job that makes points ready ran."""
        for name, pk, ready_at, _points in self._sources():
            if ready_at is not None and ready_at <= at:
                self.ready.add((name, pk))

    def _sources(self, member: int | None = None) -> Iterable[tuple[str, int, datetime | None, int]]:
        """What waits for a day, or waited: name, key, day, points."""
        for pk, order in self.orders.items():
            if order.is_counted and member in (None, order.owner):
                yield "order", pk, order.ready_at, order.earned
        for newcomer, tie in self.ties.items():
            for side, who, points in (
                ("giver", tie.giver, tie.giver_points),
                ("newcomer", newcomer, tie.newcomer_points),
            ):
                if member in (None, who):
                    yield side, newcomer, tie.ready_at, points if tie.is_rewarded else 0
        for who in self.held if member is None else (member,):
            for level, gift in self.held.get(who, {}).items():
                yield "gift", 10 * who + level, gift.ready_at, gift.points

    def sums(self, member: int, at: datetime) -> Sums:
        """Return what must stand on somebody's account."""
        sources = list(self._sources(member))
        orders = [order for order in self.orders.values() if order.owner == member]
        net = self.given[member] + sum(points for _name, _pk, _day, points in sources)
        net += sum(order.back - order.used for order in orders)
        net += sum(points for (who, _source), points in self.acts.items() if who == member)
        net += self.goal.points * len(self.reached[member]) if self.goal else 0
        net += self.campaigns.points(member) if self.campaigns else 0
        waiting = sum(points for _name, _pk, day, points in sources if day is None or day > at)
        may = sum(points for name, pk, day, points in sources if day and day <= at and (name, pk) not in self.ready)
        reserved = sum(points for who, points in self.aside.values() if who == member)
        return Sums(net=net, waiting=waiting, may_wait=may, reserved=reserved)


def _is_own(part: Part, line: Any) -> bool:
    return line.line == part.line and line.product in (part.product, None)


def _is_the_same(part: Part, line: Any) -> bool:
    """A gift that is entered again is the gift, and not one of the pieces that were paid for."""
    return _is_of_its_product(part, line) and (line.quantity, line.incl) == (part.quantity, part.incl)


def _is_of_its_product(part: Part, line: Any) -> bool:
    return part.product is not None and line.product == part.product
