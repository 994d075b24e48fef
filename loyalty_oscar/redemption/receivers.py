"""Every change of limits and rewards counts their program's version up; this process forgets what it remembered."""

from typing import Any

from django.db.models.signals import m2m_changed, post_delete, post_save

from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.receivers import forget

from .models import LeastOrder, UseTerms


def forget_terms(instance: Any, **kwargs: Any) -> None:
    """Other processes see the version and read again."""
    forget(instance.terms if isinstance(instance, LeastOrder) else instance)


for _signal, _sender in (
    *((signal, model) for signal in (post_save, post_delete) for model in (UseTerms, LeastOrder, Reward)),
    (m2m_changed, UseTerms.excluded_sets.through),
):
    _signal.connect(forget_terms, sender=_sender, dispatch_uid=f"loyalty_oscar.redemption.forget.{_sender.__name__}")
