"""The worked example of points used and goods sent back: every number is what the suite's own rules decide."""

from __future__ import annotations

from datetime import UTC, datetime

from loyalty_oscar.earning.decision import decide
from loyalty_oscar.earning.left import LineLeft, left_of
from loyalty_oscar.earning.rules import PerAmount, RuleInForce, Terms
from loyalty_oscar.kernel.facts import LineFacts, Purchase
from loyalty_oscar.kernel.rounding import spread, taken_back, to_major
from loyalty_oscar.redemption.rules import Limits, Payable, RedemptionQuote, Worth, quote

#: What is bought, how many, and what is to pay for it in cents after the shop's own offers and vouchers.
LINES = (("dry food", 1, 2190), ("rope toy", 2, 1040), ("dog bed", 1, 4690))
WORTH = Worth(points=100, minor=100, currency="EUR")
USED = 500
BASE = RuleInForce(code="base", name="Base", version_id=1, rule=PerAmount(currency="EUR", points=1, step_minor=100))
#: What goes back, step by step: units of each line.
STEPS = (("one rope toy", (0, 1, 0)), ("the bed", (0, 1, 1)), ("the other toy", (0, 2, 1)), ("the food", (1, 2, 1)))


def used() -> RedemptionQuote:
    """Return what the points do to the basket."""
    lines = [Payable(minor=minor) for _what, _count, minor in LINES]
    return quote(points=USED, lines=lines, limits=Limits(), worth=WORTH, has_voucher=False)


def points_of_lines() -> list[int]:
    """Return the used points of each line."""
    return spread(total=used().points, weights=used().parts)


def paid_of_lines() -> list[int]:
    """Return what is paid with money for each line, in cents."""
    return [minor - part for (_what, _count, minor), part in zip(LINES, used().parts, strict=True)]


def earned_of_lines() -> list[int]:
    """Return the points that each line brings."""
    lines = tuple(
        LineFacts(line_id=number, quantity=count, paid_minor=paid)
        for number, ((_what, count, _minor), paid) in enumerate(zip(LINES, paid_of_lines(), strict=True))
    )
    bought = Purchase(currency="EUR", placed_at=datetime(2026, 5, 6, tzinfo=UTC), lines=lines)
    return [line.points for line in decide(purchase=bought, rules=[BASE], terms=Terms()).lines]


def order() -> list[tuple[str, ...]]:
    """Return the lines of the order as rows: what, to pay, points used, taken off, paid, points earned."""
    rows = [
        (f"{count} × {what}", _money(minor), str(points), _money(part), _money(minor - part), str(earned))
        for (what, count, minor), points, part, earned in zip(
            LINES, points_of_lines(), used().parts, earned_of_lines(), strict=True
        )
    ]
    sums = (
        _money(sum(minor for _what, _count, minor in LINES)),
        str(used().points),
        _money(used().minor),
        _money(sum(paid_of_lines())),
        str(sum(earned_of_lines())),
    )
    return [*rows, ("**together**", *(f"**{value}**" for value in sums))]


def after(gone: tuple[int, ...]) -> tuple[int, int, int]:
    """Return where so many units of each line back lead: cents back, used points back, earned points left."""
    counts = [count for _what, count, _minor in LINES]
    money = sum(paid * units // count for paid, units, count in zip(paid_of_lines(), gone, counts, strict=True))
    back = sum(
        taken_back(points=points, gone=units, quantity=count)
        for points, units, count in zip(points_of_lines(), gone, counts, strict=True)
    )
    lines = [
        LineLeft(line_id=number, quantity=count, points=points, paid_minor=paid, gone=units)
        for number, (count, points, paid, units) in enumerate(
            zip(counts, earned_of_lines(), paid_of_lines(), gone, strict=True)
        )
    ]
    return money, back, left_of(lines=lines, bonuses=())


def steps() -> list[tuple[str, int, int, int]]:
    """Return each step with what it moves: cents back, used points back, earned points that go."""
    found, before = [], after((0, 0, 0))
    for what, gone in STEPS:
        now = after(gone)
        found.append((what, now[0] - before[0], now[1] - before[1], before[2] - now[2]))
        before = now
    return found


def returns() -> list[tuple[str, ...]]:
    """Return the steps as rows, with their sum."""
    rows = [(what, _money(cents), str(back), str(go)) for what, cents, back, go in steps()]
    cents, back, go = (sum(step[place] for step in steps()) for place in (1, 2, 3))
    return [*rows, ("**everything**", f"**{_money(cents)}**", f"**{back}**", f"**{go}**")]


def _money(minor: int) -> str:
    return str(to_major(minor=minor, exponent=2))
