from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class TiersConfig(AppConfig):
    name = "loyalty_oscar.tiers"
    label = "loyalty_tiers"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: levels")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from loyalty_oscar.program.hooks import level_counts, level_lists, moment_notes, order_effects
        from loyalty_oscar.program.registries import facts

        from . import givers, merging, receivers, traits, words  # noqa: F401
        from .effects import climbing
        from .facts import ranks_at, tiers_at
        from .queries import counts_of, levels, percents_now

        level_lists.register("tiers")(levels)
        level_counts.register("tiers")(counts_of)
        facts.register("tier")(tiers_at)
        facts.register("tier_rank")(ranks_at)
        moment_notes.register("levels")(percents_now)
        # After what was earned: a metric may count it.
        order_effects.register("tiers", order=30)(climbing)
