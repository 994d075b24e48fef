"""What goes with what: products that meet in baskets more often than chance would have it."""

import pytest

from loyalty_oscar.journeys.together import KEPT, LARGEST, companions, in_turn

BOWL, LEAD, BED, FISH, TREE, PIPE = range(1, 7)


class TestWhatIsBoughtTogether:
    @pytest.mark.parametrize(("times", "found"), [(2, ()), (3, (LEAD,)), (4, (LEAD,))])
    def test_met_often_enough_not_to_be_chance(self, times, found):
        assert companions(baskets=[{BOWL, LEAD}] * times + [{FISH, TREE}] * 9).get(BOWL, ()) == found

    @pytest.mark.parametrize(("others", "found"), [(2, ()), (3, ()), (4, (LEAD,)), (20, (LEAD,))])
    def test_meets_more_often_than_chance_scatters(self, others, found):
        """Both are in 6 baskets and meet in 6: of 9 baskets chance makes 4, give or take 2, of 10 it makes 3.6."""
        baskets = [{BOWL, LEAD}] * 6 + [{FISH, TREE}] * others
        assert companions(baskets=baskets).get(BOWL, ()) == found

    def test_of_a_basket_with_one_product_says_nothing(self):
        baskets = [{BOWL, LEAD}] * 3 + [{FISH, TREE}] * 9
        assert companions(baskets=[*baskets, *[{BOWL}] * 1000]) == companions(baskets=baskets)

    @pytest.mark.parametrize(("size", "says"), [(LARGEST, True), (LARGEST + 1, False)])
    def test_of_a_wholesaler_says_nothing(self, size, says):
        baskets = [set(range(100, 100 + size))] * 3 + [{FISH, TREE}] * 9
        assert (100 in companions(baskets=baskets)) is says

    def test_begins_with_the_closest_and_keeps_a_dozen(self):
        far = [{BOWL, product} for product in range(100, 120) for _time in range(3)]
        found = companions(baskets=[*far, *[{BOWL, LEAD}] * 9, *[{FISH, TREE}] * 200])[BOWL]
        assert (found[0], len(found)) == (LEAD, KEPT)

    def test_of_dogs_and_cats_stays_apart_though_some_homes_have_both(self):
        """A fifth of the baskets hold things for both."""
        baskets = [*[{BOWL, LEAD, BED}] * 20, *[{FISH, TREE, PIPE}] * 20, *[{BOWL, LEAD, FISH, TREE}] * 10]
        found = companions(baskets=baskets)
        assert {*found[BOWL], *found[LEAD], *found[BED]} == {BOWL, LEAD, BED}
        assert {*found[FISH], *found[TREE], *found[PIPE]} == {FISH, TREE, PIPE}


class TestWhatIsShown:
    TOGETHER = {BOWL: (LEAD, BED, PIPE), FISH: (TREE, PIPE)}

    @pytest.mark.parametrize(
        ("bought", "without", "most", "shown"),
        [
            ([BOWL], (), 3, [LEAD, BED, PIPE]),
            ([BOWL], (LEAD,), 2, [BED, PIPE]),
            ([BOWL, FISH], (), 3, [LEAD, TREE, BED]),
            ([FISH, BOWL, FISH], (), 9, [TREE, LEAD, PIPE, BED]),
            ([PIPE], (), 3, []),
            ([], (), 3, []),
        ],
    )
    def test_is_the_closest_to_each_in_turn(self, bought, without, most, shown):
        assert in_turn(bought=bought, together=self.TOGETHER, without=without, most=most) == shown
