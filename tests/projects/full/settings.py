import os

from tests.projects.stock import *  # noqa: F403
from tests.projects.stock import DATABASES, INSTALLED_APPS, LOYALTY, MIDDLEWARE, TEMPLATES

ROOT_URLCONF = "tests.projects.bare.urls"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch"), ("pl", "Polski")]

OSCAR_INITIAL_ORDER_STATUS = OSCAR_INITIAL_LINE_STATUS = "Pending"
OSCAR_ORDER_STATUS_PIPELINE = {
    "Pending": ("Being processed", "Cancelled"),
    "Being processed": ("Complete", "Cancelled"),
    "Complete": (),
    "Cancelled": (),
}
OSCAR_LINE_STATUS_PIPELINE = OSCAR_ORDER_STATUS_PIPELINE
OSCAR_ORDER_STATUS_CASCADE = {status: status for status in OSCAR_ORDER_STATUS_PIPELINE}

MIDDLEWARE = [*MIDDLEWARE]
MIDDLEWARE.insert(
    MIDDLEWARE.index("django.middleware.common.CommonMiddleware"),
    "django.middleware.locale.LocaleMiddleware",
)
TEMPLATES[0]["OPTIONS"]["context_processors"].append("django.template.context_processors.i18n")

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"].setdefault("OPTIONS", {})["transaction_mode"] = "IMMEDIATE"

CELERY_TASK_ALWAYS_EAGER = True  # No broker in this matrix: the test of the jobs starts a real one.

if LOYALTY:
    import loyalty_oscar

    _SUITE = [app for app in loyalty_oscar.SUITE if app not in os.environ.get("LOYALTY_WITHOUT", "").split()]
    _API = ["loyalty_oscar.api", "rest_framework", "drf_spectacular"]
    INSTALLED_APPS = [*_SUITE, "loyalty_oscar.jobs", *_API, *INSTALLED_APPS]
    MIDDLEWARE.insert(
        MIDDLEWARE.index("oscar.apps.basket.middleware.BasketMiddleware") + 1,
        "loyalty_oscar.shop.middleware.LoyaltyMiddleware",
    )
