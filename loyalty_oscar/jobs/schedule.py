"""
What Celery's beat does instead of cron. In a store's settings:

    from loyalty_oscar.jobs.schedule import SCHEDULE

    CELERY_BEAT_SCHEDULE = {**SCHEDULE}

One entry is enough: the task does every job in its order, and what is nightly once a day.
"""

EVERY_SECONDS = 300

SCHEDULE = {
    "loyalty-jobs": {
        "task": "loyalty_oscar.run",
        "schedule": EVERY_SECONDS,
        "args": ("jobs", {}),
        # A worker that was away does one round when it is back, not all that were missed.
        "options": {"expires": EVERY_SECONDS},
    },
}
