from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class TiersConfig(AppConfig):
    name = "loyalty_oscar.tiers"
    label = "loyalty_tiers"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: levels")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.registries import checks, facts, order_effects, written_down

        from . import receivers, words  # noqa: F401
        from .effects import climbing
        from .facts import ranks_at, tiers_at
        from .queries import levels, percents_now

        checks.register("levels:tiers")(levels)
        facts.register("tier")(tiers_at)
        facts.register("tier_rank")(ranks_at)
        written_down.register("levels")(percents_now)
        # After what was earned: a metric may count it.
        order_effects.register("30-tiers")(climbing)
