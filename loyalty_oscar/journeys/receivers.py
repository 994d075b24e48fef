"""Every change of a campaign counts the version up and makes this process forget what it remembered."""

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.program.receivers import forget

from .models import Campaign

for _signal in (post_save, post_delete):
    _signal.connect(forget, sender=Campaign, dispatch_uid="loyalty_oscar.journeys.forget.Campaign")
