from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class PeopleConfig(AppConfig):
    name = "loyalty_oscar.people"
    label = "loyalty_people"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: people")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.hooks import order_effects

        from . import allowing, merging, traits, traits_consent  # noqa: F401
        from .effects import receipts

        # After what was earned: whoever earns becomes a member by it.
        order_effects.register("people", order=21)(receipts)
