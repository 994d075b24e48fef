"""What is said of an effect: never what is not there, and nothing of too few."""

import random
from collections import Counter
from math import exp, sqrt

import pytest

from loyalty_oscar.insights.effects import (
    LEAST_FOR_MEANS,
    LEAST_FOR_RATES,
    Effect,
    Group,
    Verdict,
    of_means,
    of_rates,
)

#: Of the members, so many buy; what they pay is spread as in a real shop (CDNOW: as much as its mean).
RATE, SPREAD, MIDDLE = 0.25, 0.83, 3_500
TOLD, HELD = 4_000, 1_000


def group(drawn, members, *, rate=RATE, times=1.0):
    """Members of a simulated shop: each buys with this probability, and pays so many times what is usual."""
    paid = [
        int(times * MIDDLE * exp(SPREAD * drawn.gauss(0, 1))) if drawn.random() < rate else 0 for _n in range(members)
    ]
    return Group(
        members=members, buyers=sum(1 for one in paid if one), paid=sum(paid), squares=sum(one * one for one in paid)
    )


def mean(times):
    return RATE * times * MIDDLE * exp(SPREAD**2 / 2)


def truth_held(found, truth):
    return sum(effect.low <= truth <= effect.high for effect in found) / len(found)


class TestAThousandShops:
    @pytest.mark.parametrize("planted", [0.0, 0.03, 0.10])
    def test_have_the_planted_difference_within_the_interval(self, planted):
        drawn = random.Random(f"shops {planted}")
        rates, means = [], []
        for _shop in range(1_000):
            held = group(drawn, HELD)
            rates.append(of_rates(told=group(drawn, TOLD, rate=RATE + planted), held=held))
            means.append(of_means(told=group(drawn, TOLD, times=1 + planted), held=held))
        assert truth_held(rates, planted) >= 0.93
        assert truth_held(means, mean(1 + planted) - mean(1)) >= 0.93
        for found in (rates, means):
            said = Counter(effect.verdict for effect in found)
            assert said[Verdict.TOO_LITTLE] == 0
            if not planted:
                assert said[Verdict.PAYS] <= 50
        if planted == 0.10:
            assert Counter(effect.verdict for effect in rates)[Verdict.PAYS] >= 990

    def test_that_are_small_say_that_there_is_not_enough(self):
        drawn, nothing = random.Random("small shops"), Effect(verdict=Verdict.TOO_LITTLE)
        for _shop in range(1_000):
            told, held = group(drawn, 400), group(drawn, 20)
            assert of_means(told=told, held=held) == of_rates(told=told, held=held) == nothing


class TestTheLeast:
    @pytest.mark.parametrize(
        ("judge", "least"), [(of_rates, LEAST_FOR_RATES), (of_means, LEAST_FOR_MEANS)], ids=["rates", "means"]
    )
    def test_is_asked_of_both_groups(self, judge, least):
        many = Group(members=5_000, buyers=1_000, paid=1_000, squares=1_000)
        enough = Group(members=5_000, buyers=least, paid=least, squares=least)
        few = Group(members=5_000, buyers=least - 1, paid=least - 1, squares=least - 1)
        nothing = Effect(verdict=Verdict.TOO_LITTLE)
        assert judge(told=many, held=few) == judge(told=few, held=many) == judge(told=few, held=few) == nothing
        assert judge(told=many, held=enough).verdict == Verdict.PAYS
        assert judge(told=enough, held=many).verdict == Verdict.COSTS
        assert judge(told=many, held=many).verdict == Verdict.NOTHING_SHOWN


class TestTheInterval:
    def test_of_rates_is_that_of_newcombes_paper(self):
        # Newcombe 1998, table II, (a): 56 of 70 against 48 of 80 is 0.2 from 0.0524 to 0.3339.
        found = of_rates(told=Group(members=70, buyers=56), held=Group(members=80, buyers=48))
        assert [round(number, 4) for number in (found.difference, found.low, found.high)] == [0.2, 0.0524, 0.3339]
        assert found.verdict == Verdict.PAYS

    def test_of_means_is_that_of_welch(self):
        # Two groups that paid 0 and 2 (4 and 6) in halves: variance n / (n - 1).
        held = Group(members=400, buyers=200, paid=400, squares=800)
        told = Group(members=400, buyers=400, paid=2_000, squares=200 * 16 + 200 * 36)
        found = of_means(told=told, held=held)
        # Student's t of 798 degrees of freedom at 0.975 is 1.962939.
        reach = 1.962939 * sqrt(2 / 399)
        assert found.difference == 4
        assert found.low == pytest.approx(4 - reach, abs=1e-5)
        assert found.high == pytest.approx(4 + reach, abs=1e-5)

    def test_of_groups_that_paid_alike_is_a_point(self):
        alike = Group(members=200, buyers=200, paid=2_000, squares=20_000)
        assert of_means(told=alike, held=alike) == Effect(verdict=Verdict.NOTHING_SHOWN, difference=0, low=0, high=0)
