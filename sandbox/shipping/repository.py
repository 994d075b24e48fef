"""Delivery: 4.90 €, free from 39.00 € of goods."""

from decimal import Decimal

from oscar.apps.shipping import methods, repository
from oscar.core.prices import Price

CHARGE, NET_CHARGE, FREE_FROM = Decimal("4.90"), Decimal("4.12"), Decimal("39.00")


class Parcel(methods.Base):
    """A parcel to the door; what counts for free delivery is what the goods cost after all discounts."""

    code = "parcel"
    name = "Delivery"
    description = "With you in two to three working days. Free from 39.00\u00a0€."

    def missing_to_free(self, basket):
        """What the basket nudge says."""
        return FREE_FROM - basket.total_incl_tax

    def calculate(self, basket):
        if basket.total_incl_tax >= FREE_FROM:
            return Price(currency=basket.currency, excl_tax=Decimal("0.00"), tax=Decimal("0.00"))
        return Price(currency=basket.currency, excl_tax=NET_CHARGE, incl_tax=CHARGE)


class Repository(repository.Repository):
    """The parcel service, and no other."""

    methods = (Parcel(),)
