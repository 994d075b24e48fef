"""Floor 6: Celery. Listed by hand with the extra `celery`; the shop works without it."""
