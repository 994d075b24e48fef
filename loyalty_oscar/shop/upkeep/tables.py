"""Which tables stand apart while something is played: all of ours, and all that hangs on a person."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model

from loyalty_oscar.program.models import JobRun, SegmentCount

from ..models import OrderSync, PriceSpan

OURS = "loyalty_oscar."
#: Ours that hang on nobody, and say what was and not what is set up.
OF_BEFORE = (JobRun, SegmentCount, OrderSync, PriceSpan)


def of_people() -> list[type[Model]]:
    """Return what hangs on a person, by whatever way of foreign keys: members, orders, baskets, mails and the rest."""
    models, found = _stored(), {get_user_model()}
    while more := {model for model in models if model not in found and _refers_to(model) & found}:
        found |= more
    return [model for model in models if model in found or model in OF_BEFORE]


def set_up() -> list[type[Model]]:
    """Return what a merchant has set up: ours that hang on nobody. Figures are not among them."""
    people = set(of_people())
    return [
        model
        for model in _stored()
        if model not in people and model.__module__.startswith(OURS) and model._meta.app_label != "loyalty_insights"
    ]


def _stored() -> list[type[Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.managed and _is_own(model)]


def _is_own(model: type[Model]) -> bool:
    return not model._meta.proxy


def _refers_to(model: type[Model]) -> set[type[Model]]:
    return {field.related_model for field in model._meta.concrete_fields if field.remote_field}
