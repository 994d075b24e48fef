from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class JourneysConfig(AppConfig):
    name = "loyalty_oscar.journeys"
    label = "loyalty_journeys"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: campaigns")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import givers, merging, receivers, words  # noqa: F401
