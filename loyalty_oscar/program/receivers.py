"""Every change of a program counts its version up and makes this process forget what it remembered."""

from typing import Any

from django.db.models.signals import post_delete, post_save

from . import models
from .operations import touch_version


def forget(instance: Any, **kwargs: Any) -> None:
    """Other processes see the version and read again. What belongs to no one program in particular is of all."""
    program_id = instance.pk if isinstance(instance, models.Program) else getattr(instance, "program_id", None)
    touch_version(program_id=program_id)


for _model in (
    *(models.Program, models.ProgramSite, models.Phase, models.Unit),
    *(models.PointWorth, models.ProductSet, models.Segment, models.TermsVersion),
):
    for _signal in (post_save, post_delete):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.program.forget.{_model.__name__}")
