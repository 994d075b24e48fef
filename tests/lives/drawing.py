"""Lives that chance draws: the same for the same seed and number, on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from . import steps as does
from .campaigns import OF_ORDERS, Campaign
from .counting import Rule
from .goals import Goal
from .ladder import Levels
from .shop import PRICES
from .stage import ZONE, Start
from .steps import Step

THINGS = len(PRICES)
#: So long a life lasts at most, so that no level and no point ends by itself in it.
LONGEST = timedelta(days=260)


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a life begins with, what happens in it, and which of its orders never was, being `ended` so."""

    name: str
    start: Start
    steps: tuple[Step, ...]
    never: str = ""
    ended: str = "cancelled"

    def __str__(self) -> str:
        begins = [f"{name}={value!r}" for name, value in vars(self.start).items() if value != getattr(Start(), name)]
        told = [f"  {number:2}. {step}" for number, step in enumerate(self.steps, start=1)]
        never = f"and {self.never} never was ({self.ended})" if self.never else ""
        return "\n".join([f"Life {self.name} {never}", f"  Start({', '.join(begins)})", *told])


def draw(*, seed: int, number: int, length: int = 14) -> Life:
    """Draw the life of this number."""
    chance = random.Random(f"{seed}/{number}")
    start = _start(chance)
    start = replace(start, goal=_goal(random.Random(f"{seed}/{number}/goal"), start.reward is not None))
    start = replace(start, gift=_gift(random.Random(f"{seed}/{number}/gift"), start.reward is not None))
    told = _Telling(chance, start, length).tell()
    made = [step.order for step in told if step.makes]
    never = chance.choice(made) if made else ""
    ended = chance.choice(("cancelled", "cancelled", "deleted"))
    if chance.random() < 0.1:
        who, into = chance.sample(range(start.people), 2)
        told.insert(chance.randint(1, len(told)), does.MergesByMistake(who=who, into=into))
    start, told = _with_campaigns(random.Random(f"{seed}/{number}/campaigns"), start, told)
    return Life(name=f"{seed}/{number}", start=start, steps=tuple(told), never=never, ended=ended)


def _some(chance: random.Random, most: int) -> tuple[int, ...]:
    return tuple(sorted(chance.sample(range(THINGS), chance.randint(1, most))))


def _start(chance: random.Random) -> Start:
    def maybe(part: float, value: Callable[[], Any], other: Any = None) -> Any:
        return value() if chance.random() < part else other

    program = {
        "rounding": chance.choice(("floor", "floor", "floor", "half_up", "ceil", "block")),
        "rounding_stage": chance.choice(("order", "order", "order", "line")),
        "earning_base": chance.choice(("as-shown", "as-shown", "incl", "excl")),
        "hold_days": chance.choice((0, 7, 14, 14, 30)),
        "expiry": chance.choice(("never", "months", "months", "inactivity")),
        "expiry_months": chance.choice((12, 12, 12, 12, 1, 2)),
        "debt_policy": chance.choice(("debt", "debt", "debt", "debt", "clamp")),
    }
    people = chance.randint(2, 6)
    return Start(
        at=datetime(2026, chance.randint(2, 9), 2, 10, tzinfo=UTC),
        people=people,
        program=program,
        rules=tuple(rule(chance, code) for code in _codes(chance)),
        sets={code: _some(chance, 3) for code in ("double", "closed", "sale", "useless")},
        excluded=maybe(0.3, lambda: "closed"),
        worth=chance.choice(((100, 100), (100, 100), (3, 1), (10, 7))),
        limits=maybe(0.3, lambda: {"share": chance.choice((30, 50)), "step": chance.choice((1, 50))}, {}),
        friends=maybe(0.4, lambda: (chance.choice((150, 500)), 100, 2000)),
        sale=maybe(0.4, lambda: (chance.randint(3, 8), chance.choice((None, None, 3)))),
        words=maybe(0.4, lambda: ((30, None), (50, chance.choice((70, 120)))), ()),
        review=maybe(0.3, lambda: (25, chance.choice((None, 50)))),
        gifted=tuple(chance.choice((0, 0, 300, 2000)) for _ in range(chance.randint(1, people))),
        reward=maybe(0.4, lambda: chance.choice((100, 500, 5000))),
        rewarded=tuple(chance.choice((1, 1, 2)) for _ in range(people)),
        **maybe(0.65, lambda: _levels(chance), {}),
    )


