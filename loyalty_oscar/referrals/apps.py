from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class ReferralsConfig(AppConfig):
    name = "loyalty_oscar.referrals"
    label = "loyalty_referrals"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: bring a friend")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.registries import order_effects

        from . import words  # noqa: F401
        from .effects import bringing

        order_effects.register("40-referrals")(bringing)
