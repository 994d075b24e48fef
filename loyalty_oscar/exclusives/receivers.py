"""Every change of a sale counts the version up and makes this process forget what it remembered."""

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.program.receivers import forget

from .models import Door, Sale

for _model in (Sale, Door):
    for _signal in (post_save, post_delete):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.exclusives.forget.{_model.__name__}")
