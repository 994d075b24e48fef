from django.db import models
from oscar.apps.partner.abstract_models import AbstractPartner


class Partner(AbstractPartner):
    region = models.CharField(max_length=100, blank=True)


from oscar.apps.partner.models import *  # noqa: E402, F403
