from tests.projects.stock import *  # noqa: F403
from tests.projects.stock import INSTALLED_APPS, LOYALTY, MIDDLEWARE

ROOT_URLCONF = "tests.projects.bare.urls"

if LOYALTY:
    import loyalty_oscar

    INSTALLED_APPS = [*loyalty_oscar.SUITE, *INSTALLED_APPS]
    MIDDLEWARE = [*MIDDLEWARE]
    MIDDLEWARE.insert(
        MIDDLEWARE.index("oscar.apps.basket.middleware.BasketMiddleware") + 1,
        "loyalty_oscar.shop.middleware.LoyaltyMiddleware",
    )
