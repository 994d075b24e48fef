from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class InsightsConfig(AppConfig):
    name = "loyalty_oscar.insights"
    label = "loyalty_insights"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: figures")
    default_auto_field = "django.db.models.BigAutoField"
