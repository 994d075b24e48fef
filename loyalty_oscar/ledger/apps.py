from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import pgettext_lazy


class LedgerConfig(AppConfig):
    name = "loyalty_oscar.ledger"
    label = "loyalty_ledger"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: ledger")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import gifts, givers, metrics, receivers, traits, triggers, words  # noqa: F401

        post_migrate.connect(triggers.lay, sender=self, dispatch_uid="loyalty_oscar.ledger.triggers")
