"""Is the suite rightly installed: apps, middleware, addresses, versions, settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django import VERSION as DJANGO_VERSION
from django.apps import apps
from django.conf import settings
from django.contrib.sites.models import Site
from django.core import checks as system_checks
from django.core.cache import caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.urls import get_resolver
from django.utils.module_loading import import_string
from oscar import VERSION as OSCAR_VERSION
from oscar.apps.basket.middleware import BasketMiddleware
from oscar.core.application import OscarConfig
from oscar.core.loading import get_class, get_model

from loyalty_oscar.program.models import Program, ProgramSite, State

from .findings import Finding, Level, doctor_checks

#: What this version was tested with (tox.ini).
TESTED = {"Django": ("5.2", "6.0", "6.1"), "Oscar": ("4.1", "4.2")}
MIDDLEWARE = "loyalty_oscar.shop.middleware.LoyaltyMiddleware"


@doctor_checks.register("apps", order=10)
def app_order(*, at: datetime) -> Iterator[Finding]:
    """Our apps stand before Oscar's, or its templates hide ours."""
    configs = list(apps.get_app_configs())
    ours = [number for number, config in enumerate(configs) if config.name == "loyalty_oscar.shop"]
    oscars = [number for number, config in enumerate(configs) if isinstance(config, OscarConfig)]
    if ours and oscars and ours[0] > oscars[0]:
        hint = "Write INSTALLED_APPS = [*loyalty_oscar.SUITE, *INSTALLED_APPS]."
        text = f"loyalty_oscar.shop stands behind {configs[oscars[0]].name}: nothing of ours is shown."
        yield Finding(level=Level.ERROR, about="apps", text=text, hint=hint)
    else:
        yield Finding(level=Level.OK, about="apps", text="stand before Oscar's")


@doctor_checks.register("middleware", order=11)
def middleware(*, at: datetime) -> Iterator[Finding]:
    """Our middleware is there, behind the one that gives the basket."""
    names = list(settings.MIDDLEWARE)
    basket = [number for number, name in enumerate(names) if _brings_basket(name)]
    if MIDDLEWARE not in names:
        text, hint = "ours is missing: no points in any page", f"Add {MIDDLEWARE!r} behind Oscar's BasketMiddleware."
        yield Finding(level=Level.ERROR, about="middleware", text=text, hint=hint)
    elif not basket or names.index(MIDDLEWARE) < basket[-1]:
        text, hint = "ours stands before the one that brings the basket", "Move it behind Oscar's BasketMiddleware."
        yield Finding(level=Level.WARNING, about="middleware", text=text, hint=hint)
    else:
        yield Finding(level=Level.OK, about="middleware", text="stands behind Oscar's BasketMiddleware")


def _brings_basket(name: str) -> bool:
    """Whether a middleware is Oscar's for baskets: one derived from it, or of its name in a shop that wrote it anew."""
    try:
        found = import_string(name)
    except ImportError:
        return False
    derived = isinstance(found, type) and issubclass(found, BasketMiddleware)
    return derived or name.endswith(".BasketMiddleware")


@doctor_checks.register("addresses", order=12)
def addresses(*, at: datetime) -> Iterator[Finding]:
    """The customer's pages have an address."""
    if "loyalty" in get_resolver().namespace_dict:
        yield Finding(level=Level.OK, about="addresses", text="the customer's pages are included")
    else:
        hint = 'Add path("loyalty/", include("loyalty_oscar.urls")) to your urlpatterns.'
        text = "the customer's pages have none"
        yield Finding(level=Level.ERROR, about="addresses", text=text, hint=hint)


@doctor_checks.register("site", order=12)
def named_site(*, at: datetime) -> Iterator[Finding]:
    """The site that mails speak for has the shop's own domain, and not the one that Django begins with."""
    programs = Program.objects.exclude(state=State.DRAFT)
    speaking = set(ProgramSite.objects.filter(program__in=programs).values_list("site_id", flat=True))
    # A program without sites of its own speaks for the shop's.
    if programs.filter(sites=None).exists():
        speaking.add(
            getattr(settings, "SITE_ID", None) or Site.objects.order_by("pk").values_list("pk", flat=True).first()
        )
    if Site.objects.filter(pk__in=speaking, domain="example.com").exists():
        text = f"mails lead to {settings.OSCAR_URL_SCHEMA}://example.com/"
        hint = "Write the shop's domain under Sites in the admin; OSCAR_URL_SCHEMA says whether links begin with https."
        yield Finding(level=Level.WARNING, about="addresses", text=text, hint=hint)


