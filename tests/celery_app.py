"""The Celery of the tests' shop, as a store's own `celery.py` has it: `celery -A tests.celery_app worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

app = Celery("tests", broker=os.environ.get("CELERY_BROKER_URL"), set_as_current=False)
app.conf.update(timezone="UTC", worker_hijack_root_logger=False)
app.autodiscover_tasks()
