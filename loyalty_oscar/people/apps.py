from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class PeopleConfig(AppConfig):
    name = "loyalty_oscar.people"
    label = "loyalty_people"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: people")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import allowing, merging, traits_consent  # noqa: F401
