from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class RedemptionConfig(AppConfig):
    name = "loyalty_oscar.redemption"
    label = "loyalty_redemption"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: using")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.hooks import order_effects

        from . import gifts, kinds, merging, receivers, words  # noqa: F401
        from .effects import using

        # Before what was earned is taken back: points that return can pay for it.
        order_effects.register("redemption", order=10)(using)
