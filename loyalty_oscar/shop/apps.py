from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import pgettext_lazy

#: Features of floor 3, and the figures of floor 4, have a room here; each is loaded only where its app is listed.
FEATURES = ("earning", "redemption", "tiers", "referrals", "exclusives", "journeys", "insights")


class ShopConfig(AppConfig):
    name = "loyalty_oscar.shop"
    label = "loyalty_shop"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: shop")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import notices, people, self_service, testclock  # noqa: F401 - each registers its pieces
        from .dashboard import freezing, goodwill, members, nav, panels, returns  # noqa: F401
        from .orders import (  # noqa: F401 - each registers its pieces
            changes,
            countries,
            elsewhere,
            letters,
            range_guard,
            receivers,
        )
        from .storefront import basket_holds, delivery, newcomers, shown_total  # noqa: F401 - each registers its pieces
        from .upkeep import checks, setup_page, wizard  # noqa: F401 - each registers its pieces

        nav.add()
        for feature in FEATURES:
            if apps.is_installed(f"loyalty_oscar.{feature}"):
                import_module(f"{self.name}.{feature}")
        from . import segments

        autodiscover_modules("loyalty_rules")
        segments.channel.register()
