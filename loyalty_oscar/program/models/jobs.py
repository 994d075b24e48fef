"""When jobs ran."""

from __future__ import annotations

from django.db import models
from django.utils.translation import pgettext_lazy


class JobRun(models.Model):
    """
    When a job last ran and what it did: one row a job, so that the doctor can say so.

    `good_at` is when its last run began that went well, `wanted_at` when it was asked for though it was done,
    `cursor` where a long walk goes on that was cut short.
    `skipped` names by id the accounts that it had to leave alone, and says why.
    """

    name = models.CharField(pgettext_lazy("loyalty", "name"), max_length=40, unique=True)
    started_at = models.DateTimeField(pgettext_lazy("loyalty", "last ran"))
    finished_at = models.DateTimeField(pgettext_lazy("loyalty", "finished"), null=True, blank=True)
    done = models.PositiveIntegerField(pgettext_lazy("loyalty", "done"), default=0)
    error = models.CharField(pgettext_lazy("loyalty", "trouble"), max_length=200, blank=True)
    skipped = models.JSONField(null=True, blank=True)
    good_at = models.DateTimeField(pgettext_lazy("loyalty", "last went well"), null=True, blank=True)
    wanted_at = models.DateTimeField(null=True, blank=True)
    cursor = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name = pgettext_lazy("loyalty", "job")
        verbose_name_plural = pgettext_lazy("loyalty", "jobs")

    def __str__(self) -> str:
        return self.name
