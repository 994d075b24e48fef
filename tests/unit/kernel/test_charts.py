"""Where bars and points of a chart stand."""

import pytest

from loyalty_oscar.kernel.charts import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, bars, line, step_of


class TestTheLinesAcross:
    @pytest.mark.parametrize(
        ("most", "step"),
        [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 5), (20, 5), (21, 10), (3195, 1000), (10**9, 5 * 10**8)],
    )
    def test_are_a_round_number_apart(self, most, step):
        assert step_of(most=most) == step

    @pytest.mark.parametrize("most", [0, 1, 7, 99, 12_345, 10**12])
    def test_are_few_and_reach_the_top(self, most):
        across = bars(groups=[[most]]).lines
        assert 2 <= len(across) <= 5
        assert across[0] == (HEIGHT - BOTTOM, 0)
        assert across[-1][1] >= most
        assert across[-1][0] >= TOP


class TestBars:
    def test_stand_within_the_drawing_side_by_side(self):
        chart = bars(groups=[[n, 2 * n, 3] for n in range(40)])
        assert len(chart.bars) == 120
        assert all(bar.x >= LEFT and bar.x + bar.width <= WIDTH for bar in chart.bars)
        assert all(bar.y >= TOP and bar.y + bar.height == HEIGHT - BOTTOM for bar in chart.bars)
        assert [bar.x for bar in chart.bars] == sorted(bar.x for bar in chart.bars)

    def test_are_as_high_as_their_number(self):
        [low, high] = bars(groups=[[500, 1000]]).bars
        assert high.height == 2 * low.height == HEIGHT - TOP - BOTTOM

    def test_of_what_is_below_zero_have_no_height(self):
        [bar, _other] = bars(groups=[[-9, 5]]).bars
        assert bar.height == 0

    def test_have_few_words_below(self):
        assert len(bars(groups=[[1]] * 60).words) == 12
        assert [number for _x, number in bars(groups=[[1]] * 3).words] == [0, 1, 2]


class TestALine:
    def test_rises_with_what_it_shows(self):
        first, second = line(values=[10, 20]).points
        assert (first.x < second.x, first.y > second.y) == (True, True)

    def test_of_nothing_lies_on_the_ground(self):
        assert {point.y for point in line(values=[0, 0]).points} == {HEIGHT - BOTTOM}
