from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class ReferralsConfig(AppConfig):
    name = "loyalty_oscar.referrals"
    label = "loyalty_referrals"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: bring a friend")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from loyalty_oscar.program.hooks import order_effects
        from loyalty_oscar.program.receivers import forget

        from . import givers, merging, words  # noqa: F401
        from .effects import bringing
        from .models import Scheme

        order_effects.register("referrals", order=40)(bringing)
        for signal in (post_save, post_delete):
            signal.connect(forget, sender=Scheme, dispatch_uid="loyalty_oscar.referrals.forget")
