"""Every change of a sale makes this process forget what it remembered; other processes read again within a minute."""

from typing import Any

from django.db.models.signals import m2m_changed, post_delete, post_save

from loyalty_oscar.program.queries import forget_cache

from .models import Door, MemberList, Sale


def forget(**kwargs: Any) -> None:
    forget_cache()


for _model in (Sale, Door, MemberList):
    for _signal in (post_save, post_delete):
        _signal.connect(forget, sender=_model, dispatch_uid=f"loyalty_oscar.exclusives.forget.{_model.__name__}")
m2m_changed.connect(forget, sender=MemberList.members.through, dispatch_uid="loyalty_oscar.exclusives.forget.members")
