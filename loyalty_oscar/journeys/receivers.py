"""Every change of a campaign, its texts or a goal counts the version up and makes this process forget what it knew."""

from django.db.models.signals import post_delete, post_save

from loyalty_oscar.program.receivers import forget

from .models import Campaign, CampaignText, Goal

for _signal in (post_save, post_delete):
    for _model in (Campaign, CampaignText, Goal):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.journeys.forget.{_model.__name__}")
