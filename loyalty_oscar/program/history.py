"""
Who changed what from which value to which, in Django's own history of the admin.

Django's log names fields alone. Ours has both values beside each, in the words of the page on which they were typed;
it is kept as JSON, as Django's is, so every page that shows a history shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import pgettext

from .models import Member

#: So much of a value is kept: a page of terms has its own versions.
LONGEST = 80


class TellsChanges:
    """
    For pages of the admin whose history says both values of what was changed.

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


def changes(*, form: Any) -> Iterator[str]:
    """Yield what was changed on a form: "Points for one: 1 → 2"."""
    for name in form.changed_data:
        field = form.fields.get(name)
        if field is None or isinstance(field.widget, forms.HiddenInput):
            continue
        before = form.get_initial_for_field(field, name)
        text = pgettext("loyalty", "%(field)s: %(before)s → %(after)s")
        label = str(field.label or name)
        yield text % {
            "field": label,
            "before": shown(field, before),
            "after": shown(field, form.cleaned_data.get(name)),
        }


def shown(field: Any, value: Any) -> str:
    """Return a value as staff read it."""
    if value in (None, "", [], (), {}):
        return pgettext("loyalty", "nothing")
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
    if isinstance(value, datetime):
        value = timezone.localtime(value) if timezone.is_aware(value) else value
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
