"""
Every change of limits and rewards counts their program's version up, and this process forgets what it remembered.
Where a program goes on after a pause, the dates of rewards that members have move by it.
"""

from datetime import datetime
from typing import Any

from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Program, Reward, State
from loyalty_oscar.program.receivers import forget
from loyalty_oscar.program.signals import program_state_changed

from .models import LeastOrder, UseTerms
from .operations import put_off_all


def forget_terms(instance: Any, **kwargs: Any) -> None:
    """Other processes see the version and read again."""
    forget(instance.terms if isinstance(instance, LeastOrder) else instance)


for _signal, _sender in (
    *((signal, model) for signal in (post_save, post_delete) for model in (UseTerms, LeastOrder, Reward)),
    (m2m_changed, UseTerms.excluded_sets.through),
):
    _signal.connect(forget_terms, sender=_sender, dispatch_uid=f"loyalty_oscar.redemption.forget.{_sender.__name__}")


@receiver(program_state_changed, sender=Program, dispatch_uid="loyalty_oscar.redemption.go_on")
def go_on(sender: type[Program], program: Program, before: str, after: str, at: datetime, **kwargs: Any) -> None:
    """Move the dates by the pause that is over, in the transaction that ends it."""
    if before != State.PAUSED or after not in (State.LIVE, State.CLOSING):
        return
    paused = program.phases.using(write_db()).filter(state=State.PAUSED).last()
    if paused is not None:
        put_off_all(program_id=program.pk, since=paused.starts_at, until=at)
