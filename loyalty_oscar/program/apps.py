from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class ProgramConfig(AppConfig):
    name = "loyalty_oscar.program"
    label = "loyalty_program"
    verbose_name = pgettext_lazy("loyalty", "Loyalty")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, metrics, receivers, segments  # noqa: F401