@doctor_checks.register("settings", order=13)
def settings_checked(*, at: datetime) -> Iterator[Finding]:
    """What the system checks say: names, values, statuses, the modes of SQLite."""
    found = system_checks.run_checks(tags=["loyalty"])
    for message in found:
        level = Level.ERROR if message.is_serious() else Level.WARNING
        yield Finding(level=level, about="settings", text=str(message.msg), hint=str(message.hint or ""))
    if not found:
        yield Finding(level=Level.OK, about="settings", text="names, values and order statuses fit")


@doctor_checks.register("versions", order=14)
def versions(*, at: datetime) -> Iterator[Finding]:
    """Django and Oscar are of those that were tested; Oscar before 4.2 breaks with a newer treebeard."""
    found = {"Django": ".".join(map(str, DJANGO_VERSION[:2])), "Oscar": ".".join(map(str, OSCAR_VERSION[:2]))}
    for name in (name for name in found if found[name] not in TESTED[name]):
        text = f"this version was tested with {name} {', '.join(TESTED[name])}, and not with {found[name]}"
        hint = "Try a purchase and a return: `manage.py loyalty_doctor --rehearse`."
        yield Finding(level=Level.NOTE, about="versions", text=text, hint=hint)
    try:
        treebeard = version("django-treebeard")
    except PackageNotFoundError:
        return
    if OSCAR_VERSION[:2] < (4, 2) and int(treebeard.partition(".")[0]) >= 5:
        text = f"Oscar {OSCAR_VERSION[0]}.{OSCAR_VERSION[1]} does not work with django-treebeard {treebeard}"
        yield Finding(level=Level.ERROR, about="versions", text=text, hint='pip install "django-treebeard<5"')
    else:
        text = " and ".join(f"{name} {number}" for name, number in found.items())
        yield Finding(level=Level.OK, about="versions", text=text)


@doctor_checks.register("cache", order=15)
def counting(*, at: datetime) -> Iterator[Finding]:
    """Whether tries are counted for all processes together: code words, points for registering, the API."""
    if not Program.objects.exclude(state=State.DRAFT).exists():
        return
    hint = "Let all processes share one cache: Redis, Memcached, or Django's own in the database."
    if isinstance(caches["default"], DummyCache):
        text = "the default one keeps nothing: no code word brings points, and no address can be confirmed"
        yield Finding(level=Level.ERROR, about="cache", text=text, hint=hint)
    elif isinstance(caches["default"], LocMemCache):
        level = Level.NOTE if settings.DEBUG else Level.WARNING
        text = "each process counts tries for itself: with four of them people may guess four times as often"
        yield Finding(level=level, about="cache", text=text, hint=hint)


@doctor_checks.register("tax", order=15)
def offers_and_tax(*, at: datetime) -> Iterator[Finding]:
    """Whether offers count as prices are shown; our own discount is right to the cent either way."""
    with_tax = getattr(settings, "OSCAR_OFFERS_INCL_TAX", False)
    product = get_model("catalogue", "Product").objects.filter(stockrecords__isnull=False).first()
    if product is None:
        return
    price: Any = get_class("partner.strategy", "Selector")().strategy().fetch_for_product(product).price
    if not price.exists:
        return
    if with_tax and not price.is_tax_known:
        text = "OSCAR_OFFERS_INCL_TAX is on, and prices do not know their tax: Oscar's own offers fail"
        yield Finding(level=Level.WARNING, about="tax", text=text, hint="Set OSCAR_OFFERS_INCL_TAX = False.")
    elif not with_tax and price.is_tax_known and price.tax:
        text = (
            "prices are shown with tax, and OSCAR_OFFERS_INCL_TAX is off: 5.00 off in Oscar's own offers becomes more"
        )
        hint = "Points are right to the cent either way. Plugins that read Oscar's LinePrice want it on."
        yield Finding(level=Level.NOTE, about="tax", text=text, hint=hint)
