"""Everything switched on: a status pipeline, the Celery extra, three languages, two sites."""
