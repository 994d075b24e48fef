from django.db import models
from oscar.apps.customer.abstract_models import AbstractProductAlert


class ProductAlert(AbstractProductAlert):
    note = models.CharField(max_length=100, blank=True)


from oscar.apps.customer.models import *  # noqa: E402, F403
