"""Small answers of the kernel that whole shops ask for in passing."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from loyalty_oscar.kernel.errors import LoyaltyError, in_short
from loyalty_oscar.kernel.facts import LineFacts, LineState, OrderFacts, Purchase
from loyalty_oscar.kernel.left import LineSnapshot, as_if, mark_of, what_is_left
from loyalty_oscar.kernel.rounding import per_mille, to_major

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


def an_order(*gone, dead=False, parts=()):
    lines = tuple(LineFacts(line_id=n, quantity=2, paid_minor=500, gone=some) for n, some in enumerate(gone, start=1))
    return OrderFacts(
        order_id=1, number="1", site_id=None, user_id=None, status="", dead=dead, final_at=None,
        purchase=Purchase(currency="EUR", placed_at=NOON, lines=lines), parts=parts,
    )  # fmt: skip


class TestAnOrder:
    @pytest.mark.parametrize(
        ("gone", "dead", "said"),
        [((0, 0), False, False), ((0, 1), False, True), ((0, 0), True, True), ((2, 2), True, True), ((), False, False)],
    )
    def test_says_whether_anything_of_it_is_gone(self, gone, dead, said):
        assert an_order(*gone, dead=dead).has_gone is said

    def test_is_looked_at_as_if_its_lines_stood_otherwise(self):
        told = {"product_id": 7, "quantity": 2, "paid_minor": 500}
        order = an_order(0, parts=(LineSnapshot(number=1, line_id=1, **told),))
        found = as_if(order=order, rows=[LineState(line_id=1, gone=1, **told)])
        assert [(line.line_id, line.gone) for line in found.purchase.lines] == [(1, 1)]
        assert found.rows == (LineState(line_id=1, gone=1, **told),)


class TestALineOfAnOrder:
    @pytest.mark.parametrize(("line", "gone"), [(1, 0), (2, 2)])
    def test_keeps_its_pieces_whatever_became_of_its_product_and_title(self, line, gone):
        part = LineSnapshot(number=1, line_id=1, product_id=7, quantity=2, paid_minor=500, mark=mark_of(title="Bed"))
        row = LineState(line_id=line, product_id=None, quantity=2, paid_minor=500, title="Orthopedic bed")
        assert [found.gone for found in what_is_left(parts=[part], rows=[row])[0]] == [gone]


class TestAnErrorInShort:
    def test_is_its_kind_and_its_first_line(self):
        assert in_short(LoyaltyError("no such thing\nand more")) == "LoyaltyError: no such thing"

    @pytest.mark.parametrize(("most", "length"), [({}, 200), ({"most": 20}, 20)])
    def test_is_cut_to_what_a_column_holds(self, most, length):
        assert len(in_short(LoyaltyError("x" * 500), **most)) == length

    def test_names_nobody(self):
        assert in_short(ValueError("no mail to boris@example.com today")) == "ValueError: no mail to … today"


class TestAShare:
    @pytest.mark.parametrize(
        ("part", "whole", "said"),
        [(0, 5, 0), (1, 2, 500), (9_999, 10_000, 999), (5, 5, 1000), (6, 5, 1000), (-1, 5, 0), (0, 0, 0), (3, 0, 0)],
    )
    def test_is_told_in_thousandths_and_whole_only_when_it_is(self, part, whole, said):
        assert per_mille(part=part, whole=whole) == said


class TestMoney:
    def test_has_two_decimal_places_where_nothing_else_is_said(self):
        assert to_major(minor=1234) == Decimal("12.34")
