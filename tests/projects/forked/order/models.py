from django.db import models
from oscar.apps.order.abstract_models import AbstractOrder


class Order(AbstractOrder):
    parcel_note = models.CharField(max_length=100, blank=True)


from oscar.apps.order.models import *  # noqa: E402, F403
