"""How far the seed has come, so that it can be stopped and started again."""

from django.db import models


class SeedRun(models.Model):
    """One past, told up to `today`; `events` of it have happened so far."""

    today = models.DateTimeField()
    events = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
