"""Which tables stand apart while something is played: all of ours, and all that hangs on a person."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model

OURS = "loyalty_oscar."
#: Ours that hang on nobody by a foreign key, and say what was and not what is set up.
OF_BEFORE = {
    *("loyalty_exclusives.Reservation", "loyalty_journeys.AnswerCount", "loyalty_journeys.Forecast"),
    *("loyalty_ledger.Batch", "loyalty_program.JobRun", "loyalty_program.SegmentCount"),
    *("loyalty_shop.OrderSync", "loyalty_shop.PriceSpan"),
}
#: Whose tables no play touches.
FIGURES = "loyalty_insights"


def of_people() -> list[type[Model]]:
    """Return what hangs on a person, by whatever way of foreign keys: members, orders, baskets, mails and the rest."""
    models, found = _stored(), {get_user_model()}
    while more := {model for model in models if model not in found and _refers_to(model) & found}:
        found |= more
    return [model for model in models if model in found or model._meta.label in OF_BEFORE]


def set_up() -> list[type[Model]]:
    """Return what a merchant has set up: ours that hang on nobody. Figures are not among them."""
    ours = [model for model in _stored() if model.__module__.startswith(OURS) and model._meta.app_label != FIGURES]
    people = set(of_people())
    return [model for model in ours if model not in people]


def _stored() -> list[type[Model]]:
    models = apps.get_models(include_auto_created=True)
    return [model for model in models if model._meta.managed and not model._meta.proxy]


def _refers_to(model: type[Model]) -> set[type[Model]]:
    return {field.related_model for field in model._meta.concrete_fields if field.remote_field}
