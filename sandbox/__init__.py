"""Tumblepaw, a demo shop for dogs, cats and small pets: stock Oscar with the loyalty suite on top."""

import os

if os.environ.get("CELERY_BROKER_URL"):
    from .celery import app as celery  # The web process needs to know the broker too. # noqa: F401
