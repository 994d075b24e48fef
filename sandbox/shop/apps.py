from django.apps import AppConfig


class TumblepawConfig(AppConfig):
    name = "sandbox.shop"
    label = "tumblepaw"
    verbose_name = "Tumblepaw"
