"""
The ledger once more, as plain as can be: lists in memory, no database, no history, no keys.

It shares no line with the real one. Time is a number of hours; lots stand in the order in which they were made.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

GRACE = 30 * 24
#: How long a gateway takes at most, and points stay in a basket beyond their date.
GATEWAY = 3


class Refused(Exception):
    """The real ledger has to refuse this as well."""


@dataclass
class Lot:
    """Points that came together: `free` and `held` are left; `expired` is what ran out."""

    owner: int
    source: str
    granted: int
    free: int
    ready_at: int | None
    until: int | None
    waiting: bool
    first: int | None
    held: int = 0
    graced: bool = False
    expired: int = 0


@dataclass
class Part:
    """What a hold took from one lot, used of it, and got back."""

    lot: Lot
    points: int
    used: int = 0
    returned: int = 0


@dataclass
class Hold:
    """Points set aside."""

    owner: int
    slot: str | None
    points: int
    asked: int
    parts: list[Part]
    ends: float
    state: str = "open"
    captured: int = 0
    returned: int = 0
    forgiven: int = 0


@dataclass
class Reference:
    """What some accounts have, and what may be done to them."""

    accounts: int
    now: int = 0
    lots: list[Lot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    debt: list[int] = field(default_factory=list)
    shop_bears: bool = False
    paying: set[str] = field(default_factory=set)

    def __post_init__(self):
        self.debt = self.debt or [0] * self.accounts

    # Looking ---------------------------------------------------------------------------------------------------------

    def balance(self, owner: int) -> tuple[int, int, int, int]:
        """Ready, on the way, set aside, to make up."""
        mine = [lot for lot in self.lots if lot.owner == owner]
        ready = sum(lot.free for lot in mine if not lot.waiting)
        coming = sum(lot.free for lot in mine if lot.waiting)
        return ready, coming, sum(lot.held for lot in mine), self.debt[owner]

    def in_order(self, owner: int) -> list[Lot]:
        """An account's lots, soonest to run out first, then oldest."""
        mine = [(n, lot) for n, lot in enumerate(self.lots) if lot.owner == owner]
        return [lot for _n, lot in sorted(mine, key=lambda row: (row[1].until is None, row[1].until or 0, row[0]))]

    # What every change is made of ------------------------------------------------------------------------------------

    def over(self, lot: Lot) -> bool:
        """Whether a lot has run out."""
        return not lot.waiting and lot.until is not None and lot.until <= self.now

    def run_out(self, lots: list[Lot]) -> None:
        """Let run out what has."""
        for lot in lots:
            if self.over(lot):
                lot.expired, lot.free = lot.expired + lot.free, 0

    def pay(self, owner: int, lots: list[Lot]) -> None:
        """What is ready now pays what is to be made up."""
        for lot in lots:
            if not lot.waiting:
                part = min(self.debt[owner], lot.free)
                lot.free, self.debt[owner] = lot.free - part, self.debt[owner] - part

    def pick(self, owner: int, points: int) -> list[tuple[Lot, int]]:
        """Choose ready points."""
        if self.balance(owner)[0] < points:
            raise Refused
        chosen = []
        for lot in self.in_order(owner):
            part = 0 if lot.waiting else min(lot.free, points)
            if part:
                chosen.append((lot, part))
                points -= part
        return chosen

    def take(self, lots: list[Lot], points: int) -> int:
        """Take what lots have, up to some points; returns what is missing."""
        for lot in lots:
            part = min(lot.free, points)
            lot.free, points = lot.free - part, points - part
        return points

    def let_go(self, hold: Hold) -> None:
        """Give a hold back."""
        for part in hold.parts:
            part.lot.held, part.lot.free = part.lot.held - part.points, part.lot.free + part.points
        hold.state, hold.slot = "released", None
        lots = [part.lot for part in hold.parts]
        self.pay(hold.owner, lots)
        self.run_out(lots)

    def return_to(self, lot: Lot, points: int) -> list[Lot]:
        """Put points back where they came from; what has no room there makes a lot like it."""
        back = min(points, lot.granted - lot.free - lot.held)
        lot.free, rest = lot.free + back, points - back
        if not rest:
            return [lot]
        twin = replace(lot, granted=rest, free=rest, held=0, expired=0)
        self.lots.append(twin)
        return [lot, twin] if back else [twin]

    def settled(self, owner: int, touched: list[Lot], before: int) -> None:
        """What came back pays what is to be made up (lots made since there were `before` first), or runs out."""
        fresh = self.lots[before:]
        self.pay(owner, [*fresh, *(lot for lot in touched if not any(lot is new for new in fresh))])
        self.run_out(touched)

    def take_held(self, owner: int, points: int) -> int:
        """Take what is set aside, newest first, but for baskets that are being paid; returns what is missing."""
        mine = [hold for hold in self.holds if hold.owner == owner and hold.state == "open"]
        for hold in reversed([hold for hold in mine if hold.slot not in self.paying]):
            for part in reversed(hold.parts):
                used = min(points, part.points)
                part.lot.held, part.points, points = part.lot.held - used, part.points - used, points - used
                hold.points -= used
            hold.parts = [part for part in hold.parts if part.points]
            if not hold.points:
                hold.points, hold.state, hold.slot = hold.asked, "released", None
        return points

    def fall_short(self, owner: int, points: int) -> int:
        """What is missing is to be made up, unless the shop bears it; returns what it bears."""
        if self.shop_bears:
            return points
        self.debt[owner] += points
        return 0

    # What may be done ------------------------------------------------------------------------------------------------

    def give(self, owner: int, points: int, source: str, ready_at: int | None, until: int | None) -> None:
        """Give points, ready or on the way."""
        waiting = ready_at is None or ready_at > self.now
        lot = Lot(owner, source, points, points, ready_at, until, waiting, until)
        self.lots.append(lot)
        self.pay(owner, [lot])

    def mature(self, owner: int) -> None:
        """Make ready what is due."""
        for lot in self.in_order(owner):
            if lot.waiting and lot.free and lot.ready_at is not None and lot.ready_at <= self.now:
                lot.waiting = False
                self.pay(owner, [lot])

    def expire(self, owner: int) -> None:
        """Let run out what has."""
        self.run_out(self.in_order(owner))

    def extend(self, lot: Lot, until: int) -> bool:
        """Move a lot's date to a later one."""
        if lot.free + lot.held == 0 or lot.until is None or not self.now < lot.until < until:
            return False
        lot.until = until
        return True

    def hold(self, owner: int, slot: str, points: int, asked: int | None = None) -> None:
        """Set points aside for half an hour; `asked` is what was wanted, where that is more."""
        old = [hold for hold in self.holds if hold.slot == slot]
        if points < 1 or any(hold.owner != owner for hold in old):
            raise Refused
        self.expire(owner)
        for hold in old:
            self.let_go(hold)
        if self.debt[owner]:
            raise Refused
        parts = []
        for lot, part in self.pick(owner, points):
            lot.free, lot.held = lot.free - part, lot.held + part
            parts.append(Part(lot, part))
        self.holds.append(Hold(owner, slot, points, max(asked or points, points), parts, self.now + 0.5))

    def spend(self, owner: int, points: int) -> None:
        """Use points without setting them aside before."""
        if points < 1:
            raise Refused
        self.expire(owner)
        if self.debt[owner]:
            raise Refused
        parts = []
        for lot, part in self.pick(owner, points):
            lot.free -= part
            parts.append(Part(lot, part, used=part))
        self.holds.append(Hold(owner, None, points, points, parts, self.now, state="captured", captured=points))

    def settle(self, owner: int, fates: dict[str, tuple[bool, int | None]], keep: str) -> int:
        """Give back what ran out or whose slot is gone, prolong what lives on; returns how many went back."""
        gone = 0
        for hold in [hold for hold in self.holds if hold.owner == owner and hold.state == "open" and hold.slot != keep]:
            is_gone, until = fates.get(hold.slot, (False, None))
            dates = [part.lot.until for part in hold.parts if part.lot.until is not None]
            if until is not None and dates:  # In a basket that is touched again and again, too.
                until = min(until, min(dates) + GATEWAY)
            hold.ends = max(hold.ends, hold.ends if until is None else until)
            if (is_gone or hold.ends <= self.now) and hold.slot not in self.paying:
                self.let_go(hold)
                gone += 1
        return gone

    def release(self, hold: Hold) -> bool:
        """Give a hold back, if it is open."""
        if hold.state != "open":
            return False
        self.let_go(hold)
        return True

    def capture(self, hold: Hold, points: int) -> None:
        """Use points of a hold."""
        if hold.state != "open" or not 0 < points <= hold.points:
            raise Refused
        left, touched = points, []
        for part in hold.parts:
            part.used = min(left, part.points)
            left -= part.used
            part.lot.held -= part.points
            part.lot.free += part.points - part.used
            touched += [part.lot] if part.points > part.used else []
        hold.state, hold.slot, hold.captured = "captured", None, points
        self.pay(hold.owner, touched)
        self.run_out(touched)

    def restore(self, hold: Hold, points: int, *, goods_returned: bool) -> None:
        """Give used points back to where they came from."""
        if not 0 < points <= hold.captured - hold.returned:
            raise Refused
        really = min(points, hold.captured - hold.returned - hold.forgiven)
        hold.returned, hold.forgiven = hold.returned + points, hold.forgiven - points + really
        touched, before = [], len(self.lots)
        for part in hold.parts:
            back = min(points, part.used - part.returned)
            points, part.returned = points - back, part.returned + back
            lot, back = part.lot, min(back, really)
            if not back:
                continue
            really -= back
            if goods_returned and not lot.graced and lot.until is not None and lot.until < self.now + GRACE:
                lot.until, lot.graced = self.now + GRACE, True
            lot.waiting = False
            touched += self.return_to(lot, back)
        self.settled(hold.owner, touched, before)

    def use_again(self, hold: Hold, points: int) -> None:
        """Use what came back once more: where it came back to, else anything ready or set aside, else it is missing."""
        if not 0 < points <= hold.returned:
            raise Refused
        self.expire(hold.owner)
        hold.returned -= points
        own, left = [], points
        for part in reversed(hold.parts):
            again = min(left, part.returned)
            part.returned, left = part.returned - again, left - again
            own += [part.lot] if again else []
        left = self.take(own, points)
        left = self.take([lot for lot in self.in_order(hold.owner) if not lot.waiting], left)
        hold.forgiven += self.fall_short(hold.owner, self.take_held(hold.owner, left))

    def claw(self, owner: int, source: str, points: int, *, forgiven_before: int) -> int:
        """Take back what a source brought; returns what was forgiven."""
        if points < 1:
            raise Refused
        self.expire(owner)
        own = [lot for lot in self.lots if lot.owner == owner and lot.source == source]
        left = self.take([lot for lot in own if lot.waiting] + [lot for lot in own if not lot.waiting], points)
        forgiven = min(left, max(0, sum(lot.expired for lot in own) - forgiven_before))
        left = self.take([lot for lot in self.in_order(owner) if not lot.waiting], left - forgiven)
        return forgiven + self.fall_short(owner, self.take_held(owner, left))

    def give_back(self, owner: int, source: str, points: int, forgiven: int = 0) -> None:
        """Give back to a source what was taken back from it; what was forgiven never was."""
        own = [lot for lot in self.in_order(owner) if lot.source == source]
        if not 0 < points <= sum(lot.granted for lot in own):
            raise Refused
        points = max(0, points - forgiven)
        touched, before = [], len(self.lots)
        for lot in own:
            room = lot.granted - lot.free - lot.held
            part = points if lot is own[-1] else min(points, room)
            if not part:
                continue
            if lot.free + lot.held == 0:
                lot.waiting = lot.ready_at is None or lot.ready_at > self.now
            touched, points = touched + self.return_to(lot, part), points - part
        self.settled(owner, touched, before)

    def adjust(self, owner: int, points: int, source: str) -> None:
        """Give or take by hand."""
        if points > 0:
            self.give(owner, points, source, self.now, None)
        elif points == 0:
            raise Refused
        else:
            self.expire(owner)
            for lot, part in self.pick(owner, -points):
                lot.free -= part
