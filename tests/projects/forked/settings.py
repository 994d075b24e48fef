from pathlib import Path

from tests.projects.stock import *  # noqa: F403
from tests.projects.stock import DATABASES, INSTALLED_APPS, LOYALTY, MIDDLEWARE, TEMPLATES

ROOT_URLCONF = "tests.projects.forked.urls"
AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
OSCAR_DYNAMIC_CLASS_LOADER = "tests.projects.forked.loading.class_loader"
SILENCED_SYSTEM_CHECKS = ["admin.E406"]  # The admin without contrib.messages: Oscar's own test shop does the same.
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]

FORKS = ["basket", "catalogue", "checkout", "customer", "offer", "order", "partner"]
_FORKED = {
    f"oscar.apps.{app}.apps.{app.title()}Config": f"tests.projects.forked.{app}.apps.{app.title()}Config"
    for app in FORKS
}
_FORKED["oscar.apps.dashboard.users.apps.UsersDashboardConfig"] = (
    "tests.projects.forked.users_dashboard.apps.UsersDashboardConfig"
)
INSTALLED_APPS = [_FORKED.get(app, app) for app in INSTALLED_APPS if app != "django.contrib.messages"]
INSTALLED_APPS = ["tests.projects.forked.people", *INSTALLED_APPS]

OSCAR_INITIAL_ORDER_STATUS = OSCAR_INITIAL_LINE_STATUS = "Received"
OSCAR_ORDER_STATUS_PIPELINE = {
    "Received": ("Packed", "Withdrawn"),
    "Packed": ("Handed over", "Withdrawn"),
    "Handed over": (),
    "Withdrawn": (),
}
OSCAR_LINE_STATUS_PIPELINE = OSCAR_ORDER_STATUS_PIPELINE
LOYALTY_DEAD_STATUSES = LOYALTY_DEAD_LINE_STATUSES = ("Withdrawn",)

DATABASES["default"]["ATOMIC_REQUESTS"] = True
TEMPLATES[0]["DIRS"] = [Path(__file__).parent / "templates"]  # Full copies of Oscar's: they shadow ours.
TEMPLATES[0]["OPTIONS"]["context_processors"].append("django.template.context_processors.i18n")
MIDDLEWARE = [*MIDDLEWARE]
MIDDLEWARE.insert(
    MIDDLEWARE.index("django.middleware.common.CommonMiddleware"),
    "django.middleware.locale.LocaleMiddleware",
)

if LOYALTY:
    import loyalty_oscar

    TEMPLATES[0]["DIRS"].insert(0, Path(__file__).parent / "templates_with_points")  # The tags, put in by hand.
    INSTALLED_APPS = [*loyalty_oscar.SUITE, *INSTALLED_APPS]
    MIDDLEWARE.insert(
        MIDDLEWARE.index("oscar.apps.basket.middleware.BasketMiddleware") + 1,
        "loyalty_oscar.shop.middleware.LoyaltyMiddleware",
    )
