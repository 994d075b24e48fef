"""The system check of the consent hook, and what leaves with the feature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import Error, register
from django.db import connections
from django.utils.module_loading import import_string

from loyalty_oscar.program.checks import are_sound
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.referrals.models import Referral

from ..upkeep.uninstall import uninstall_notes


@register("loyalty")
def check_consent(**kwargs: Any) -> list[Error]:
    """Refuse a consent hook that cannot be called: a cookie set without asking cannot be taken back."""
    path = conf.REFERRAL_CONSENT
    if not path or not are_sound("REFERRAL_CONSENT"):
        return []
    try:
        hook = import_string(path)
    except ImportError:
        hook = None
    if callable(hook):
        return []
    text = f"LOYALTY_REFERRAL_CONSENT is {path!r}, which is no function that can be imported."
    hint = "Write the dotted path of a function that takes the request and answers True or False, or leave it empty."
    return [Error(text, hint=hint, id="loyalty_shop.E001")]


@uninstall_notes.register("referrals")
def what_is_lost(*, names: list[str]) -> Iterator[str]:
    """Say before it happens what becomes of invitations."""
    there = connections[write_db()].introspection.table_names()
    if "referrals" not in names or Referral._meta.db_table not in there:
        return
    open_ones = Referral.objects.filter(state__in=(Referral.State.INVITED, Referral.State.REVIEW)).count()
    if open_ones:
        yield f"friends without a rewarded first order: {open_ones:,}; neither side is rewarded any more"
    if rewarded := Referral.objects.filter(state=Referral.State.REWARDED).count():
        yield f"friends with a rewarded first order: {rewarded:,}; a return no longer takes those points back"
