from django.db import models
from oscar.apps.basket.abstract_models import AbstractBasket


class Basket(AbstractBasket):
    greeting = models.CharField(max_length=100, blank=True)


from oscar.apps.basket.models import *  # noqa: E402, F403
