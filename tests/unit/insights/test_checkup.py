"""What to do about a part of a program: the reason at each boundary, and nothing claimed that was not compared."""

import pytest

from loyalty_oscar.insights.checkup import DEAR, JUDGED, LEAST_DAYS, LEAST_MEMBERS, RARE, Judgement, PartFacts, judge
from loyalty_oscar.insights.effects import Effect, Group, Verdict, of_rates

PAYS = Effect(verdict=Verdict.PAYS, difference=0.1, low=0.05, high=0.15)
COSTS = Effect(verdict=Verdict.COSTS, difference=-0.1, low=-0.15, high=-0.05)
NOTHING = Effect(verdict=Verdict.NOTHING_SHOWN, difference=0.01, low=-0.05, high=0.07)
TOO_LITTLE = Effect(verdict=Verdict.TOO_LITTLE)


def reason(**facts):
    usual = {"days": 365, "cost": 0, "uptake": 50, "could": 1_000, "effect": None, "paid": 100_000}
    return judge(facts=PartFacts(**{**usual, **facts}))


class TestTheReason:
    @pytest.mark.parametrize(
        ("facts", "said"),
        [
            ({"days": -1}, "planned"),
            ({"days": -1, "uptake": None}, "planned"),
            ({"days": -1, "effect": COSTS, "cost": 10_001}, "planned"),
            ({"days": 0}, "young"),
            ({"uptake": None}, "not_counted"),
            ({"uptake": None, "days": 1}, "not_counted"),
            ({"days": None, "uptake": 0}, "unknown_age"),
            ({"days": None, "uptake": 50}, "used"),
            ({"days": LEAST_DAYS - 1}, "young"),
            ({"days": LEAST_DAYS}, "used"),
            ({"days": LEAST_DAYS - 1, "effect": PAYS}, "young"),
            ({"days": LEAST_DAYS - 1, "uptake": 0}, "young"),
            ({"could": LEAST_MEMBERS - 1}, "few"),
            ({"could": LEAST_MEMBERS}, "used"),
            ({"could": 0, "uptake": 0}, "few"),
            ({"could": None}, "used"),
            ({"could": None, "uptake": 0}, "unused"),
            ({"uptake": 0}, "unused"),
            ({"uptake": 1, "could": 100}, "used"),
            ({"uptake": 1, "could": 101}, "rare"),
            ({"uptake": 9, "could": 1_000}, "rare"),
            ({"uptake": 10, "could": 1_000}, "used"),
            ({"cost": 10_000}, "used"),
            ({"cost": 10_001}, "dear"),
            ({"cost": 10_001, "paid": 0}, "used"),
            ({"cost": None}, "used"),
            ({"cost": 10_001, "effect": PAYS}, "dear"),
            ({"cost": 10_001, "effect": COSTS}, "fewer_orders"),
            ({"effect": PAYS}, "more_orders"),
            ({"effect": PAYS, "uptake": 1}, "more_orders"),
            ({"effect": NOTHING}, "nothing_shown"),
            ({"effect": COSTS}, "fewer_orders"),
            ({"effect": TOO_LITTLE}, "too_little"),
        ],
    )
    def test_is_the_first_that_holds(self, facts, said):
        assert reason(**facts) == said

    def test_leads_to_one_thing_to_do_each(self):
        told = {
            judgement: {reason.value for reason, one in JUDGED.items() if one == judgement} for judgement in Judgement
        }
        assert told == {
            "keep": {"more_orders", "used"},
            "change": {"dear", "nothing_shown", "rare"},
            "stop": {"unused", "fewer_orders"},
            "wait": {"planned", "not_counted", "unknown_age", "young", "few", "too_little"},
        }

    def test_has_the_bounds_that_the_docs_name(self):
        assert (LEAST_DAYS, LEAST_MEMBERS, float(RARE), float(DEAR)) == (90, 30, 0.01, 0.1)

    @pytest.mark.parametrize(
        ("told", "held", "said"),
        [
            ((1_000, 300), (100, 29), "too_little"),
            ((1_000, 300), (100, 30), "nothing_shown"),
            ((1_000, 500), (100, 30), "more_orders"),
            ((1_000, 100), (100, 30), "fewer_orders"),
        ],
    )
    def test_follows_from_what_both_groups_did(self, told, held, said):
        groups = [Group(members=members, buyers=buyers) for members, buyers in (told, held)]
        assert reason(effect=of_rates(told=groups[0], held=groups[1])) == said