def _goal(chance: random.Random, has_reward: bool) -> Goal | None:
    if chance.random() < 0.5:
        return None
    metric = chance.choice(("orders", "pieces", "pieces", "spend", "sets"))
    sets = {"pieces": chance.choice(((), ("double",))), "sets": ("double", "useless", "closed")}
    return Goal(
        metric=metric, sets=sets.get(metric, ()), points=chance.choice((0, 0, 20) if has_reward else (20, 300)),
        target=chance.choice({"orders": (1, 2, 3), "pieces": (2, 5), "spend": (5_000, 15_000), "sets": (2, 3)}[metric]),
        window=chance.choice((None, 20, 60)), repeats=chance.random() < 0.6,
    )  # fmt: skip


def _gift(chance: random.Random, has_reward: bool) -> tuple[int, int] | None:
    """Some rewards are a gift: pieces of something that may be in the basket, too."""
    if not has_reward or chance.random() < 0.5:
        return None
    return chance.randrange(THINGS), chance.choice((1, 1, 2))


def _with_campaigns(chance: random.Random, start: Start, told: list[Step]) -> tuple[Start, list[Step]]:
    """Some lives have campaigns: nights in which they are carried out, consent given and withdrawn, birthdays told."""
    if chance.random() < 0.5:
        return start, told
    occasions = [*OF_ORDERS, *OF_ORDERS[:2], "joined", "birthday", "day", "surprise"]
    occasions += ["level"] * 3 if start.levels else []
    occasions += ["goal"] * 3 if start.goal else []
    # A day that comes is one on which the job looks.
    night = chance.randint(1, len(told))
    passed = sum((timedelta(hours=step.hours) for step in told[:night] if isinstance(step, does.Waits)), timedelta())
    kept = (start.at + passed - timedelta(days=chance.choice((0, 0, 2, 6)))).date()
    campaigns = tuple(
        _campaign(chance, code, chance.choice(occasions), (kept.day, kept.month), start) for code in ("c1", "c2", "c3")
    )
    told = [*told[:night], does.Job(name="campaigns"), *told[night:]]
    for place in sorted((chance.randint(0, len(told)) for _night in range(3)), reverse=True):
        told.insert(place, does.Job(name="campaigns"))
    if any(one.says for one in campaigns):
        for who in range(start.people):
            told.insert(chance.randint(0, 2), does.Allows(who=who, yes=chance.random() < 0.7))
        told.insert(chance.randint(2, len(told)), does.Allows(who=0, yes=chance.random() < 0.3))
    if any(one.occasion == "birthday" for one in campaigns):
        birthday = does.TellsBirthday(who=chance.randrange(start.people), day=min(kept.day, 28), month=kept.month)
        told.insert(chance.randint(0, night), birthday)
    return replace(start, campaigns=campaigns), told


