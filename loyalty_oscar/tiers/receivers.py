"""Every change of a ladder counts the version up and makes this process forget what it remembered."""

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.program.receivers import forget

from .models import Ladder, MemberPrice, Tier

for _model in (Ladder, Tier, MemberPrice):
    for _signal in (post_save, post_delete):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.tiers.forget.{_model.__name__}")
