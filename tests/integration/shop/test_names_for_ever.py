"""The dotted names that Oscar's rows hold: each must load for as long as a shop keeps such a row."""

import pytest
from django.utils.module_loading import import_string
from oscar.core.loading import get_model

from loyalty_oscar.shop import models
from loyalty_oscar.shop.redemption.offer import (
    BENEFIT,
    CONDITION,
    DELIVERY,
    GIFTS,
    REDUCTIONS,
    REWARD_CONDITION,
    make_offer,
)
from loyalty_oscar.shop.tiers.conditions import PROXY

NAMES = {
    "loyalty_oscar.shop.models.PointsCondition": "Condition",
    "loyalty_oscar.shop.models.TierCondition": "Condition",
    "loyalty_oscar.shop.models.PointsBenefit": "Benefit",
    "loyalty_oscar.shop.models.RewardCondition": "Condition",
    "loyalty_oscar.shop.models.GiftBenefit": "Benefit",
    "loyalty_oscar.shop.models.DeliveryBenefit": "Benefit",
    "loyalty_oscar.shop.models.ReductionBenefit": "Benefit",
}


class TestTheDottedNames:
    @pytest.mark.parametrize(("name", "model"), NAMES.items())
    def test_load_what_oscar_asks_for(self, name, model):
        found = import_string(name)
        assert issubclass(found, get_model("offer", model))
        assert found._meta.proxy

    def test_are_all_that_we_declare(self):
        declared = {
            f"{thing.__module__}.{name}"
            for name, thing in vars(models).items()
            if isinstance(thing, type) and getattr(getattr(thing, "_meta", None), "proxy", False)
        }
        assert declared == set(NAMES)

    def test_are_what_the_offer_is_made_with(self, db):
        offer = make_offer()
        assert {CONDITION, BENEFIT, PROXY, REWARD_CONDITION, GIFTS, DELIVERY, REDUCTIONS} == set(NAMES)
        assert isinstance(offer.condition.proxy(), models.PointsCondition)
        assert isinstance(offer.benefit.proxy(), models.PointsBenefit)
