from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class JourneysConfig(AppConfig):
    name = "loyalty_oscar.journeys"
    label = "loyalty_journeys"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: campaigns")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.hooks import moment_notes, order_effects

        from . import found, givers, merging, receivers, traits, words  # noqa: F401
        from .effects import reaching
        from .following import follows
        from .queries import goals_now

        moment_notes.register("goals")(goals_now)
        # After what was earned: a metric may count it.
        order_effects.register("goals", order=25)(reaching)
        # Last: of an order that gave and took all that it does.
        order_effects.register("journeys", order=60)(follows)
