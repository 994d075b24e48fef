"""Every change of a program makes this process forget what it remembered."""

from django.db.models.signals import post_delete, post_save

from . import models
from .queries import forget_cache


def forget(**kwargs) -> None:
    forget_cache()


for _model in (models.Program, models.ProgramSite, models.Unit, models.PointWorth, models.ProductSet):
    for _signal in (post_save, post_delete):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.program.forget.{_model.__name__}")
