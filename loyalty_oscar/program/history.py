"""
Who changed what from which value to which, in Django's own history of the admin.

Django's log names fields alone. Ours has both values beside each, in the words of the page on which they were typed;
it is kept as JSON, as Django's is, so every page that shows a history shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import pgettext

from . import money
from .forms import PointsAsMoney
from .models import Member
from .numbers import NumbersInWords
from .words import moment

#: So much of a value is kept: a page of terms has its own versions.
LONGEST = 80


@runtime_checkable
class TypesMoney(Protocol):
    """A form with fields in which amounts are typed."""

    def currencies(self, name: str) -> tuple[str, str]:
        """Return the currency of a field's amount as it was, and as it is typed; empty where it holds no money."""
        ...


class TellsChanges(NumbersInWords):
    """
    For pages of the admin that are edited: their history says both values of what was changed.

    One that is saved as it was opened writes nothing at all: no row, no version of its program, no line of history.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change or form.changed_data:
            super().save_model(request, obj, form, change)  # type: ignore[misc]  # Of ModelAdmin.

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_change(request, obj, message) if message else None  # type: ignore[misc]

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        told = super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]  # Of ModelAdmin.
        rows = [row for formset in formsets or () for row in _changed_rows(formset)]
        for one in told:
            changed = one.get("changed")
            if changed is None:
                continue
            # Django names the object of a row, and none for the page itself.
            typed = form if "object" not in changed else rows.pop(0) if rows else None
            if typed is not None:
                changed["fields"] = list(changes(form=typed))
        return told


def _changed_rows(formset: Any) -> list[Any]:
    """Return the forms of rows that were changed, in the order in which Django tells of them."""
    known = {id(row): fields for row, fields in getattr(formset, "changed_objects", ())}
    return [form for form in formset.initial_forms if id(form.instance) in known]


def changes(*, form: forms.BaseForm) -> Iterator[str]:
    """Yield what was changed on a form: "Points for one: 1 → 2"."""
    for name in form.changed_data:
        field = form.fields.get(name)
        if field is None or isinstance(field.widget, forms.HiddenInput):
            continue
        values = form.get_initial_for_field(field, name), form.cleaned_data.get(name)
        currencies = form.currencies(name) if isinstance(form, TypesMoney) else ("", "")
        before, after = (shown(field, *pair) for pair in zip(values, currencies, strict=True))
        text = pgettext("loyalty", "%(field)s: %(before)s → %(after)s")
        yield text % {"field": str(field.label or name), "before": before, "after": after}


def shown(field: forms.Field, value: Any, currency: str = "") -> str:
    """Return a value as staff read it; an amount with its currency."""
    if value in (None, "", [], (), {}):
        return pgettext("loyalty", "nothing")
    if isinstance(field, PointsAsMoney):
        return money.in_words(minor=int(value), currency=field.currency)
    if currency:
        return money.in_words(minor=money.to_minor(amount=Decimal(value), currency=currency), currency=currency)
    if isinstance(value, bool) or isinstance(field, forms.BooleanField):
        return pgettext("loyalty", "yes") if value else pgettext("loyalty", "no")
    if isinstance(field, forms.ModelMultipleChoiceField):
        return _short(", ".join(sorted(map(str, _rows(field, value)))))
    if isinstance(field, forms.ModelChoiceField):
        found = value if isinstance(value, Model) else next(iter(_rows(field, [value])), None)
        return _short(str(found)) if found is not None else str(value)
    if isinstance(field, forms.ChoiceField):
        known = dict(_flat(field.choices))
        values = value if isinstance(value, (list, tuple, set)) else [value]
        return _short(", ".join(str(known.get(str(one), one)) for one in values))
    if isinstance(value, dict):
        return _short(", ".join(f"{key}: {one}" for key, one in sorted(value.items())))
    if isinstance(value, datetime) and timezone.is_aware(value):
        # Pages about a program are in its zone.
        return moment(value, zone=timezone.get_current_timezone_name())
    if isinstance(value, int):
        return money.number(value)
    return _short(str(localize(value)))


def _rows(field: Any, values: Iterable[Any]) -> list[Any]:
    keys = [value.pk if isinstance(value, Model) else value for value in values]
    return list(field.queryset.filter(**{f"{field.to_field_name or 'pk'}__in": keys}))


def _flat(choices: Any) -> Iterator[tuple[str, Any]]:
    for value, label in choices:
        if isinstance(label, (list, tuple)):
            yield from _flat(label)
        else:
            yield str(value), label


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def note(*, staff: Any, member: Member, text: str) -> None:
    """
    Write into a member's history what was done by hand.

    The member stands there by the public id alone, and reasons that people typed stay beside the entry: both are
    forgotten with the person, and a history is not.
    """
    LogEntry.objects.create(
        user_id=staff.pk,
        content_type=ContentType.objects.get_for_model(Member, for_concrete_model=False),
        object_id=str(member.pk),
        object_repr=str(member.public_id),
        action_flag=CHANGE,
        change_message=text,
    )
