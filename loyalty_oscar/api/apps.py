from importlib import import_module

from django.apps import AppConfig, apps
from django.utils.translation import pgettext_lazy

#: Features of floor 3 that have a file here; each is loaded only where its app is listed.
FEATURES = ("redemption", "journeys")


class ApiConfig(AppConfig):
    name = "loyalty_oscar.api"
    label = "loyalty_api"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: API")

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers itself

        for feature in FEATURES:
            if apps.is_installed(f"loyalty_oscar.{feature}"):
                import_module(f"{self.name}.{feature}")
