"""Days, hours, pieces, every so many of them, and points for an order: what they admit, and what stays of them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from loyalty_oscar.earning.decision import decide, decide_late
from loyalty_oscar.earning.left import LineLeft, left_of
from loyalty_oscar.earning.rules import (
    CapPerOrder,
    EveryNth,
    Hours,
    InSegment,
    LinePieces,
    Multiplier,
    OrderPieces,
    PerOrder,
    PerUnit,
    Weekdays,
    build,
    conditions,
    earning_rules,
)
from loyalty_oscar.kernel.errors import BadRule

from .purchases import Terms, a_line, a_purchase, in_force, one_per_euro

BERLIN = Terms(zone="Europe/Berlin")


def utc(*at):
    return datetime(*at, tzinfo=UTC)


def admitted(condition, at, terms=BERLIN):
    return condition.admits(purchase=a_purchase(a_line(paid_minor=100), placed_at=at), terms=terms)


class TestWeekends:
    @pytest.mark.parametrize(
        ("at", "counts"),
        [
            # Clocks go forward on Sunday, 29 March 2026, and back on Sunday, 25 October 2026.
            (utc(2026, 3, 27, 22, 59), False),  # Friday 23:59
            (utc(2026, 3, 27, 23, 0), True),  # Saturday 0:00, an hour ahead of UTC
            (utc(2026, 3, 29, 0, 59), True),
            (utc(2026, 3, 29, 1, 0), True),  # 3:00: there is no 2:00
            (utc(2026, 3, 29, 21, 59), True),  # Sunday 23:59, two hours ahead
            (utc(2026, 3, 29, 22, 0), False),  # Monday
            (utc(2026, 10, 23, 21, 59), False),
            (utc(2026, 10, 23, 22, 0), True),  # Saturday 0:00, two hours ahead
            (utc(2026, 10, 25, 22, 59), True),  # Sunday 23:59, one hour ahead
            (utc(2026, 10, 25, 23, 0), False),
        ],
    )
    def test_last_from_midnight_to_midnight_over_both_changes_of_the_clock(self, at, counts):
        assert admitted(Weekdays(days=(6, 7)), at) is counts

    def test_of_another_zone_are_other_hours(self):
        at = utc(2026, 3, 27, 23, 0)
        assert admitted(Weekdays(days=(6,)), at) and not admitted(Weekdays(days=(6,)), at, Terms(zone="UTC"))

    def test_cover_every_hour_of_a_week_once(self):
        hours = [utc(2026, 10, 19 + day, hour) for day in range(7) for hour in range(24)]
        for at in hours:
            found = [day for day in range(1, 8) if admitted(Weekdays(days=(day,)), at)]
            assert found == [at.astimezone(ZoneInfo("Europe/Berlin")).isoweekday()]


class TestHours:
    @pytest.mark.parametrize(
        ("at", "counts"),
        [
            (utc(2026, 3, 28, 16, 59), False),  # 17:59 in winter
            (utc(2026, 3, 28, 17, 0), True),
            (utc(2026, 3, 28, 20, 59), True),
            (utc(2026, 3, 28, 21, 0), False),
            (utc(2026, 3, 29, 15, 59), False),  # 17:59 in summer
            (utc(2026, 3, 29, 16, 0), True),
            (utc(2026, 3, 29, 19, 59), True),
            (utc(2026, 3, 29, 20, 0), False),
        ],
    )
    def test_are_those_of_the_clock_on_the_wall(self, at, counts):
        assert admitted(Hours(start="18:00", end="22:00"), at) is counts

    def test_that_come_twice_count_twice(self):
        night = Hours(start="02:00", end="03:00")
        assert all(admitted(night, utc(2026, 10, 25, hour, 30)) for hour in (0, 1))
        assert not any(admitted(night, utc(2026, 3, 29, hour, minute)) for hour in range(24) for minute in (0, 30))

    def test_may_be_open_at_either_end(self):
        assert admitted(Hours(start="18:00"), utc(2026, 5, 6, 21, 59))
        assert not admitted(Hours(end="08:00"), utc(2026, 5, 6, 6, 0))
        assert admitted(Hours(end="08:00"), utc(2026, 5, 6, 5, 59))


class TestPieces:
    @pytest.mark.parametrize(("pieces", "counts"), [(2, False), (3, True), (4, True)])
    def test_of_an_order_are_those_that_money_is_paid_for(self, pieces, counts):
        given = a_line(paid_minor=0, quantity=5)
        purchase = a_purchase(a_line(paid_minor=100, quantity=pieces - 1), a_line(paid_minor=100), given)
        assert OrderPieces(pieces=3).admits(purchase=purchase, terms=BERLIN) is counts

    @pytest.mark.parametrize(("pieces", "points"), [(2, 0), (3, 30), (4, 40)])
    def test_of_one_product_count_for_its_line_alone(self, pieces, points):
        purchase = a_purchase(a_line(paid_minor=1000 * pieces, quantity=pieces), a_line(paid_minor=9900))
        assert decide(purchase=purchase, rules=[one_per_euro(LinePieces(pieces=3))], terms=BERLIN).points == points


def bought(rule, *quantities):
    purchase = a_purchase(*(a_line(paid_minor=1000 * quantity, quantity=quantity) for quantity in quantities))
    return decide(purchase=purchase, rules=[rule], terms=BERLIN)


def left(decision, *gone):
    lines = [
        LineLeft(
            line_id=line.line_id, quantity=line.quantity, points=line.points, paid_minor=line.paid_minor, gone=some
        )
        for line, some in zip(decision.lines, gone, strict=True)
    ]
    return left_of(lines=lines, bonuses=[bonus.to_json() for bonus in decision.bonuses])


class TestEverySoManyPieces:
    @pytest.mark.parametrize(("quantity", "points"), [(1, 0), (2, 0), (3, 10), (5, 10), (6, 20), (7, 20)])
    def test_bring_points_for_each_full_round(self, quantity, points):
        assert bought(in_force(EveryNth(points=10, pieces=3)), quantity).points == points

    def test_are_counted_over_all_lines_together(self):
        assert bought(in_force(EveryNth(points=10, pieces=3)), 2, 2, 2).points == 20

    @pytest.mark.parametrize(("gone", "points"), [((0, 0), 20), ((1, 0), 10), ((2, 1), 10), ((2, 2), 0), ((3, 3), 0)])
    def test_are_counted_anew_on_those_that_stay(self, gone, points):
        assert left(bought(in_force(EveryNth(points=10, pieces=3)), 3, 3), *gone) == points


class TestPointsForAnOrder:
    def test_come_once_whatever_is_in_it(self):
        assert bought(in_force(PerOrder(points=50)), 1, 4).points == 50

    def test_need_money(self):
        free = a_purchase(a_line(paid_minor=0))
        assert decide(purchase=free, rules=[in_force(PerOrder(points=50))], terms=BERLIN).points == 0

    @pytest.mark.parametrize(("gone", "points"), [((0, 0), 50), ((1, 0), 50), ((1, 1), 0)])
    def test_stay_while_the_order_has_the_pieces_that_they_ask_for(self, gone, points):
        assert left(bought(in_force(PerOrder(points=50), OrderPieces(pieces=3)), 2, 2), *gone) == points

    @pytest.mark.parametrize(("gone", "points"), [((0, 1), 50), ((1, 0), 0)])
    def test_stay_while_one_product_has_the_pieces_that_they_ask_for(self, gone, points):
        assert left(bought(in_force(PerOrder(points=50), LinePieces(pieces=3)), 3, 2), *gone) == points


class TestNonsense:
    @pytest.mark.parametrize(
        ("registry", "code", "params"),
        [
            (conditions, "weekdays", {"days": []}),
            (conditions, "weekdays", {"days": [0]}),
            (conditions, "weekdays", {"days": [8]}),
            (conditions, "weekdays", {"days": ["6"]}),
            (conditions, "weekdays", {"days": "67"}),
            (conditions, "hours", {}),
            (conditions, "hours", {"start": "18"}),
            (conditions, "hours", {"start": "18:00:30"}),
            (conditions, "hours", {"start": 18}),
            (conditions, "hours", {"start": "25:00"}),
            (conditions, "hours", {"start": "18:00", "end": "18:00"}),
            (conditions, "hours", {"start": "22:00", "end": "02:00"}),
            (conditions, "order-pieces", {"pieces": 0}),
            (conditions, "line-pieces", {"pieces": 10_001}),
            (conditions, "segment", {"segment": 0}),
            (earning_rules, "every-nth", {"points": 10, "pieces": 1}),
            (earning_rules, "every-nth", {"points": 10}),
            (earning_rules, "per-order", {"points": 0}),
        ],
    )
    def test_is_refused(self, registry, code, params):
        with pytest.raises(BadRule):
            build(registry=registry, code=code, params=params)

    def test_is_no_member_of_a_list_who_is_a_stranger(self):
        assert not admitted(InSegment(segment=1), utc(2026, 5, 6))


class TestAMostForOneOrder:
    """A rule with a most gives exactly that where it would give more, whatever it gives, however it is rounded."""

    @pytest.mark.parametrize(("euros", "points"), [(9, 9), (10, 10), (11, 10), (500, 10)])
    def test_holds_points_for_money(self, euros, points):
        purchase = a_purchase(a_line(paid_minor=euros * 100))
        assert decide(purchase=purchase, rules=[one_per_euro(CapPerOrder(points=10))], terms=BERLIN).points == points

    @pytest.mark.parametrize(("euros", "points"), [(9, 18), (10, 20), (11, 21), (500, 510)])
    def test_holds_what_a_multiplier_adds(self, euros, points):
        rules = [one_per_euro(), in_force(Multiplier(percent=200), CapPerOrder(points=10), code="double")]
        assert decide(purchase=a_purchase(a_line(paid_minor=euros * 100)), rules=rules, terms=BERLIN).points == points

    @pytest.mark.parametrize(("pieces", "points"), [(3, 9), (4, 10), (40, 10)])
    def test_holds_points_for_pieces(self, pieces, points):
        assert bought(in_force(PerUnit(points=3), CapPerOrder(points=10)), pieces).points == points

    @pytest.mark.parametrize(("pieces", "points"), [(2, 8), (4, 10), (40, 10)])
    def test_holds_points_for_every_so_many(self, pieces, points):
        assert bought(in_force(EveryNth(points=8, pieces=2), CapPerOrder(points=10)), pieces).points == points

    @pytest.mark.parametrize(("gone", "points"), [(0, 10), (36, 10), (37, 8), (39, 0)])
    def test_is_reached_by_the_pieces_that_stay(self, gone, points):
        assert left(bought(in_force(EveryNth(points=8, pieces=2), CapPerOrder(points=10)), 40), gone) == points

    def test_holds_points_for_an_order(self):
        assert bought(in_force(PerOrder(points=50), CapPerOrder(points=10)), 1).points == 10

    @pytest.mark.parametrize("stage", ["order", "line"])
    @pytest.mark.parametrize("rounding", ["floor", "half_up", "ceil"])
    def test_is_never_passed_by_rounding(self, stage, rounding):
        purchase = a_purchase(*(a_line(paid_minor=paid) for paid in (333, 455, 120, 799, 1)))
        terms = Terms(rounding=rounding, stage=stage)
        decision = decide(purchase=purchase, rules=[one_per_euro(CapPerOrder(points=7))], terms=terms)
        assert (decision.points, sum(line.points for line in decision.lines)) == (7, 7)

    @pytest.mark.parametrize(("late", "points"), [(100, 1), (300, 3), (400, 3)])
    def test_leaves_a_line_that_came_late_what_the_others_left(self, late, points):
        first, second = a_line(paid_minor=700), a_line(paid_minor=late)
        whole = {"rules": [one_per_euro(CapPerOrder(points=10))], "terms": BERLIN}
        decision = decide_late(purchase=a_purchase(first, second), known={first.line_id}, **whole)
        assert decision.points == points
