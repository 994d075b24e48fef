from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class EarningConfig(AppConfig):
    name = "loyalty_oscar.earning"
    label = "loyalty_earning"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: earning")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.hooks import order_effects

        from . import give_back, givers, merging, words  # noqa: F401
        from .effects import earning

        order_effects.register("earning", order=20)(earning)
