"""Whatever holds an amount is typed to the smallest coin of its currency: a dinar has a thousand fils."""

import pytest
from django.urls import reverse

from loyalty_oscar.program.models import Program
from loyalty_oscar.testing.factories import GoalFactory, LadderFactory, RuleFactory, SchemeFactory
from tests.points import points_club

from .test_rewards import as_opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit():
    unit = points_club(club={"currency": "KWD"})
    Program.objects.update(currency="KWD")
    return unit


def rule(unit):
    least = {"code": "minimum-spend", "params": {"currency": "KWD", "minimum_minor": 2_125}}
    return RuleFactory(
        program=unit.program, narrowed=[least], params={"points": 1, "step_minor": 255, "currency": "KWD"}
    )


def level(unit):
    return LadderFactory(program=unit.program, metric="spend", gold__threshold=400_005)


def goal(unit):
    return GoalFactory(program=unit.program, metric="spend", target=1_005, points=5)


def friends(unit):
    return SchemeFactory(program=unit.program, least_minor=755)


class TestAnAmountInDinars:
    @pytest.mark.parametrize(
        ("make", "shown"),
        [
            (rule, {"p_step_minor": "0.255", "minimum": "2.125"}),
            (level, {"tiers-2-takes": "400.005"}),
            (goal, {"takes": "1.005"}),
            (friends, {"least": "0.755"}),
        ],
    )
    def test_is_shown_and_saved_to_the_third_decimal(self, root, unit, make, shown):
        row = make(unit)
        page = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
        told = as_opened(root, page)
        assert {name: told[name] for name in shown} == {name: [text] for name, text in shown.items()}
        answer = root.post(page, told)
        assert answer.status_code == 302, answer.context["errors"]
        assert {name: as_opened(root, page)[name] for name in shown} == {name: [text] for name, text in shown.items()}
