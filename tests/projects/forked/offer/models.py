from django.db import models
from oscar.apps.offer.abstract_models import AbstractConditionalOffer


class ConditionalOffer(AbstractConditionalOffer):
    season = models.CharField(max_length=100, blank=True)


from oscar.apps.offer.models import *  # noqa: E402, F403
