"""Points that can be used, and points set aside for a basket."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import factory
from oscar.core.loading import get_class
from oscar.test.factories import BasketFactory, create_product

from loyalty_oscar.program.models import ProductSet, Reward
from loyalty_oscar.redemption.models import Redemption, RewardCode, UseTerms
from loyalty_oscar.shop.redemption.offer import make_offer, our_offers
from loyalty_oscar.shop.redemption.use_points import use_points

from .base import OperationFactory, RowFactory, TheProgram, now
from .ledger import AccountFactory
from .program import ProgramFactory


class UseTermsFactory(RowFactory):
    """
    What points may pay for in a program: anything, to begin with. Makes the offer among Oscar's that lowers the price.

    A program has them once; asked again it returns those that are there.
    """

    class Meta:
        model = UseTerms
        django_get_or_create = ("program",)

    program = TheProgram(ProgramFactory)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> UseTerms:
        if not our_offers().exists():
            make_offer()
        return super()._create(model_class, *args, **kwargs)

    @factory.post_generation
    def excluded_sets(terms: UseTerms, create: bool, extracted: Iterable[ProductSet] | None, **kwargs: Any) -> None:
        if extracted:
            terms.excluded_sets.set(extracted)


class RedemptionFactory(OperationFactory):
    """
    Points set aside for a basket, as its page does it: 500 of a member who has 1,000, for goods of 100.00.

    Give `account` and `basket` (of its owner, with goods) to say whose; `basket` stands at what it returns.
    """

    class Meta:
        model = Redemption
        exclude = ("terms", "price")

    account = factory.SubFactory(AccountFactory, points=1_000)
    terms = factory.SubFactory(UseTermsFactory, program=factory.SelfAttribute("..account.unit.program"))
    price = Decimal("100.00")
    basket = factory.LazyAttribute(lambda use: _filled(use.account.member.user, use.price))
    points = 500
    at = factory.LazyFunction(now)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Redemption:
        redemption = use_points(unit=kwargs["account"].unit, **kwargs)
        redemption.basket = kwargs["basket"]
        kwargs["account"].refresh_from_db()
        return redemption


class RewardFactory(RowFactory):
    """
    A reward in the catalogue, for every member: a service for 500 points.

    `codes=["A", "B"]` makes it one that gives out a partner's codes, these.
    """

    class Meta:
        model = Reward

    program = TheProgram(ProgramFactory)
    code = factory.Sequence(lambda n: f"reward-{n}")
    name = factory.LazyAttribute(lambda reward: reward.code.replace("-", " ").title())
    kind = "service"
    price = 500

    @factory.post_generation
    def codes(reward: Reward, create: bool, extracted: Iterable[str] | None, **kwargs: Any) -> None:
        if extracted is not None:
            reward.kind = "code"
            reward.save(update_fields=["kind"])
            RewardCode.objects.bulk_create([RewardCode(reward=reward, code=code) for code in extracted])


def _filled(user: Any, price: Decimal) -> Any:
    """Return a basket of somebody with one thing at a price."""
    basket = BasketFactory(owner=user)
    basket.strategy = get_class("partner.strategy", "Selector")().strategy(user=user)
    basket.add_product(create_product(price=price, num_in_stock=10))
    return basket
