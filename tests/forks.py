"""Shops whose lines work out their prices in their own way, as forks of Oscar's basket do."""

from decimal import Decimal as D

from oscar.core.loading import get_model
from oscar.core.utils import round_half_up_two_dec

Line = get_model("basket", "Line")
WITH_TAX = "line_price_incl_tax_incl_discounts"


def takes_discounts_off_the_price_with_tax(monkeypatch):
    """As django-oscar-bluelight: what a line costs with tax falls by discounts without; discounts with tax are none."""

    def price(self):
        if self.line_price_incl_tax is None:
            return None
        return max(D(0), round_half_up_two_dec(self.line_price_incl_tax - self.discount_value))

    def discount(self, discount_value, affected_quantity, incl_tax=True, offer=None):
        if incl_tax:
            raise RuntimeError("discounts with tax are not supported")
        self.discounts.discount(discount_value, affected_quantity, incl_tax, offer)

    monkeypatch.setattr(Line, WITH_TAX, property(price))
    monkeypatch.setattr(Line, "discount", discount)


def costs_whole_coins(monkeypatch):
    """What a line costs with tax is rounded up to whole five cents after discounts: nobody can tell what one brings."""
    plain = getattr(Line, WITH_TAX).fget

    def price(self):
        five = D("0.05")
        return -(-plain(self) // five) * five if self.discounts.all() else plain(self)

    monkeypatch.setattr(Line, WITH_TAX, property(price))


def rises_with_discounts(monkeypatch):
    """A fault of the shop's own: a discount makes a line dearer."""
    monkeypatch.setattr(Line, WITH_TAX, property(lambda self: self.line_price_incl_tax + self.discount_value))


def breaks_at_discounts(monkeypatch):
    """A line that takes discounts of its own shop alone."""

    def discount(self, discount_value, affected_quantity, incl_tax=True, offer=None):
        self.discounts.discount(discount_value, affected_quantity, incl_tax, offer)
        self._told = [*getattr(self, "_told", []), offer]
        if offer is not None and offer.priority < 0:
            raise LookupError("no such offer")

    monkeypatch.setattr(Line, "discount", discount)
