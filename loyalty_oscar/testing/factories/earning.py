"""Rules by which orders earn."""

from __future__ import annotations

from typing import Any

import factory

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.earning.operations import save_rule

from .base import OperationFactory, TheProgram, an_hour_ago
from .program import ProgramFactory


class RuleFactory(OperationFactory):
    """
    A rule in force since its program earns: 1 point for each 1.00 paid.

    `points` and `step_minor` say how many for how much; `double` and `first_order` are rules of other types, `type` and
    `params` any. `narrowed` is a list of conditions, each `{"code": …, "params": {…}}`.
    """

    class Meta:
        model = Rule
        exclude = ("points", "step_minor")

    class Params:
        double = factory.Trait(type="multiplier", params={"percent": 200})
        first_order = factory.Trait(
            type="first-order", points=20, params=factory.LazyAttribute(lambda rule: {"points": rule.points})
        )

    program = TheProgram(ProgramFactory, rule=None)
    code = factory.Sequence(lambda n: f"rule-{n}")
    name = factory.LazyAttribute(lambda rule: rule.code.replace("-", " ").capitalize())
    type = "per-amount"
    points = 1
    step_minor = 100
    params = factory.LazyAttribute(
        lambda rule: {"currency": rule.program.currency, "points": rule.points, "step_minor": rule.step_minor}
    )
    narrowed = ()
    is_on = True
    actor = "system"
    at = factory.LazyAttribute(lambda rule: rule.program.earns_from or an_hour_ago())

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Rule:
        program = kwargs.pop("program")
        return save_rule(unit=program.unit, **kwargs)
