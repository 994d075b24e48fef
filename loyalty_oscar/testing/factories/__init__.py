"""
Factories (factory_boy) for everything that a program is made of, on top of Oscar's own in `oscar.test.factories`.

Each writes as the suite writes: points are posted to the ledger, states, levels and rules go through their operations.
A feature that is not installed has none; the others work without it.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps

try:
    import factory as _factory_boy  # noqa: F401 - looked for here, so that one sentence says what is missing
except ModuleNotFoundError as _missing:
    if _missing.name != "factory":
        raise
    raise ImportError(
        'loyalty_oscar.testing.factories needs factory_boy: pip install "loyalty-oscar[testing]"'
    ) from None

from .ledger import AccountFactory, LotFactory, MemberFactory
from .products import ProductSetFactory, ProductSetRangeFactory
from .program import PhaseFactory, PointWorthFactory, ProgramFactory, SegmentFactory, UnitFactory

#: Whose factories are there only where the feature is.
FEATURES = {
    "earning": ("RuleFactory",),
    "redemption": ("RedemptionFactory", "RewardFactory", "UseTermsFactory"),
    "tiers": ("GivenTierFactory", "LadderFactory", "MemberPriceFactory", "TierFactory"),
    "referrals": ("CodeFactory", "ReferralFactory", "SchemeFactory"),
    "exclusives": ("DoorFactory", "SaleFactory"),
    "journeys": ("CampaignFactory", "GoalFactory"),
}

__all__ = [
    "AccountFactory",
    "LotFactory",
    "MemberFactory",
    "PhaseFactory",
    "PointWorthFactory",
    "ProductSetFactory",
    "ProductSetRangeFactory",
    "ProgramFactory",
    "SegmentFactory",
    "UnitFactory",
]

if apps.is_installed("loyalty_oscar.earning"):
    from .earning import RuleFactory

    __all__ += ["RuleFactory"]
if apps.is_installed("loyalty_oscar.redemption"):
    from .redemption import RedemptionFactory, RewardFactory, UseTermsFactory

    __all__ += ["RedemptionFactory", "RewardFactory", "UseTermsFactory"]
if apps.is_installed("loyalty_oscar.tiers"):
    from .tiers import GivenTierFactory, LadderFactory, MemberPriceFactory, TierFactory

    __all__ += ["GivenTierFactory", "LadderFactory", "MemberPriceFactory", "TierFactory"]
if apps.is_installed("loyalty_oscar.referrals"):
    from .referrals import CodeFactory, ReferralFactory, SchemeFactory

    __all__ += ["CodeFactory", "ReferralFactory", "SchemeFactory"]
if apps.is_installed("loyalty_oscar.exclusives"):
    from .exclusives import DoorFactory, SaleFactory

    __all__ += ["DoorFactory", "SaleFactory"]
if apps.is_installed("loyalty_oscar.journeys"):
    from .journeys import CampaignFactory, GoalFactory

    __all__ += ["CampaignFactory", "GoalFactory"]


def __getattr__(name: str) -> Any:
    """Say which app a factory is waiting for."""
    for feature, names in FEATURES.items():
        if name in names:
            raise ImportError(f"{name} needs loyalty_oscar.{feature} in INSTALLED_APPS")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
