from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class JobsConfig(AppConfig):
    name = "loyalty_oscar.jobs"
    label = "loyalty_jobs"
    verbose_name = pgettext_lazy("loyalty", "Loyalty: jobs")

    def ready(self) -> None:
        from loyalty_oscar.program.tasks import backends
        from loyalty_oscar.shop.upkeep import jobs  # noqa: F401 - registers the task that the schedule names  # noqa: F401 - registers the task that the schedule names

        from . import doctor, tasks  # noqa: F401

        backends.register("celery")(tasks.hand_over)