def _campaign(chance: random.Random, code: str, occasion: str, kept: tuple[int, int], start: Start) -> Campaign:
    params: dict[str, Any] = {
        "birthday": {"told_days": chance.choice((0, 0, 5))},
        "day": {"day": kept[0], "month": kept[1]},
        "surprise": {"members": chance.choice((1, 2))},
    }.get(occasion, {})
    if occasion in OF_ORDERS and chance.random() < 0.3:
        params = {"sets": [chance.choice(("double", "useless"))]}
    points, is_public = chance.choice((0, 40, 40, 150)), chance.random() < 0.75
    is_reward = points == 0 and start.reward is not None
    most, budget = chance.choice(((None, None), (None, None), (1, None), (2, None), (None, 2 * points + 10)))
    return Campaign(
        code=code, occasion=occasion, points=points, is_reward=is_reward, is_public=is_public, most=most, budget=budget,
        says=not (points or is_reward) or chance.random() < 0.4, delay=chance.choice((0, 0, 1, 10)),
        rest=chance.choice((0, 0, 0, 20)), params=params,
        rank=1 if occasion in OF_ORDERS and start.levels and chance.random() < 0.2 else 0,
    )  # fmt: skip


def _levels(chance: random.Random) -> dict[str, Any]:
    metric = chance.choice(("spend", "spend", "spend", "orders", "points"))
    window = chance.choice(("calendar-year", "rolling", "lifetime"))
    thresholds = {"spend": (10_000, 30_000), "orders": (1, 3), "points": (80, 250)}[metric]
    return {
        "levels": Levels(thresholds=thresholds, window=window, metric=metric, zone=ZONE),
        "percents": chance.choice(((100, 100), (100, 110), (110, 150))),
        "gifts": chance.choice(((0, 0), (0, 50), (20, 500))),
        "counts_from": chance.choice(("", "", "", "Being processed", "Shipped")),
    }


def _codes(chance: random.Random) -> list[str]:
    others = ("double", "big", "more", "piece", "first")
    return ["base", *(code for code in others if chance.random() < 0.45)]


def rule(chance: random.Random, code: str) -> Rule:
    """Draw what a rule says, and what it gives at most: most budgets are far away, some are reached at once."""
    budget = chance.choice((1_000_000, 1_000_000, 300, 100, 30)) if chance.random() < 0.4 else None
    caps = (chance.choice((("order", 80), ("day", 100), ("month", 150), ("", 200))),) if chance.random() < 0.15 else ()
    return replace(_unlimited(chance, code), budget=budget, caps=caps)


def _unlimited(chance: random.Random, code: str) -> Rule:
    if code == "base":
        points, step = chance.choice(((1, 100), (1, 100), (3, 200), (1, 150), (10, 100)))
        return Rule(code=code, type="per-amount", params={"points": points, "step_minor": step})
    if code == "more":
        return Rule(
            code=code, type="per-amount", params={"points": 1, "step_minor": chance.choice((100, 300))},
            sets=("useless",), outside=chance.random() < 0.3,
        )  # fmt: skip
    if code == "double":
        percent = chance.choice((150, 200, 300))
        return Rule(code=code, type="multiplier", params={"percent": percent}, sets=("double",))
    if code == "big":
        params = {"percent": chance.choice((125, 200)), "group": chance.choice(("campaign", "extra"))}
        return Rule(code=code, type="multiplier", params=params, minimum=chance.choice((5_000, 15_000)))
    if code == "piece":
        return Rule(code=code, type="per-unit", params={"points": chance.choice((1, 5))}, sets=("useless",))
    return Rule(code=code, type="first-order", params={"points": 20}, minimum=chance.choice((0, 0, 5_000, 12_000)))


