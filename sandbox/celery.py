"""
The queue of the demo shop, in use where `CELERY_BROKER_URL` is set.

A worker: `celery --app sandbox worker`.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")

app = Celery("sandbox")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
