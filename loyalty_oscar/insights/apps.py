from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.translation import pgettext_lazy

#: What figures and trials ask of features has a room here; each is loaded only where its app is listed.
FEATURES = ("earning", "exclusives", "journeys", "redemption", "referrals", "tiers")


class InsightsConfig(AppConfig):
    name = "loyalty_oscar.insights"
    label = "loyalty_insights"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: figures")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        for feature in FEATURES:
            if apps.is_installed(f"loyalty_oscar.{feature}"):
                import_module(f"{self.name}.{feature}")
