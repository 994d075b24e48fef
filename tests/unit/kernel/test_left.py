"""What is left of an order: where the pieces are that were written down."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.facts import LineState
from loyalty_oscar.kernel.left import LineSnapshot, mark_of, what_is_left
from tests.amount import many

BED, BOWL, RUG = 1, 2, 3


def row(line, product, quantity=1, paid=None, listed=None, gone=0, title=""):
    """An order line; a piece costs 100.00, of which 10.00 are discount."""
    paid = 9000 * quantity if paid is None else paid
    listed = 10_000 * quantity if listed is None else listed
    return LineState(
        line_id=line, product_id=product, quantity=quantity, paid_minor=paid, paid_excl_minor=paid, list_minor=listed,
        gone=gone, title=title,
    )  # fmt: skip


def written(*rows):
    """The parts of an order whose lines are these, as they are written down at the first look."""
    return [replace(part, is_late=False) for part in what_is_left(parts=(), rows=rows)[1]]


def gone(parts, *rows):
    """How many pieces of each part are gone."""
    return [line.gone for line in what_is_left(parts=parts, rows=rows)[0]]


def late(parts, *rows):
    """What came since: product, pieces, what it costs."""
    return [(part.product_id, part.quantity, part.paid_minor) for part in what_is_left(parts=parts, rows=rows)[1]]


def withdrawn(parts, *rows):
    """How much discount of each part is no longer granted."""
    return [line.withdrawn_minor for line in what_is_left(parts=parts, rows=rows)[0]]


class TestTwoLinesOfOneProductAtDifferentPrices:
    parts = written(row(1, BED, paid=9000), row(2, BED, paid=5000))

    def test_are_told_apart_by_their_lines(self):
        assert gone(self.parts, row(2, BED, paid=5000)) == [1, 0]
        assert gone(self.parts, row(1, BED, paid=9000)) == [0, 1]

    def test_are_told_apart_by_their_prices_when_both_are_entered_again(self):
        assert gone(self.parts, row(8, BED, paid=5000)) == [1, 0]
        assert gone(self.parts, row(9, BED, paid=9000)) == [0, 1]

    def test_lose_the_last_when_they_are_merged_and_lowered(self):
        assert gone(self.parts, row(1, BED, 2, paid=14_000)) == [0, 0]
        assert gone(self.parts, row(1, BED, 1, paid=9000)) == [0, 1]


class TestALineWithoutAProduct:
    parts = written(row(1, None, title="Blanket"), row(2, None, title="Cushion"))

    def test_is_found_again_by_its_title(self):
        assert gone(self.parts, row(8, None, title="Cushion"), row(9, None, title="Blanket")) == [0, 0]
        assert late(self.parts, row(8, None, title="Cushion"), row(9, None, title="Blanket")) == []

    def test_is_found_again_by_its_title_when_it_has_a_product_by_then(self):
        assert gone(self.parts, row(8, BED, title="Cushion")) == [1, 0]

    def test_is_not_taken_for_another(self):
        assert gone(self.parts, row(8, None, title="Rug")) == [1, 1]
        assert late(self.parts, row(8, None, title="Rug")) == [(None, 1, 9000)]

    def test_stays_itself_when_its_product_is_deleted(self):
        assert gone(written(row(1, BED, title="Bed")), row(1, None, title="Bed")) == [0]

    def test_may_be_split_then(self):
        parts = written(row(1, BED, 2, title="Bed"))
        assert gone(parts, row(1, None, title="Bed"), row(2, None, title="Bed")) == [0]


class TestALineWithoutPieces:
    def test_is_nothing(self):
        assert written(row(1, BED, 0)) == []

    def test_has_lost_them_all(self):
        assert gone(written(row(1, BED, 2)), row(1, BED, 0)) == [2]


class TestAnotherProductOnALine:
    parts = written(row(1, BED, 2))

    def exchanged(self, *rows, parts=None):
        found, new = what_is_left(parts=parts or self.parts, rows=rows)
        again = what_is_left(parts=[*(parts or self.parts), *new], rows=rows)[0][0]
        assert (again.gone, again.exchanged, again.withdrawn_minor) == (
            found[0].gone,
            found[0].exchanged,
            found[0].withdrawn_minor,
        )
        return again.gone, again.exchanged, again.withdrawn_minor

    def test_stands_in_exchange_with_its_discount(self):
        assert self.exchanged(row(1, RUG, 2)) == (2, 2, 0)
        assert late(self.parts, row(1, RUG, 2)) == [(RUG, 2, 18_000)]

    def test_has_lost_the_discount_that_is_no_longer_granted(self):
        assert self.exchanged(row(1, RUG, 2, paid=20_000)) == (2, 2, 2000)
        assert self.exchanged(row(1, RUG, 2, paid=19_500)) == (2, 2, 1500)

    def test_may_cost_what_it_likes(self):
        assert self.exchanged(row(1, RUG, 2, paid=78_000, listed=80_000)) == (2, 2, 0)
        assert self.exchanged(row(1, RUG, 2, paid=1000, listed=3000)) == (2, 2, 0)

    def test_counts_as_far_as_there_are_pieces(self):
        assert self.exchanged(row(1, RUG, 1)) == (2, 1, 0)
        assert self.exchanged(row(1, RUG, 5)) == (2, 2, 0)

    def test_is_gone_when_it_comes_back(self):
        assert self.exchanged(row(1, RUG, 2, gone=1)) == (2, 1, 0)
        assert self.exchanged(row(1, RUG, 2, gone=2)) == (2, 0, 0)

    def test_may_be_exchanged_itself(self):
        parts = [*self.parts, *what_is_left(parts=self.parts, rows=[row(1, RUG, 2)])[1]]
        assert self.exchanged(row(1, BOWL, 2), parts=parts) == (2, 2, 0)

    def test_is_no_exchange_on_a_line_of_its_own(self):
        assert self.exchanged(row(2, RUG, 2)) == (2, 0, 0)

    def test_is_none_where_the_pieces_are_on_another_line(self):
        assert self.exchanged(row(1, RUG, 2), row(2, BED, 2)) == (0, 0, 0)

    def test_is_one_where_some_of_the_pieces_are_on_another_line(self):
        assert self.exchanged(row(1, RUG, 1), row(2, BED, 1)) == (1, 1, 0)


class TestADiscount:
    parts = written(row(1, BED, 2))

    def test_is_no_longer_granted_where_a_line_costs_the_full_price(self):
        assert withdrawn(self.parts, row(1, BED, 2, paid=20_000)) == [2000]

    def test_is_granted_still_where_everything_costs_more(self):
        assert withdrawn(self.parts, row(1, BED, 2, paid=38_000, listed=40_000)) == [0]

    def test_goes_with_its_pieces(self):
        assert withdrawn(self.parts, row(1, BED, 1, paid=10_000)) == [1000]
        assert withdrawn(self.parts, row(1, BED, 1)) == [0]


products = st.sampled_from([None, BED, BOWL, RUG])
lines = st.builds(
    row, st.integers(1, 6), products, st.integers(0, 4), st.integers(0, 50_000), st.integers(0, 60_000),
    st.integers(0, 4), st.sampled_from(["Bed", "Bowl", ""]),
)  # fmt: skip
orders = st.lists(lines, max_size=5, unique_by=lambda one: one.line_id)


class TestWhateverStaffDo:
    @many
    @given(st.lists(orders, min_size=2, max_size=5))
    def test_every_piece_is_of_one_part(self, looks):
        parts: list[LineSnapshot] = []
        for rows in looks:
            facts, new = what_is_left(parts=parts, rows=rows)
            there = sum(line.quantity - line.gone for line in facts) + sum(part.quantity for part in new)
            back = sum(min(one.gone, one.quantity) for one in rows)
            assert there + back >= sum(one.quantity for one in rows) >= there
            parts += new
            again, nothing = what_is_left(parts=parts, rows=rows)
            assert nothing == []
            assert len({part.number for part in parts}) == len(parts)
            assert sum(line.quantity - line.gone for line in again) == sum(one.quantity for one in rows) - back
            for line, part in zip(again, parts, strict=True):
                assert 0 <= line.gone <= line.quantity == part.quantity
                assert 0 <= line.exchanged <= line.gone
                assert line.withdrawn_minor >= 0

    @many
    @given(orders, st.lists(orders, max_size=3))
    def test_an_order_that_is_as_it_was_has_everything(self, first, meanwhile):
        parts = written(*(replace(one, gone=0) for one in first))
        for rows in meanwhile:
            parts += what_is_left(parts=parts, rows=rows)[1]
        facts, new = what_is_left(parts=parts, rows=[replace(one, gone=0) for one in first])
        assert new == []
        assert [line.gone for line, part in zip(facts, parts, strict=True) if not part.is_late] == [0] * len(
            [part for part in parts if not part.is_late]
        )
        assert all(line.withdrawn_minor == 0 for line, part in zip(facts, parts, strict=True) if not part.is_late)

    def test_a_part_is_stored_and_read(self):
        part = LineSnapshot(
            number=-3, line_id=7, product_id=BED, quantity=2, paid_minor=5, paid_excl_minor=4, list_minor=6,
            sets=frozenset({"a", "b"}), is_late=True, mark=mark_of(title="Bed"),
        )  # fmt: skip
        assert LineSnapshot.from_json(part.to_json()) == part
