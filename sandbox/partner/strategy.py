"""
Prices as German shops show them: VAT included.

A stock record keeps the price on the shelf. The net price is worked out from it and rounded to the cent, so that what
the customer reads never moves. Food bears the reduced rate.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from oscar.apps.partner import strategy
from oscar.apps.partner.prices import TaxInclusiveFixedPrice, Unavailable
from oscar.core.loading import get_model

CENT = Decimal("0.01")
STANDARD = (Decimal("0.19"), "DE-19")
REDUCED = {"food": (Decimal("0.07"), "DE-7")}  # by slug of the product class


@cache
def rate_of(product_class_id):
    """Rate and tax code of a product class; asked for every price that is shown, so it is kept."""
    slug = get_model("catalogue", "ProductClass").objects.values_list("slug", flat=True).get(pk=product_class_id)
    return REDUCED.get(slug, STANDARD)


class GermanVat:
    """Pricing policy: the shelf price, with the VAT that it contains."""

    def pricing_policy(self, product, stockrecord):
        if not stockrecord or stockrecord.price is None:
            return Unavailable()
        rate, tax_code = rate_of((product.parent if product.is_child else product).product_class_id)
        net = (stockrecord.price / (1 + rate)).quantize(CENT, ROUND_HALF_UP)
        return TaxInclusiveFixedPrice(
            currency=stockrecord.price_currency,
            excl_tax=net,
            tax=stockrecord.price - net,
            tax_code=tax_code,
        )

    def parent_pricing_policy(self, product, children_stock):
        """A parent costs what its cheapest variant costs."""
        priced = [(child, record) for child, record in children_stock if record and record.price is not None]
        if not priced:
            return Unavailable()
        return self.pricing_policy(*min(priced, key=lambda pair: pair[1].price))


class Strategy(strategy.UseFirstStockRecord, strategy.StockRequired, GermanVat, strategy.Structured):
    """The only stock record, only while there is stock, VAT included."""


class Selector:
    """One strategy for everybody."""

    def strategy(self, request=None, user=None, **kwargs):
        return Strategy(request)
