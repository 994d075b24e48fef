"""A loyalty program for django-oscar shops: points with a reason, in the shop's own database."""

__version__ = "0.1.0"

#: What a store lists first in INSTALLED_APPS. `loyalty_oscar.jobs` and `loyalty_oscar.api` are listed by hand.
SUITE = [
    "loyalty_oscar.program",
    "loyalty_oscar.ledger",
    "loyalty_oscar.people",
    "loyalty_oscar.earning",
    "loyalty_oscar.redemption",
    "loyalty_oscar.tiers",
    "loyalty_oscar.referrals",
    "loyalty_oscar.exclusives",
    "loyalty_oscar.journeys",
    "loyalty_oscar.insights",
    "loyalty_oscar.shop",
]
