"""Product sets, tied to ranges of Oscar's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import factory
from oscar.test.factories import RangeFactory

from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.shop.models import ProductSetRange

from .base import RowFactory


class ProductSetRangeFactory(RowFactory):
    """The tie of a product set to a range of Oscar's. A product set has one already (`tie__range`)."""

    class Meta:
        model = ProductSetRange

    product_set = factory.SubFactory("loyalty_oscar.testing.factories.ProductSetFactory", tie=None)
    range = factory.SubFactory(RangeFactory, name=factory.SelfAttribute("..product_set.name"))


class ProductSetFactory(RowFactory):
    """
    A product set with these products, in a new range of its name: `ProductSetFactory(products=[bed])`.

    `tie__range=…` ties it to a range that is there, `tie=None` to none; with
    `tie__range__includes_all_products=True` it holds everything.
    """

    class Meta:
        model = ProductSet

    code = factory.Sequence(lambda n: f"set-{n}")
    name = factory.LazyAttribute(lambda found: found.code.replace("-", " ").capitalize())

    tie = factory.RelatedFactory(ProductSetRangeFactory, "product_set")

    @factory.post_generation
    def products(product_set: ProductSet, create: bool, extracted: Iterable[Any] | None, **kwargs: Any) -> None:
        for product in extracted or ():
            product_set.tie.range.add_product(product)
