from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class ExclusivesConfig(AppConfig):
    name = "loyalty_oscar.exclusives"
    label = "loyalty_exclusives"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: exclusive sales")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.hooks import order_effects

        from . import faults, merging, receivers  # noqa: F401
        from .effects import selling

        order_effects.register("exclusives", order=50)(selling)