@dataclass
class _Telling:
    """Draws one step after another, with just enough memory that most of them mean something."""

    chance: random.Random
    start: Start
    length: int
    told: list[Step] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    passed: timedelta = timedelta()

    def tell(self) -> list[Step]:
        """Return the steps of a life."""
        self.buys()
        while len(self.told) < self.length:
            kind = self.chance.choices(list(KINDS), weights=list(KINDS.values()))[0]
            getattr(self, kind)()
            if self.waiting and self.chance.random() < 0.6:
                self.pays()
        while self.waiting:
            self.pays()
        return self.told

    def add(self, step: Step) -> None:
        self.told.append(step)

    def who(self) -> int:
        return self.chance.randrange(self.start.people)

    def goods(self) -> tuple[tuple[int, int], ...]:
        number = self.chance.choice((1, 1, 2, 2, 3))
        return tuple((thing, self.chance.choice((1, 1, 2, 3))) for thing in self.chance.sample(range(THINGS), number))

    def new(self) -> str:
        label = f"o{len(self.orders) + 1}"
        self.orders.append(label)
        return label

    def some(self) -> str:
        """The label of an order, one of the last rather than of the first."""
        return self.chance.choice(self.orders[-3:])

    def buys(self, *, who: int | None = None) -> None:
        points = self.chance.choice((0, 0, 100, 300, 733, 5000))
        pays = not points or self.chance.random() < 0.7
        who = self.who() if who is None else who
        reward = self.start.reward is not None and self.chance.random() < 0.4
        # What is off a line of the order tells nobody how much of that were points and how much a reward; but a gift
        # is a line of its own.
        points, pays = (0, True) if reward and not self.start.gift else (points, pays)
        told = {"order": self.new(), "who": who, "goods": self.goods(), "points": points, "pays": pays}
        step = does.Buys(**told, reward=reward)
        self.add(step)
        if not pays:
            self.waiting.append(step.order)

    def pays(self) -> None:
        self.add(does.Pays(order=self.waiting.pop(0)))

    def guest_buys(self) -> None:
        self.guests.append(self.new())
        self.add(does.Buys(order=self.guests[-1], who=None, goods=self.goods()))

    def keeps(self) -> None:
        if self.guests:
            self.add(does.Keeps(order=self.guests.pop(0), who=self.who()))

    def imports(self) -> None:
        status = self.chance.choice(("Pending", "Delivered", "Cancelled"))
        ago = self.chance.choice((2, 9, 30))
        self.add(does.Imports(order=self.new(), who=self.who(), goods=self.goods(), days_ago=ago, status=status))

    def delivered(self) -> None:
        how = self.chance.choice(("set", "set", "set", "update"))
        self.add(does.Status(order=self.some(), to="Delivered", how=how))

    def dead(self) -> None:
        how = self.chance.choice(("set", "save", "update"))
        self.add(does.Status(order=self.some(), to="Cancelled", how=how))

    def again(self) -> None:
        dead = [step.order for step in self.told if isinstance(step, does.Status) and step.to == "Cancelled"]
        order = self.chance.choice(dead) if dead and self.chance.random() < 0.6 else self.some()
        self.add(does.Status(order=order, to=self.chance.choice(("Pending", "Shipped")), how="save"))

    def comes_back(self) -> None:
        self.add(
            does.ComesBack(
                order=self.some(), line=self.line(), pieces=self.chance.choice((1, 1, 2)),
                paid=self.chance.random() < 0.4,
            )
        )  # fmt: skip

    def line(self) -> int:
        return self.chance.randrange(3)

    def undone(self) -> None:
        number, noted = self.chance.randrange(2), self.chance.random() < 0.5
        self.add(does.Undone(order=self.some(), number=number, noted=noted))

    def line_status(self) -> None:
        to = self.chance.choice(("Cancelled", "Cancelled", "Pending"))
        self.add(does.LineStatus(order=self.some(), line=self.line(), to=to))

    def edits(self) -> None:
        told = {"order": self.some(), "line": self.line(), "quietly": self.chance.random() < 0.25}
        product, pieces = self.chance.randrange(THINGS), self.chance.choice((1, 2))
        change = self.chance.choice((-1, -1, 1, 2))
        kinds: list[Callable[[], Step]] = [
            lambda: does.Splits(**told, pieces=pieces),
            lambda: does.Merges(**told),
            lambda: does.Swaps(**told, product=product, pieces=pieces),
            lambda: does.EntersAgain(**told),
            lambda: does.CostsLess(**told, percent=self.chance.choice((50, 60, 90))),
            lambda: does.LosesDiscount(**told),
            lambda: does.Counts(**told, change=change, with_price=self.chance.random() < 0.7),
            lambda: does.Adds(**told, product=product, pieces=pieces),
            lambda: does.Takes(**told),
        ]
        self.add(self.chance.choice(kinds)())

    def loses_product(self) -> None:
        self.add(does.LosesProduct(product=self.chance.randrange(THINGS)))

    def deleted(self) -> None:
        self.add(does.Deleted(order=self.some()))

    def moves(self) -> None:
        self.add(does.Moves(order=self.some(), to=self.who()))

    def brings(self) -> None:
        if self.start.friends:
            self.add(does.Brings(giver=0, newcomer=self.chance.randrange(1, self.start.people)))

    def acts(self) -> None:
        if self.start.words and self.chance.random() < 0.6:
            self.add(does.SaysWord(who=self.who(), word=self.chance.randrange(2)))
        elif self.start.review:
            to = self.chance.choice(("shown", "shown", "shown", "hidden", "deleted"))
            self.add(does.Reviews(who=self.who(), product=self.chance.randrange(THINGS), to=to))

    def freezes(self) -> None:
        earns, days = self.chance.random() < 0.4, self.chance.choice((None, None, 3, 20))
        self.add(does.Freezes(who=self.who(), earns=earns, days=days))
        if self.chance.random() < 0.5:
            self.buys(who=self.told[-1].who)

    def thaws(self) -> None:
        frozen = [step.who for step in self.told if isinstance(step, does.Freezes)]
        if frozen:
            self.add(does.Thaws(who=self.chance.choice(frozen[-2:])))

    def merchant(self) -> None:
        chance = self.chance
        kinds: list[Callable[[], Step]] = [
            lambda: does.Sets(rounding=chance.choice(("floor", "half_up", "ceil", "block"))),
            lambda: does.Sets(rounding_stage=chance.choice(("order", "line"))),
            lambda: does.Sets(earning_base=chance.choice(("as-shown", "excl"))),
            lambda: does.Sets(hold_days=chance.choice((0, 7, 14, 60))),
            lambda: does.Sets(excluded=chance.choice(("", "closed", "double"))),
            lambda: does.Says(rule=rule(chance, chance.choice(("base", "double", "big", "more", "piece", "first")))),
            lambda: does.Fills(set=chance.choice(("double", "closed", "sale", "useless")), products=_some(chance, 3)),
            lambda: does.Fills(set=chance.choice(("double", "closed", "useless"))),
            lambda: does.LevelBrings(rank=chance.choice((1, 2)), percent=chance.choice((100, 120, 200))),
            lambda: does.Worth(points=chance.choice((100, 50, 3)), minor=chance.choice((100, 1))),
            lambda: does.Limits(share=chance.choice((20, 100)), step=chance.choice((1, 100))),
        ]
        self.add(chance.choice(kinds)())

    def waits(self) -> None:
        hours = self.chance.choice((1, 20, 5 * 24, 9 * 24, 15 * 24, 40 * 24))
        if self.passed + timedelta(hours=hours) < LONGEST:
            self.passed += timedelta(hours=hours)
            self.add(does.Waits(hours=hours))

    def job(self) -> None:
        names = ("sweep", "nightly", "nightly", "mature", "mature", "expire", "holds", "tiers", "reviews")
        self.add(does.Job(name=self.chance.choice(names)))


KINDS = {
    "buys": 16, "guest_buys": 4, "keeps": 5, "imports": 5, "delivered": 10, "dead": 6, "again": 4, "comes_back": 10,
    "undone": 3, "line_status": 3, "edits": 20, "loses_product": 1, "deleted": 2, "moves": 2, "brings": 5, "acts": 5,
    "freezes": 4, "thaws": 4, "merchant": 12, "waits": 14, "job": 12,
}  # fmt: skip
