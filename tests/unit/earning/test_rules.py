"""A rule refuses nonsense when it is built, hence when it is saved."""

import pytest

from loyalty_oscar.earning.rules import build, conditions, earning_rules
from loyalty_oscar.kernel.errors import BadRule, UnknownCode


class TestARule:
    @pytest.mark.parametrize(
        ("code", "params"),
        [
            ("per-amount", {"currency": "EUR", "points": 0, "step_minor": 100}),
            ("per-amount", {"currency": "EUR", "points": 1, "step_minor": -1}),
            ("per-amount", {"currency": "EUR", "points": True, "step_minor": 100}),
            ("per-amount", {"currency": "EUR", "points": 1.5, "step_minor": 100}),
            ("per-amount", {"currency": "euro", "points": 1, "step_minor": 100}),
            ("per-amount", {"currency": "EUR", "points": 1}),
            ("per-amount", {"currency": "EUR", "points": 1, "step_minor": 100, "bonus": 3}),
            ("multiplier", {"percent": 100}),
            ("multiplier", {"percent": 20_000}),
            ("per-unit", {"points": "5"}),
            ("first-order", {}),
        ],
    )
    def test_refuses_nonsense(self, code, params):
        with pytest.raises(BadRule):
            build(registry=earning_rules, code=code, params=params)

    def test_says_which_codes_there_are_when_one_is_unknown(self):
        with pytest.raises(UnknownCode, match="per-amount"):
            build(registry=earning_rules, code="per-smile", params={})


class TestACondition:
    @pytest.mark.parametrize(
        ("code", "params"),
        [
            ("minimum-spend", {"currency": "EUR", "minimum_minor": 0}),
            ("product-set", {"sets": []}),
            ("product-set", {"sets": "beds"}),
            ("product-set", {"sets": ["beds"], "outside": "no"}),
            ("dates", {}),
            ("dates", {"first": "31.05.2026"}),
            ("dates", {"first": "2026-06-01", "last": "2026-05-01"}),
        ],
    )
    def test_refuses_nonsense(self, code, params):
        with pytest.raises(BadRule):
            build(registry=conditions, code=code, params=params)
