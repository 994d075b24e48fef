"""
The store developer's door: what a store may register, from a `loyalty_rules.py` in any of its apps.

    from loyalty_oscar import extend

    @extend.earning_rules.register("per-kilo")
    @dataclass(frozen=True, kw_only=True, slots=True)
    class PerKilo: ...

A code is for ever, because rows name it. A second claim to a code is refused.
"""

from loyalty_oscar.earning.rules import Condition, EarningRule, conditions, earning_rules
from loyalty_oscar.journeys.occasions import Occasion, occasions
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase
from loyalty_oscar.program.registries import (
    FactProvider,
    Grant,
    OrderEffect,
    Panel,
    checks,
    facts,
    grants,
    order_effects,
    panels,
)
from loyalty_oscar.program.tasks import backends as task_backends
from loyalty_oscar.program.words import reasons
from loyalty_oscar.referrals.rules import Person, ReferralCheck
from loyalty_oscar.referrals.rules import checks as referral_checks
from loyalty_oscar.shop.elsewhere import admitted_elsewhere
from loyalty_oscar.shop.notices import report_bounce
from loyalty_oscar.shop.notices.letters import languages
from loyalty_oscar.shop.told import act, address_confirmed, brought, undo_act
from loyalty_oscar.tiers.metrics import TierMetric
from loyalty_oscar.tiers.metrics import metrics as tier_metrics

__all__ = [
    "BadRule",
    "Because",
    "Condition",
    "EarningRule",
    "FactProvider",
    "Grant",
    "LineFacts",
    "Occasion",
    "OrderEffect",
    "OrderFacts",
    "Panel",
    "Person",
    "Purchase",
    "ReferralCheck",
    "TierMetric",
    "act",
    "address_confirmed",
    "admitted_elsewhere",
    "brought",
    "checks",
    "conditions",
    "earning_rules",
    "facts",
    "grants",
    "languages",
    "occasions",
    "order_effects",
    "panels",
    "reasons",
    "referral_checks",
    "report_bounce",
    "task_backends",
    "tier_metrics",
    "undo_act",
]
