"""Every change of a sale makes this process forget what it remembered; other processes read again within a minute."""

from typing import Any

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.program.queries import forget_cache

from .models import Door, Sale


def forget(**kwargs: Any) -> None:
    forget_cache()


for _model in (Sale, Door):
    for _signal in (post_save, post_delete):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.exclusives.forget.{_model.__name__}")
